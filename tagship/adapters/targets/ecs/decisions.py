"""Decisions about what one deployment started: to end it, or to have it go on from a hook at which it waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.search import Search, Started
from tagship.domain.ecs.service_deployment import STOPPABLE, ServiceDeployment
from tagship.domain.pause import Pause
from tagship.domain.units import Operation


@dataclass(frozen=True)
class Decisions:
    """Decides for the services that a deployment changes."""

    calls: EcsCalls
    deployment_id: str

    def end(self, operation: Operation) -> None:
        """Have ECS go back, if the operation is still under way."""
        for begun, deployment in self._started(operation.units):
            if begun.operation.id == operation.id and deployment and deployment.status in STOPPABLE:
                self._go_back(deployment)

    def _go_back(self, deployment: ServiceDeployment) -> None:
        """End it at its hook, or where it is."""
        if deployment.pauses:
            self.calls.decide(deployment.arn, deployment.pauses[0].hook, "ROLLBACK")
        else:
            self.calls.stop(deployment.arn)

    def pauses(self, services: Sequence[str]) -> list[Pause]:
        """List the hooks at which it waits."""
        return [
            Pause(begun.service, deployment.arn, hook.hook, deployment.stage_words, hook.until, hook.then)
            for begun, deployment in self._started(services)
            if deployment
            for hook in deployment.pauses
        ]

    def _started(self, services: Sequence[str]) -> Iterator[Started]:
        """Find what it started; what is under way is described whole."""
        search = Search(self.calls, self.deployment_id)
        for name in services:
            for begun, listed in search.of_service(name):
                whole = self.calls.described([listed.arn]) if listed and listed.under_way else {}
                yield begun, whole.get(listed.arn, listed) if listed else None
