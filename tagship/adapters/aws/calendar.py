"""SSM Change Calendar: whether changes are allowed now (GetCalendarState, SSM API reference)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain import aws_commands
from tagship.errors import Refused, ServiceFailed
from tagship.ports.account import Window


class SsmCalendar:
    """Change calendars, by name or ARN.

    One that cannot be asked is no permission: Refused.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def state(self, name: str) -> Window:
        client: Any = self._aws.client("ssm")
        try:
            with self._aws.translated(f"asking the change calendar {name}"):
                answer = client.get_calendar_state(CalendarNames=[name])
        except ServiceFailed as reason:
            raise Refused(
                f"Whether the change calendar {name} allows a deploy cannot be asked: {reason.what}",
                remedy=f"{reason.remedy}; then try: {aws_commands.calendar_state(name, self._aws.where)}",
                evidence=reason.evidence,
            ) from reason
        until = answer.get("NextTransitionTime", "")
        return Window(answer["State"] == "OPEN", datetime.fromisoformat(until) if until else None)
