"""How a deployment replaces what runs: the rolling update.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html and, for early success, the
text of DeploymentEarlySuccessCriteria in the API reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from tagship.sandbox.ecs.revision import Revision

if TYPE_CHECKING:
    from tagship.sandbox.ecs.service import Service


class Strategy(Protocol):
    """How one deployment goes on."""

    weights: tuple[float, float] | None  # production and test traffic of the target, in percent
    refused: str  # why it is to be rolled back, or ""

    @property
    def stage(self) -> str:
        """Return the lifecycleStage; "" for a rolling update."""

    @property
    def hooks(self) -> list[dict[str, Any]]:
        """Describe the hook that it waits for, if there is one."""

    def advance(self, service: Service, target: Revision, now: datetime) -> bool:
        """Take a step; return whether the deployment is successful."""

    def go_back(self) -> None:
        """Take traffic back."""


@dataclass
class Rolling:
    """A rolling update; `early` is DeploymentEarlySuccessCriteria."""

    early: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[float, float] | None = None
    refused: str = ""

    @property
    def stage(self) -> str:
        return ""

    @property
    def hooks(self) -> list[dict[str, Any]]:
        return []

    def advance(self, service: Service, target: Revision, now: datetime) -> bool:
        service.schedule(target, now)
        return self._early(service, target) or service.settled(target)

    def _early(self, service: Service, target: Revision) -> bool:
        if not self.early.get("enable"):
            return False
        enough = service.healthy(target) >= math.ceil(service.desired * self.early.get("healthyPercent", 100) / 100)
        deferred = self.early.get("sourceServiceRevisionCleanup") == "DEFERRED"
        return enough and (deferred or not service.others(target))

    def go_back(self) -> None:
        """Traffic follows the tasks."""
