"""The proof that a service runs an artifact: every running task by its digest, and its URL if it has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain.ecs.definition import TaskRevision
from tagship.domain.ecs.task import TaskFacts, why_not_all
from tagship.domain.health import Sample, Verdict, in_a_row, is_settled, under_way, verdict, waits
from tagship.domain.text import counted
from tagship.ports.hooks import HookRunner
from tagship.ports.target import Web
from tagship.settings.ecs import ServiceHealth, ServiceTable
from tagship.settings.health import Health

LOOK = 5  # seconds between two counts of tasks that have to stay up


@dataclass(frozen=True)
class Command:
    """Runs a service's check by a command on the runner."""

    runner: Callable[[], HookRunner]
    environment: str

    def problem(self, command: Sequence[str], service: str, artifact: str, timeout: int) -> str:
        """Run it once; say what was wrong, empty if it ended well."""
        names = {"VERSION": artifact, "ARTIFACT_ID": artifact, "ENVIRONMENT": self.environment, "SERVICE": service}
        return self.runner().command(command, names, timeout, lambda _phase: None).problem


@dataclass(frozen=True)
class Proof:
    """Counts tasks, and asks services; `wait` waits some seconds."""

    calls: EcsCalls
    web: Web
    health: Health
    services: Mapping[str, ServiceTable]
    wait: Callable[[float], None]
    command: Command

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
        """Name what answered badly, for the evidence."""
        health = self.services[service].health
        return f"{health.asked if health else 'its tasks'}: {why}\n"

    def why_not_answering(
        self, service: str, artifact: str, attempts: int, passes: int, say: Callable[[str], None] = lambda _: None
    ) -> str:
        """Ask the service; say why its answers are not good.

        `say` hears what is asked, and at which attempt it is.
        """
        check = self.services[service].health
        if check is None:
            return ""
        if check.kind == "alive":
            say(f"its tasks have to run for {check.seconds} s")
            return self._why_not_staying(service, check.seconds)
        say(f"asking {check.asked}")
        samples = list[Sample]()
        for pause in [*waits(attempts, self.health.cap), 0.0]:
            samples.append(self._sample(service, check, artifact))
            judged = self._judged(samples, check, artifact, min(passes, attempts))
            if judged.healthy:
                return ""
            if not self._judged(samples[-1:], check, artifact, 1).healthy:
                if is_settled(samples, self.health.settled):
                    return in_a_row(judged.reason, self.health.settled)
                if len(samples) < attempts:
                    say(f"asking {check.asked}, {under_way(len(samples), attempts, judged.reason, self.health.cap)}")
            self.wait(pause)
        return judged.reason

    @staticmethod
    def _judged(samples: Sequence[Sample], check: ServiceHealth, artifact: str, passes: int) -> Verdict:
        accepted = check.accepted(check.version_key)
        return verdict(samples, expected=artifact, passes=passes, accepted=accepted)

    def _sample(self, service: str, check: ServiceHealth, artifact: str) -> Sample:
        """Ask once."""
        if check.kind == "tcp":
            return self.web.connect(check.address, self.health.timeout)
        if check.kind == "http":
            return self.web.ask(check.url, check.version_key, self.health.timeout)
        problem = self.command.problem(check.command, service, artifact, self.health.timeout)
        return Sample(0, problem=f"{check.asked}: {problem}", said=problem) if problem else Sample(200)

    def _why_not_staying(self, service: str, seconds: int) -> str:
        """See that the tasks that run now still run some seconds later."""
        before = {task.arn for task in self.calls.tasks(service) if task.runs}
        for _ in range(max(1, -(-seconds // LOOK))):
            self.wait(min(seconds, LOOK))
            left = before - {task.arn for task in self.calls.tasks(service) if task.runs}
            if left:
                return f"{len(left)} of {counted(len(before), 'task')} stopped within {seconds} s"
        return ""
