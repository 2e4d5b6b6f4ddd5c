"""CHANGELOG.md: what is not released yet, and what a version brought. Pure."""

from __future__ import annotations

import re
from datetime import date

from tagship.errors import Refused

FILE = "CHANGELOG.md"
HEADING = "## Unreleased"


def unreleased(text: str) -> str:
    """Return what stands below "Unreleased". Raises Refused if that is nothing."""
    body = _below(HEADING, text)
    if not body:
        raise Refused(f"{FILE} says nothing below “{HEADING}”.", remedy=f"Write there what changed: $EDITOR {FILE}")
    return body


def cut(text: str, version: str, day: date) -> str:
    """Give what is unreleased a version and its day; an empty heading stays above."""
    unreleased(text)
    return text.replace(f"{HEADING}\n", f"{HEADING}\n\n## {version} ({day.isoformat()})\n", 1)


def section(text: str, version: str) -> str:
    """Return what a version brought; empty if the changelog does not know it."""
    headings = re.findall(rf"^## {re.escape(version)}(?: .*)?$", text, re.MULTILINE)
    return _below(headings[0], text) if headings else ""


def _below(heading: str, text: str) -> str:
    """Return the lines from a heading up to the next of its kind."""
    _, _, rest = f"\n{text}".partition(f"\n{heading}\n")
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()
