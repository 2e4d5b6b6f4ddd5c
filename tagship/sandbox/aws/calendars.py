"""SSM Change Calendar, as far as asking for its state goes: moto has none.

What a calendar says is set with POST /sandbox/faults: {"calendars": {"office-hours": "CLOSED"}}. One that nobody set
does not exist.
"""

from __future__ import annotations

from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse as Response


class Calendars:
    """OPEN or CLOSED by name; `until` is when each changes, ISO 8601, where that is known."""

    states: ClassVar[dict[str, str]] = {}
    until: ClassVar[dict[str, str]] = {}


def install() -> None:
    """Put GetCalendarState onto moto's class of responses."""
    Response.get_calendar_state = _state  # type: ignore[attr-defined]


def _state(self: Any) -> ActionResult:
    """Of several calendars, closed where one of them is (SSM API reference, GetCalendarState)."""
    names = list(self._get_param("CalendarNames") or [])
    unknown = [name for name in names if name not in Calendars.states]
    if unknown:
        raise SSMException("InvalidDocument", f"Document with name {unknown[0]} does not exist.")
    closed = [name for name in names if Calendars.states[name] == "CLOSED"]
    answer = {"CalendarNames": names, "State": "CLOSED" if closed else "OPEN"}
    moments = [Calendars.until[name] for name in names if name in Calendars.until]
    return ActionResult(answer | ({"NextTransitionTime": min(moments)} if moments else {}))
