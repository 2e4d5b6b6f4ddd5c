"""What makes a deployment fail: the circuit breaker's count of failed tasks, and alarms.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html. Does not model: the bake time
that ECS computes for alarms, and the breaker's two stages (every failed task counts).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LEAST, MOST = 3, 200  # that BOUNDED_PERCENT is bounded to
DEFAULT: Mapping[str, Any] = {"type": "BOUNDED_PERCENT", "value": 50}
FIRING = Callable[[Sequence[str]], Sequence[str]]  # which alarms of these are in ALARM


@dataclass
class Breaker:
    """The circuit breaker of one deployment."""

    settings: Mapping[str, Any]  # DeploymentCircuitBreaker
    desired: int
    failures: int = 0
    status: str = "MONITORING"

    def __post_init__(self) -> None:
        if not self.settings.get("enable"):
            self.status = "DISABLED"

    @property
    def rolls_back(self) -> bool:
        return bool(self.settings.get("rollback"))

    @property
    def threshold(self) -> int:
        chosen = self.settings.get("thresholdConfiguration") or DEFAULT
        if chosen["type"] == "COUNT":
            return int(chosen["value"])
        share = max(1, math.ceil(self.desired * int(chosen["value"]) / 100))
        return min(max(share, LEAST), MOST) if chosen["type"] == "BOUNDED_PERCENT" else share

    def count(self, failed: int, healthy: int) -> bool:
        """Count a step's tasks; return whether it fires."""
        if healthy and self.settings.get("resetOnHealthyTask", True):
            self.failures = 0
        self.failures += failed
        if self.status == "MONITORING" and self.failures >= self.threshold:
            self.status = "TRIGGERED"
        return self.status == "TRIGGERED"

    def finish(self) -> None:
        if self.status == "MONITORING":
            self.status = "MONITORING_COMPLETE"


@dataclass
class Alarms:
    """The alarms of one deployment.

    One that fires when the deployment begins isn't watched.
    """

    settings: Mapping[str, Any]  # DeploymentAlarms
    firing: FIRING
    unwatched: Sequence[str] = ()
    triggered: Sequence[str] = field(default_factory=list)
    status: str = "MONITORING"

    def __post_init__(self) -> None:
        if not self.settings.get("enable"):
            self.status = "DISABLED"
        self.unwatched = list(self.firing(self.names))

    @property
    def names(self) -> Sequence[str]:
        return list(self.settings.get("alarmNames", []))

    @property
    def rolls_back(self) -> bool:
        return bool(self.settings.get("rollback"))

    def look(self) -> bool:
        """Return whether one has fired since the deployment began."""
        if self.status == "MONITORING":
            self.triggered = [name for name in self.firing(self.names) if name not in self.unwatched]
            self.status = "TRIGGERED" if self.triggered else self.status
        return self.status == "TRIGGERED"

    def finish(self) -> None:
        if self.status == "MONITORING":
            self.status = "MONITORING_COMPLETE"
