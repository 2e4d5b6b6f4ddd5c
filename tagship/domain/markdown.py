"""GitHub's Markdown from foreign words: they are text in it, whatever they look like.

Every character that could mean something is written as its number (CommonMark: entity references "cannot be used in
place of symbols indicating structure"); so are those by which GitHub links people and issues, which it looks for in
text and not in code: foreign words are code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tagship.domain.text import visible

_MEANS = re.compile(r"[^\w .,:()/-]|_|:(?=//)", re.ASCII)


def text(words: str) -> str:
    """Write words on one line, each character for itself."""
    line = visible(words).replace("\n", "\\n").replace("\t", " ")
    return _MEANS.sub(lambda match: match[0] if ord(match[0]) > 127 else f"&#{ord(match[0])};", line)


def code(words: str) -> str:
    """Write words as code: nothing in them is a link."""
    return f"<code>{text(words)}</code>" if words else ""


def heading(words: str) -> list[str]:
    return [f"### {code(words)}", ""]


def paragraph(words: str) -> list[str]:
    return [code(words), ""]


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Write a table; nothing if it has no rows."""
    if not rows:
        return []
    lines = [columns, ["---"] * len(columns), *([code(str(cell)) for cell in row] for row in rows)]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def folded(title: str, words: str) -> list[str]:
    """Fold a block that a reader opens; nothing without words."""
    if not words:
        return []
    shown = (f"    {line}" for line in visible(words).split("\n"))
    return [f"<details><summary>{title}</summary>", "", *shown, "", "</details>", ""]
