"""A hook's command in a task of its own: the artifact's image by digest, followed to its end.

Its task definition is made from the newest of a family, and registered in a family beside it, so that no revision of a
service's own comes between those that services run. RunTask has a clientToken for each attempt: a lost answer, or a
process that goes on where another died, finds the same task and starts none beside it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tagship.adapters.targets.ecs.around import Around
from tagship.adapters.targets.ecs.beginning import ServiceStart
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.looks import Growing, pause
from tagship.domain.ecs.definition import TaskRevision, Unregistrable, wanted
from tagship.domain.ecs.record import ARTIFACT, CHANGE, carried_over
from tagship.domain.ecs.surroundings import streams
from tagship.domain.hook import HookOutcome, bounded
from tagship.domain.text import listed, span
from tagship.errors import ArtifactMissing, NotAuthentic, ServiceFailed
from tagship.ports.target import Tick
from tagship.settings.ecs import ServiceTable
from tagship.settings.hooks import OF_HOOKS, HookTable, TaskTable

FIRST_LOOK, LAST_LOOK = 0.5, 5.0  # seconds between two looks
ENDS = timedelta(seconds=150)  # in which a task that was asked to stop has to: stopTimeout is 120 s at most
LINES = 100  # of its log that are read
LATE = 3.0  # seconds in which the last lines come to the log
STARTED_BY = "tagship"
PLACEMENT = ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration")


@dataclass(frozen=True)
class TaskCalls:
    """The calls for tasks that are run by themselves. Each raises ServiceFailed."""

    calls: EcsCalls

    @property
    def _client(self) -> Any:
        return self.calls.aws.client("ecs")

    def placement(self, service: str) -> dict[str, Any]:
        """Read where a service's tasks run, as RunTask takes it."""
        with self.calls.aws.translated(f"describing {service}"):
            answer = self._client.describe_services(cluster=self.calls.cluster, services=[service])
        row: Mapping[str, Any] = next(iter(answer["services"]), {})
        return {name: row[name] for name in PLACEMENT if row.get(name)}

    def run(self, revision: TaskRevision, placement: Mapping[str, Any], override: Mapping[str, Any], token: str) -> str:
        """Start one task; return its ARN. Raises Unregistrable if ECS started none."""
        with self.calls.aws.translated(f"running a task of {revision.name}"):
            answer = self._client.run_task(
                cluster=self.calls.cluster,
                taskDefinition=revision.arn,
                count=1,
                startedBy=STARTED_BY,
                clientToken=token,
                overrides={"containerOverrides": [dict(override)]},
                **placement,
            )
        if not answer["tasks"]:
            reasons = [f"{row.get('reason', '')} {row.get('detail', '')}".strip() for row in answer.get("failures", ())]
            raise Unregistrable(f"ECS started no task: {listed(reasons) if reasons else 'it gives no reason'}")
        return str(answer["tasks"][0]["taskArn"])

    def described(self, arn: str) -> Mapping[str, Any] | None:
        """Describe a task; None if ECS no longer knows it."""
        with self.calls.aws.translated(f"following task {arn.rpartition('/')[2]}"):
            answer = self._client.describe_tasks(cluster=self.calls.cluster, tasks=[arn])
        return next(iter(answer["tasks"]), None)

    def stop(self, arn: str, reason: str) -> None:
        with self.calls.aws.translated(f"stopping task {arn.rpartition('/')[2]}"):
            self._client.stop_task(cluster=self.calls.cluster, task=arn, reason=reason)


