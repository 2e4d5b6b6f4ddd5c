"""What functions write: in the group that each one's configuration names."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence

from tagship.adapters.aws.logs import LogGroup
from tagship.adapters.aws.session import Aws
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.units import Unit
from tagship.errors import Refused
from tagship.ports.target import Tick

VERSION = re.compile(r"\[(\$?\w+)\]")  # in a stream's name: 2026/11/29/[7]0a1b…


def function_lines(aws: Aws, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
    """Yield what functions wrote, by time; each has a group."""
    parts = [_of(aws, unit.id, window, tick) for unit in units if unit.online]
    for unit in units:
        if not unit.online:
            tick(f"{unit.name} was not read: {unit.problem}")
    yield from heapq.merge(*parts, key=LogLine.order)


def _of(aws: Aws, function: str, window: TimeRange, tick: Tick) -> Iterator[LogLine]:
    with aws.translated(f"reading where {function} writes its log"):
        answer = aws.client("lambda").get_function_configuration(FunctionName=function)
    name = answer.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
    try:
        for event in LogGroup(aws, name, "Invoke the function: Lambda makes the group then").events(window):
            version = VERSION.search(event.stream)
            unit = f"{function} {version[1]}" if version else function
            yield LogLine(event.at, unit, event.text, event.id)
    except Refused as reason:  # another function's log is shown all the same
        tick(f"{function} has written nothing: {reason.what.rstrip('.')}")
