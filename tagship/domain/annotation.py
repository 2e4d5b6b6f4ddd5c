"""A CI step's report: one workflow command, which GitHub keeps as an annotation and a follower reads back.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: data escapes %, CR and LF; a property
escapes colons and commas too (the titles here hold none).

Anything that a job prints can be such a command: an app's log in a step of somebody else's, for one. So the first of
our steps in a job draws a nonce and says that it does; what claims to be ours and does not end in it is not believed.
Two that say so contradict each other, and then nothing is believed: a false alarm is better than a false success.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tagship.domain.text import visible

BEGINS = "tagship begins"  # the title of what says which nonce this job's annotations end in
EVIDENCE = "tagship evidence"  # the title of what was captured of a failure
NEXT = "tagship next"  # the title of the step's own remedy
FORGED = "(not by tagship) "  # begins a title that claims to be ours, once it is read
LINES = 60  # of evidence: the last ones, because GitHub takes 64 KiB
NONCE = re.compile(r"[0-9a-f]{16}")
_TITLE = re.compile(r"tagship exit (\d{1,3})\Z")
# The worst first: nobody is woken by less than what one step of the run said. Others are as bad as a failed service.
WORST = (7, 6, 9, 8, 5, 4, 3, 2, 130)


def opening(nonce: str) -> str:
    """Write `::notice title=tagship begins …::`: which nonce ours end in."""
    return f"::notice title={BEGINS} {nonce}::Annotations of tagship in this job end in {nonce}."


def command(code: int, message: str, nonce: str) -> str:
    """Write `::notice title=tagship exit 0 …::`; `::error …` for other exit codes."""
    level = "notice" if code == 0 else "error"
    return f"::{level} title=tagship exit {code} {nonce}::{escaped(message)}"


def evidence_command(text: str, nonce: str) -> str:
    """Write `::error title=tagship evidence …::` for whoever follows the run."""
    return f"::error title={EVIDENCE} {nonce}::{escaped(chr(10).join(text.rstrip().splitlines()[-LINES:]))}"


def next_command(remedy: str, nonce: str) -> str:
    """Write `::error title=tagship next …::`: the step's own remedy."""
    return f"::error title={NEXT} {nonce}::{escaped(remedy)}"


def escaped(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def genuine(titles: Sequence[str]) -> list[str]:
    """Return one job's titles without the nonce; mark those that are forged."""
    begun = {title.removeprefix(BEGINS) for title in titles if title.startswith(BEGINS)}
    nonce = next(iter(begun)) if len(begun) == 1 else ""
    nonce = nonce if NONCE.fullmatch(nonce[1:]) else ""
    return [_read(title, nonce) for title in titles]


def _read(title: str, nonce: str) -> str:
    if not title.lower().lstrip().startswith("tagship"):
        return title
    return title.removesuffix(nonce) if nonce and title.endswith(nonce) else f"{FORGED}{title}"


def exit_code(title: str) -> int | None:
    """Read the exit code from a title that `genuine` returned."""
    # None if tagship did not write it.
    match = _TITLE.match(title)
    return int(match[1]) if match else None


def worst(codes: Sequence[int]) -> int:
    """Return the place of the worst exit code, the first of equals."""
    ranks = [WORST.index(code if code in WORST else 8) for code in codes]
    return ranks.index(min(ranks))
