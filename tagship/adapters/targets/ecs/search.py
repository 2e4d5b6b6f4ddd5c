"""Finds what a deployment started, by the tags of the task definitions that services run or were brought to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tagship.adapters.targets.ecs.beginning import SKEW, Begun
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain.change import Change
from tagship.domain.deployment import begun
from tagship.domain.ecs.definition import TaskRevision
from tagship.domain.ecs.service_deployment import ServiceDeployment, ours
from tagship.domain.units import Operation, Report, superseded

Started = tuple[Begun, ServiceDeployment | None]


@dataclass(frozen=True)
class Search:
    """Finds what one deployment started."""

    calls: EcsCalls
    deployment_id: str

    def of_service(self, name: str) -> list[Started]:
        """List what it started on a service, the oldest first."""
        service = self.calls.services([name]).get(name)
        if service is None:
            return []
        since = begun(self.deployment_id) - SKEW
        deployments = self.calls.deployments(name, since)[::-1]
        definitions = self.calls.definitions(deployment.target for deployment in deployments)
        starts: dict[str, Started] = {}
        for deployment in deployments:
            revision = self._mine(definitions.get(deployment.target, ""))
            if revision and revision.record:
                start = Begun(name, revision, revision.record, "", since, arn=deployment.arn)
                starts[revision.arn] = start, deployment
        starts |= self._as_it_is(service, starts, deployments, since)
        return list(starts.values())

    def _as_it_is(
        self,
        service: ServiceFacts,
        starts: dict[str, Started],
        deployments: Sequence[ServiceDeployment],
        since: datetime,
    ) -> dict[str, Started]:
        """Look at what runs: a change may have taken it over."""
        revision = self._mine(service.definition)
        if revision is None or revision.record is None or revision.arn in starts:
            return {}
        deployment = ours(service.primary, deployments)
        started = Begun(
            service.name, revision, revision.record, service.primary, since, started=not service.completed,
            arn=deployment.arn if deployment else "",
        )  # fmt: skip
        return {revision.arn: (started, deployment)}

    def _mine(self, definition: str) -> TaskRevision | None:
        """Read a task definition; None if another change wrote on it last."""
        revision = self.calls.revision(definition) if definition else None
        return revision if revision and revision.record and revision.record.deployment == self.deployment_id else None

    def of(self, change: Change, names: Sequence[str]) -> dict[str, Begun]:
        """Find what a change started on services."""
        return {
            name: start
            for name in names
            for start, _ in self.of_service(name)
            if start.record.belongs_to(change) and start.revision.artifact == change.artifact_id
        }

    def operations(self, name: str, since: datetime) -> Iterator[Operation]:
        """Describe what it started on a service."""
        if begun(self.deployment_id) < since.replace(microsecond=0):
            return
        for start, deployment in self.of_service(name):
            running = deployment.under_way if deployment else start.started
            yield replace(start.operation, running=running)

    def overtaken(self, change: Change, name: str) -> Report:
        """Report on a service on which nothing of the change is found."""
        service = self.calls.services([name]).get(name)
        if service is None:
            return Report(name, "silent", reason="the service is gone")
        now = self.calls.revision(service.definition)
        who = f"deployment {now.record.deployment}" if now.record else "somebody else"
        return superseded(name, change.artifact_id, now.artifact, f"{who} changed it meanwhile")
