"""When services take their steps: as many as are due, whenever somebody looks. There is no thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tagship.sandbox.pace import now

if TYPE_CHECKING:
    from tagship.sandbox.ecs.service import Service

MOST = 100  # steps that one look catches up on: nothing takes more


@dataclass
class Clock:
    """Passes time for services, in steps.

    `step` is how many seconds one takes; 0 is a step a look.
    """

    step: float = 0.3
    _last: dict[str, datetime] = field(default_factory=dict)  # by service

    def begin(self, service: Service, at: datetime) -> None:
        """Count a service's steps from here."""
        self._last[service.arn] = at

    def pass_for(self, *services: Service) -> None:
        """Let services take the steps that are due."""
        for service in services:
            for moment in self._due(service):
                service.step(moment)

    def _due(self, service: Service) -> list[datetime]:
        at = now()
        if not self.step:
            return [at]
        past = self._last.get(service.arn, at)
        count = int((at - past).total_seconds() / self.step)
        moments = [past + timedelta(seconds=self.step * number) for number in range(1, count + 1)][-MOST:]
        self._last[service.arn] = moments[-1] if moments else past
        return moments
