"""hashFiles() of expressions: one SHA-256 over the SHA-256 of each file in the workspace that a pattern selects.

As GitHub's runner does it: https://docs.github.com/actions/reference/workflows-and-actions/expressions#hashfiles. `*`
stops at a slash, `**` does not; a folder means everything in it; `!` removes what an earlier pattern selected.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship.sandbox.actions.expression_errors import ExpressionError
from tagship.sandbox.actions.expression_functions import Argument, Function
from tagship.sandbox.actions.expression_parser import Arity
from tagship.sandbox.actions.expression_values import as_text

FOLLOW = "--follow-symbolic-links"
SEGMENT = re.compile(r"\\(?P<escaped>.)|(?P<stars>\*+)|(?P<any>\?)|\[(?P<set>[!^]?\]?[^\]]*)\]|(?P<plain>.)", re.S)
SPECIAL = re.compile(r"[\\\[\]^&~|]")  # in a set of a regular expression


def hash_files_in(workspace: Path) -> Function:
    """Make the hashFiles() of a job whose workspace this is."""

    def call(arguments: Sequence[Argument]) -> str:
        texts = [as_text(argument()) for argument in arguments]
        follow = texts[0].lower() == FOLLOW
        return hash_files(workspace, "\n".join(texts[follow:]), follow=follow)

    return Function(call, Arity(1, 255))


def hash_files(workspace: Path, patterns: str, *, follow: bool = False) -> str:
    """Hash the files that patterns select; "" if none. Raises ExpressionError."""
    # One pattern a line.
    lines = (line.strip() for line in patterns.splitlines())
    try:
        selection = [_Pattern.read(line, workspace) for line in lines if line and not line.startswith("#")]
        digests = [_digest(path) for path in _selected(workspace, selection, follow=follow)]
    except (OSError, ValueError, re.error) as reason:
        raise ExpressionError("evaluation", f"hashFiles('{patterns}') failed: {reason}") from reason
    return hashlib.sha256(b"".join(digests)).hexdigest() if digests else ""


@dataclass(frozen=True)
class _Pattern:
    """One line of hashFiles(): a pattern.

    What it matches of a path under the workspace, and the folder or file where its search begins.
    """

    negated: bool
    expression: re.Pattern[str]
    start: str

    @classmethod
    def read(cls, line: str, workspace: Path) -> _Pattern:
        text = line.lstrip("! ")
        negated = line[: len(line) - len(text)].count("!") % 2 == 1
        text = text.removeprefix(f"{workspace}/").removeprefix("./")
        segments = [segment for segment in text.split("/") if segment]
        if text.startswith(("/", "~")) or {".", ".."} & set(segments):
            raise ValueError(f"the pattern {line!r} leads out of the workspace")
        below = "/.*" if text.endswith("/") else "(?:/.*)?"
        return cls(negated, re.compile(_expression(segments) + below, re.S), _literal_start(segments))


def _expression(segments: Sequence[str]) -> str:
    """Turn a pattern's segments into a regular expression."""
    # Every pattern has `**` at its end.
    while segments and segments[-1] == "**":
        segments = segments[:-1]
    parts = ["(?:[^/]+/)*" if segment == "**" else _segment(segment) + "/" for segment in segments]
    return "".join(parts).removesuffix("/") if parts else "[^/]+"


def _segment(segment: str) -> str:
    return "".join(map(_piece, SEGMENT.finditer(segment)))


def _piece(match: re.Match[str]) -> str:
    if match["stars"]:
        return "[^/]*"
    if match["any"]:
        return "[^/]"
    if match["set"]:
        inverted = match["set"][0] in "!^"
        return ("[^/" if inverted else "[") + SPECIAL.sub(r"\\\g<0>", match["set"][inverted:]) + "]"
    return re.escape(match["escaped"] or match["plain"])


def _literal_start(segments: Sequence[str]) -> str:
    """Return the segments before the first wildcard."""
    # The search begins there.
    plain = [any(mark in segment for mark in "*?[") for segment in segments]
    return "/".join(segments[: plain.index(True)] if True in plain else segments).replace("\\", "")


def _selected(workspace: Path, selection: Sequence[_Pattern], *, follow: bool) -> Iterator[Path]:
    for start in _starts(selection):
        for path in _files(workspace / start, follow=follow, above=()):
            if _is_selected(path.relative_to(workspace).as_posix(), selection):
                yield path


def _starts(selection: Sequence[_Pattern]) -> list[str]:
    """List where to search, in the patterns' order, no place inside another."""
    starts = list(dict.fromkeys(pattern.start for pattern in selection if not pattern.negated))
    return [start for start in starts if not any(_is_inside(start, other) for other in starts if other != start)]


def _is_inside(start: str, other: str) -> bool:
    return not other or start.startswith(other + "/")


def _is_selected(path: str, selection: Sequence[_Pattern]) -> bool:
    selected = False
    for pattern in selection:
        if pattern.expression.fullmatch(path):
            selected = not pattern.negated
    return selected


def _files(path: Path, *, follow: bool, above: tuple[str, ...]) -> Iterator[Path]:
    """Yield every file from `path` down, by name."""
    # A link to a folder only if it is to be followed, and not in a circle.
    if not path.is_dir():
        if os.path.lexists(path) and not (follow and not path.exists()):
            yield path
        return
    real = os.path.realpath(path)
    if (path.is_symlink() and not follow) or real in above:
        return
    for name in sorted(os.listdir(path)):
        yield from _files(path / name, follow=follow, above=(*above, real))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
