"""The proof that a service runs an artifact: every running task by its digest, and its URL if it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain.ecs.definition import TaskRevision
from tagship.domain.ecs.task import TaskFacts, why_not_all
from tagship.domain.health import Sample, verdict, waits
from tagship.ports.target import Web
from tagship.settings.ecs import ServiceTable
from tagship.settings.tables import Health


@dataclass(frozen=True)
class Proof:
    """Counts tasks, and asks URLs; `wait` waits some seconds."""

    calls: EcsCalls
    web: Web
    health: Health
    services: Mapping[str, ServiceTable]
    wait: Callable[[float], None]

    def why_not_running(self, service: ServiceFacts, revision: TaskRevision, *, whole: bool = True) -> str:
        """Say why not all its tasks run a revision.

        Empty if all do. `whole`: as many as the service wants have to run.
        """
        tasks = self.calls.tasks(service.name)
        why = self._why(tasks, service, revision)
        running = sum(task.runs for task in tasks)
        if not why and whole and running < service.desired:
            return f"{running} of {service.desired} tasks run"
        if not service.desired and not running:
            return "its desired count is 0: no task shows what it runs"
        return why

    def _why(self, tasks: Sequence[TaskFacts], service: ServiceFacts, revision: TaskRevision) -> str:
        digests = {name: {digest} for name, digest in revision.digests.items()}
        why = why_not_all(tasks, revision.arn, digests, {})
        if not why or any(task.revision != revision.arn for task in tasks if task.runs):
            return why
        return why_not_all(tasks, revision.arn, self._resolved(service, digests), {})

    def _resolved(self, service: ServiceFacts, digests: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
        """Add what ECS itself resolved those digests to."""
        # The digest of an index leads to that of a platform's image.
        more = {name: set(values) for name, values in digests.items()}
        for arn in service.revisions:
            for container, image, digest in self.calls.resolved(arn):
                if container in more and image.partition("@")[2] in digests[container]:
                    more[container].add(digest)
        return more

    def answers(self, service: str, why: str) -> str:
        """Name the URL that answered badly, for the evidence."""
        return f"{self.services[service].url}: {why}\n"

    def why_not_answering(self, service: str, artifact: str, attempts: int, passes: int) -> str:
        """Ask the service's URL; say why its answers are not good."""
        table = self.services[service]
        if not table.url:
            return ""
        samples: list[Sample] = []
        for pause in [*waits(attempts, self.health.cap), 0.0]:
            sample = self.web.ask(table.url, table.version_key or self.health.version_key, self.health.timeout)
            samples.append(sample if table.version_key else replace(sample, version=artifact))
            judged = verdict(samples, expected=artifact, passes=min(passes, attempts))
            if judged.healthy:
                return ""
            self.wait(pause if not sample.status or judged.reason else 0.0)
        return judged.reason