@dataclass(frozen=True)
class HookTask:
    """Runs one attempt of one hook; `now` and `sleep` are the clock's."""

    tasks: TaskCalls
    around: Around
    beginning: ServiceStart
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def run(self, hook: HookTable, variables: Mapping[str, str | None], name: str, tick: Tick) -> HookOutcome:
        """Run it to its end, or to the timeout's."""
        task = hook.task or TaskTable()
        try:
            revision, container = self._prepared(task)
            environment = [{"name": key, "value": value} for key, value in variables.items() if value is not None]
            override = {"name": container, "command": list(hook.command), "environment": environment}
            arn = self.tasks.run(revision, self._placement(task, revision), override, self._token(name))
        except (Unregistrable, ArtifactMissing, NotAuthentic, ServiceFailed) as reason:
            return HookOutcome(str(getattr(reason, "what", reason)).rstrip("."))
        return self._followed(arn, revision, container, hook.timeout, tick)

    # -- what it runs --------------------------------------------------------------------------------------------------

    def _prepared(self, task: TaskTable) -> tuple[TaskRevision, str]:
        """Register what it runs; name the container. Raises Unregistrable."""
        calls, artifact = self.tasks.calls, self.beginning.artifact
        newest = calls.revision(task.family or self._definition(task.service))
        newest = calls.revision(newest.family)
        images = self.beginning.images(self._table(task), newest)
        container = self._container(task, newest, images)
        definition = wanted(newest.definition, images, artifact.variables) | {"family": f"{newest.family}{OF_HOOKS}"}
        before = next(iter(calls.revisions_of(definition["family"], 1)), None)
        if before and before.label == artifact.label and before.definition == definition:
            return before, container
        tags = {name: value for name, value in carried_over(newest.tags).items() if name != CHANGE}
        label = artifact.label
        return calls.register(definition, {**tags, ARTIFACT: f"{label.artifact} {label.manifest_sha256}"}), container

    def _definition(self, service: str) -> str:
        """Name the task definition of a service. Raises Unregistrable."""
        services = self.tasks.calls.services([service])
        if service not in services:
            raise Unregistrable(f"there is no service {service} in cluster {self.tasks.calls.cluster}")
        return services[service].definition

    def _table(self, task: TaskTable) -> ServiceTable:
        """Say which containers run which image."""
        if not task.family:
            return self.beginning.table.services[task.service]
        named = (task.container,) if task.container and not task.images else ()
        return ServiceTable(containers=named, images=task.images)

    @staticmethod
    def _container(task: TaskTable, newest: TaskRevision, images: Mapping[str, str]) -> str:
        names = [row["name"] for row in newest.definition["containerDefinitions"]]
        chosen = [task.container] if task.container else list(images)
        if len(chosen) != 1:
            raise Unregistrable(f"{listed(chosen)} run images of the release: name one in hooks.<place>.task.container")
        if chosen[0] not in names:
            raise Unregistrable(f"{newest.name} has no container {chosen[0]}: it has {listed(names)}")
        return chosen[0]

    def _placement(self, task: TaskTable, revision: TaskRevision) -> Mapping[str, Any]:
        """Say where it runs, as RunTask takes it."""
        fargate = "FARGATE" in revision.definition.get("requiresCompatibilities", ())
        own: dict[str, Any] = {"launchType": "FARGATE" if fargate else "EC2"}
        placement = self.tasks.placement(task.service) if task.service else own
        if task.subnets:
            network = {
                "subnets": list(task.subnets),
                "securityGroups": list(task.security_groups),
                "assignPublicIp": "ENABLED" if task.public_ip else "DISABLED",
            }
            placement["networkConfiguration"] = {"awsvpcConfiguration": network}
        return placement

    def _token(self, name: str) -> str:
        return hashlib.sha256(f"{self.beginning.change.deployment_id} {name}".encode()).hexdigest()

    # -- how it goes on ------------------------------------------------------------------------------------------------

    def _followed(self, arn: str, revision: TaskRevision, container: str, timeout: int, tick: Tick) -> HookOutcome:
        """Wait for its end; stop it if it takes too long."""
        short = f"task {arn.rpartition('/')[2][:8]} of {revision.name}"
        problem = ""
        try:
            row = self._until(arn, self.now() + timedelta(seconds=timeout), short, tick, container)
            if row and not _over(row):
                problem = "" if _ran(row, container) else f"{short} did not end within {span(timeout)}"
                self.tasks.stop(arn, problem or "Its hook has ended")
                row = self._until(arn, self.now() + ENDS, short, tick) if problem else row
        except ServiceFailed as reason:
            return HookOutcome(f"{reason.what.rstrip('.')}; {self._given_up(arn, short)}")
        except BaseException:
            self._given_up(arn, short)
            raise
        return self._ended(row, revision, container, problem)

    def _given_up(self, arn: str, short: str) -> str:
        """Have it stopped; say what is known of that."""
        try:
            self.tasks.stop(arn, "Nobody waits for the hook now")
        except ServiceFailed:
            return f"{short} may still be running"
        return f"{short} was asked to stop"

    def _until(
        self, arn: str, until: datetime, short: str, tick: Tick, container: str = ""
    ) -> Mapping[str, Any] | None:
        """Look until it, or that container, has ended; or time is up."""
        waits, row = Growing(FIRST_LOOK, LAST_LOOK), self.tasks.described(arn)
        while row and not _over(row) and not _ran(row, container) and self.now() < until:
            words = f"{short} is {row.get('lastStatus', 'starting')}"
            left = (until - self.now()).total_seconds()
            pause(min(waits.take(), max(left, 0.1)), self.sleep, functools.partial(tick, words))
            row = self.tasks.described(arn)
        return row

    def _ended(
        self, row: Mapping[str, Any] | None, revision: TaskRevision, container: str, problem: str
    ) -> HookOutcome:
        """Say how its container ended, with the end of its log."""
        if row is None:
            return HookOutcome("ECS no longer lists the task, so its outcome is unknown")
        still = "" if _over(row) else f", and was still {row.get('lastStatus', 'running')} when it had been stopped"
        how = f"{problem}{still}" if problem else _why_failed(row, container)
        arn = str(row["taskArn"])
        head = f"task {arn.rpartition('/')[2]} of {revision.name}: {_exit(row, container)}"
        return HookOutcome(how, bounded("\n".join([head, *self._log(revision, arn, container)])))

    def _log(self, revision: TaskRevision, arn: str, container: str) -> list[str]:
        """Read the end of its log, or say why not."""
        for stream in (stream for stream in streams(revision.definition, arn) if stream.container == container):
            try:
                lines = self.around.log(stream, LINES)
                if not lines:
                    self.sleep(LATE)
                    lines = self.around.log(stream, LINES)
            except ServiceFailed as reason:
                return [f"its log was not read: {reason.what.rstrip('.')}"]
            return lines
        return [f"{container} has no log that tagship can read: give it the log driver awslogs"]


