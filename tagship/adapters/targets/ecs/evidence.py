"""What is gathered of a service that failed: it is asked for at once, because ECS takes the failed tasks away.

Every part is asked for by itself: one that can't be had is named, and hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tagship.adapters.targets.ecs.around import Around
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain.ecs.definition import TaskRevision
from tagship.domain.ecs.service_deployment import ServiceDeployment
from tagship.domain.ecs.surroundings import streams, unwell
from tagship.domain.ecs.task import TaskFacts, last_stops, newest_stopped
from tagship.errors import ServiceFailed

LINES = 15  # of a log that are quoted
TARGETS = 3  # that are not healthy


@dataclass(frozen=True)
class Evidence:
    """Gathers what a person would look for first."""

    calls: EcsCalls
    around: Around

    def gathered(
        self, service: ServiceFacts, revision: TaskRevision, deployment: ServiceDeployment | None, targets: str = ""
    ) -> str:
        """Gather all there is; `targets` is what was seen of them before."""
        tasks: list[TaskFacts] = []

        def stops() -> Iterator[str]:
            tasks.extend(self.calls.tasks(service.name, "STOPPED"))
            yield last_stops(tasks, revision.arn)

        parts = (
            lambda: self._monitors(deployment),
            stops,
            lambda: iter([targets or self.unhealthy(service)]),
            lambda: self._log(service, revision, tasks),
        )
        return "\n".join(line for part in parts for line in _tried(part) if line)

    def unhealthy(self, service: ServiceFacts) -> str:
        """Say which of its targets are not healthy, and why."""
        lines = [line for group in service.groups for line in unwell(self.around.targets(group))]
        return "\n".join(lines[:TARGETS])

    def _monitors(self, deployment: ServiceDeployment | None) -> Iterator[str]:
        if deployment is None:
            return
        yield deployment.count
        for name, alarm in self.around.alarms(deployment.alarms).items():
            yield f"alarm {name}: {alarm.reason or 'it gives no reason'}"

    def _log(self, service: ServiceFacts, revision: TaskRevision, stopped: Sequence[TaskFacts]) -> Iterator[str]:
        """Quote the log of the revision's last task, by container."""
        task = newest_stopped(stopped, revision.arn) or self._running(service, revision)
        for stream in streams(revision.definition, task.arn) if task else ():
            lines = self.around.log(stream, LINES)
            if lines:
                yield f"log of {stream.container}, task {task.short if task else ''}:\n" + "\n".join(
                    f"  {line}" for line in lines
                )

    def _running(self, service: ServiceFacts, revision: TaskRevision) -> TaskFacts | None:
        tasks = self.calls.tasks(service.name)
        return next((task for task in tasks if task.revision == revision.arn), None)


def _tried(part: Callable[[], Iterator[str]]) -> list[str]:
    """List what a part gives; if it can't be had, why not."""
    lines: list[str] = []
    try:
        lines.extend(part())
    except ServiceFailed as reason:
        lines.append(f"not seen: {reason.what.rstrip('.')}")
    return lines
