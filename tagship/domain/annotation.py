"""A CI step's report: one workflow command, which GitHub keeps as an annotation and a follower reads back.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: data escapes %, CR and LF; a property
escapes colons and commas too (the titles here hold none).
"""

from __future__ import annotations

import re

EVIDENCE = "tagship evidence"  # the title of what was captured of a failure
NEXT = "tagship next"  # the title of the step's own remedy
LINES = 60  # of evidence: the last ones, because GitHub takes 64 KiB
_TITLE = re.compile(r"tagship exit (\d{1,3})\Z")


def command(code: int, message: str) -> str:
    """Write `::notice title=tagship exit 0::…`; `::error …` for other exit codes."""
    level = "notice" if code == 0 else "error"
    return f"::{level} title=tagship exit {code}::{escaped(message)}"


def evidence_command(text: str) -> str:
    """Write `::error title=tagship evidence::…` for whoever follows the run."""
    return f"::error title={EVIDENCE}::{escaped(chr(10).join(text.rstrip().splitlines()[-LINES:]))}"


def next_command(remedy: str) -> str:
    """Write `::error title=tagship next::…`: the step's own remedy."""
    return f"::error title={NEXT}::{escaped(remedy)}"


def escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def exit_code(title: str) -> int | None:
    """Read the exit code from an annotation's title."""
    # None if tagship did not write it.
    match = _TITLE.match(title)
    return int(match[1]) if match else None