def _over(row: Mapping[str, Any]) -> bool:
    return row.get("lastStatus") == "STOPPED"


def _ran(row: Mapping[str, Any], container: str) -> bool:
    """Tell whether a container of a running task has ended."""
    return _code(row, container)[0] is not None


def _code(row: Mapping[str, Any], container: str) -> tuple[int | None, str]:
    """Return a container's exit code, if it ran, and ECS's reason."""
    ended: Mapping[str, Any] = next((entry for entry in row.get("containers", ()) if entry["name"] == container), {})
    return ended.get("exitCode"), str(ended.get("reason", ""))


def _exit(row: Mapping[str, Any], container: str) -> str:
    code, reason = _code(row, container)
    words = f"{container} exited with {code}" if code is not None else f"{container} did not start"
    return f"{words} ({reason.rstrip('.')})" if reason else words


def _why_failed(row: Mapping[str, Any], container: str) -> str:
    """Say why a task failed; empty if it did not."""
    code, _ = _code(row, container)
    if code == 0 and row.get("stopCode") in {"EssentialContainerExited", None}:
        return ""
    stopped = ": ".join(filter(None, (row.get("stopCode", ""), str(row.get("stoppedReason", "")).rstrip("."))))
    return "; ".join(filter(None, (_exit(row, container), "" if code else stopped)))
