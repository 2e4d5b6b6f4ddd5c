"""SSM Change Calendar, as far as asking for its state goes: moto does not have it.

Follows https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html. Does not model: the
calendars' documents and their events, AtTime, and shared calendars' ARNs. What a calendar says is set with POST
/sandbox/faults: {"calendars": {"office-hours": "CLOSED"}, "transitions": {"office-hours": "2026-12-01T08:00:00Z"}}. One
that nobody set does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from tagship.sandbox.aws import stock
from tagship.sandbox.world import World


@dataclass
class Calendars:
    """OPEN or CLOSED by name.

    `transitions` is when each changes, ISO 8601, if that is known.
    """

    states: dict[str, str] = field(default_factory=dict)
    transitions: dict[str, str] = field(default_factory=dict)

    def state(self, request: Any) -> ActionResult:
        """Answer GetCalendarState: several calendars are closed if one is."""
        names = list(request._get_param("CalendarNames") or [])
        for name in names:
            if name not in self.states:
                raise SSMException("InvalidDocument", f"Document with name {name} does not exist.")
        closed = any(self.states[name] == "CLOSED" for name in names)
        answer = {"CalendarNames": names, "State": "CLOSED" if closed else "OPEN"}
        moments = [self.transitions[name] for name in names if name in self.transitions]
        return ActionResult(answer | ({"NextTransitionTime": min(moments)} if moments else {}))


def install(world: World) -> None:
    """Put GetCalendarState onto moto's class of responses."""
    calendars = Calendars()
    world.switches |= {"calendars": calendars.states.update, "transitions": calendars.transitions.update}

    def answer(request: Any) -> ActionResult:
        return calendars.state(request)

    stock.replace(SimpleSystemManagerResponse, "get_calendar_state", lambda _none: answer)
