"""What the tasks of services write: in the groups that their task definitions name; and a shell in a task."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tagship.adapters.aws.logs import Event, LogGroup
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.sessions import executed
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.domain import aws_commands
from tagship.domain.ecs.surroundings import LogStream, streams
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.units import Unit
from tagship.errors import Refused
from tagship.ports.logs import Session
from tagship.ports.target import Tick

REMEDY = "Make the group, or correct awslogs-group in the task definition"


@dataclass(frozen=True)
class ServiceLogs:
    """Reads the log of services.

    A container's group is one request a page, whatever number of tasks.
    """

    aws: Aws
    calls: EcsCalls

    def lines(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Yield what the tasks of services wrote, by time."""
        services = self.calls.services([unit.id for unit in units])
        parts: list[Iterator[LogLine]] = []
        for name, service in services.items():
            places = list(streams(self.calls.revision(service.definition).definition, ""))
            parts += [self._of(name, place, window) for place in places]
            if not places:
                tick(f"{name} does not write to CloudWatch Logs: its task definition names no awslogs group and prefix")
        yield from heapq.merge(*parts, key=LogLine.order)

    def _of(self, service: str, place: LogStream, window: TimeRange) -> Iterator[LogLine]:
        for event in LogGroup(self.aws, place.group, REMEDY).events(window, place.name):
            yield _line(service, event)


def _line(service: str, event: Event) -> LogLine:
    """Name the service and the beginning of the task's id."""
    return LogLine(event.at, f"{service} {event.stream.rpartition('/')[2][:8]}", event.text, event.id)


def entered(aws: Aws, cluster: str, service: str) -> Session:
    """Open a shell in the first running task of a service.

    Raises Refused if no task runs that takes one.
    """
    client = aws.client("ecs")
    with aws.translated(f"looking for a task of {service}"):
        arns = client.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
        tasks = client.describe_tasks(cluster=cluster, tasks=arns[:100])["tasks"] if arns else []
    running = [task for task in tasks if task.get("lastStatus") == "RUNNING"]
    ready = [task for task in running if task.get("enableExecuteCommand")]
    if not ready:
        problem = "ECS Exec is off for its tasks" if running else "no task of it runs"
        raise Refused(
            f"Service {service} can't be entered: {problem}.",
            remedy=f"Switch it on: {aws_commands.let_enter(cluster, service, aws.where)}"
            if running
            else f"See its tasks: {aws_commands.tasks(cluster, service, aws.where)}",
        )
    container = next(row for row in ready[0]["containers"] if row.get("lastStatus") == "RUNNING")
    task = ready[0]["taskArn"].rpartition("/")[2]
    return executed(aws, cluster, task, container["name"], container["runtimeId"])
