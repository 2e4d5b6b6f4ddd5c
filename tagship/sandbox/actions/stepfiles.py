"""What a step reports: the files GITHUB_OUTPUT, GITHUB_ENV and GITHUB_PATH, and `::notice …::` lines. Pure.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tagship.sandbox.actions.expressions import NotUnderstood
from tagship.sandbox.actions.records import Annotation, Level

COMMAND = re.compile(r"\s*::(notice|warning|error)( [^\r\n]*?)?::")
OLD_COMMAND = re.compile(r"##\[(notice|warning|error)(?: ([^\]]*))?\]")  # anywhere in a line, as Azure Pipelines has it
STOP = re.compile(r"\s*::stop-commands::(.*)")
LEVELS: dict[str, Level] = {"notice": "notice", "warning": "warning", "error": "failure"}


def assignments(text: str) -> dict[str, str]:
    """Read `name=value` lines and `name<<END` … `END` blocks. Raises NotUnderstood."""
    values: dict[str, str] = {}
    lines = iter(re.split("\r\n|\r|\n", text))  # and at nothing else, as the runner does
    for line in lines:
        name, sign, value = _split(line)
        if not line.strip():
            continue
        if not sign or not name:
            raise NotUnderstood(f"cannot read the line {line!r}: it should be name=value")
        values[name] = value if sign == "=" else "\n".join(_until(value, lines))
    return values


def _split(line: str) -> tuple[str, str, str]:
    """Split a line at `=` or `<<`, whichever comes first."""
    match = re.search(r"=|<<", line)
    return (line[: match.start()], match[0], line[match.end() :]) if match else (line, "", "")


def _until(mark: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == mark:
            return
        yield line
    raise NotUnderstood(f"a value's end mark {mark!r} is missing")


def spoken(lines: Iterable[str]) -> list[Annotation]:
    """Read the workflow commands among a step's lines."""
    return [annotation for annotation in map(read_annotation, _obeyed(lines)) if annotation]


def _obeyed(lines: Iterable[str]) -> Iterator[str]:
    """Leave out the lines between `::stop-commands::mark` and `::mark::`."""
    mark = ""
    for line in lines:
        if mark:
            mark = "" if line.strip() == f"::{mark}::" else mark
        elif stop := STOP.match(line):
            mark = stop[1].strip()
        else:
            yield line


def read_annotation(line: str) -> Annotation | None:
    """Read `::notice title=T,file=F::message`; None for any other line."""
    head, between = COMMAND.match(line), ","
    if not head:
        head, between = OLD_COMMAND.search(line), ";"
    if not head:
        return None
    properties = dict(part.strip().partition("=")[::2] for part in (head[2] or "").split(between))
    message = line[head.end() :].rstrip("\r\n")
    title = unescaped(properties.get("title", "").replace("%3A", ":").replace("%2C", ","))
    return Annotation(LEVELS[head[1]], title, unescaped(message))


def unescaped(text: str) -> str:
    """Turn %0D, %0A and %25 into their characters."""
    # The percent sign last.
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
