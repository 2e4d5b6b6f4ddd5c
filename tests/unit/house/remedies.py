"""What a remedy may look like: a command is the last thing on its line, and can be pasted as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

COMMANDS = (
    re.compile(r"\binv [a-z].*"),
    re.compile(r"(?:^|: )((?:tagship|git|gh|aws|docker|rm|cd|kill|export|curl) [a-z~/.$-].*)"),
)
WORDS = re.compile(r" \((?!\d)|[;,] (?:then|or|to)\b|\.$|; | or ")


def unpasteable(remedy: str) -> list[str]:
    """List the lines of a remedy whose command is followed by words."""
    return [line.strip() for line in remedy.split("\n") if not all(map(_is_whole, _commands(line)))]


def _commands(line: str) -> Iterator[str]:
    for pattern in COMMANDS:
        if command := pattern.search(line):
            yield command[command.lastindex or 0]


def _is_whole(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return not WORDS.search(re.sub(r"'[^']*'|\"[^\"]*\"", "''", command))
