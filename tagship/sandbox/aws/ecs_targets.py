"""Targets of load balancers, and logs: what tasks of ECS leave in other services of moto.

Follows https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html for states
and reason codes, and https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html for names of log
streams. moto keeps none of the targets. Does not model: rules of listeners, thresholds of health checks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.responses import ELBV2Response
from moto.logs.responses import LogsResponse

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.ecs_kept import Kept
from tagship.sandbox.aws.logs import filtered
from tagship.sandbox.ecs.clock import Clock
from tagship.sandbox.ecs.endings import Runner
from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.service import Service
from tagship.sandbox.ecs.task import Task
from tagship.sandbox.pace import now

INITIAL = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
TIMED_OUT = ("unhealthy", "Target.Timeout", "Request timed out")
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")


@dataclass
class Targets:
    """The tasks of services, as a target group sees them."""

    kept: Callable[[Any], Kept]  # of a request's account and region
    clock: Clock
    runner: Runner

    def install(self) -> None:
        """Have moto's elbv2 answer for the tasks too."""
        stock.replace(ELBV2Response, "describe_target_health", functools.partial(_operation, self))
        stock.replace(LogsResponse, "get_log_events", functools.partial(_reading, self))
        stock.replace(LogsResponse, "filter_log_events", lambda _: _reading(self, filtered))

    def health(self, state: Kept, group: str) -> list[dict[str, Any]]:
        """Describe the targets of a group, by its ARN."""
        self.clock.pass_for(*state.services())
        return [_health(task, balancer) for task, balancer in self._tasks(state, group)]

    @staticmethod
    def _tasks(state: Kept, group: str) -> Iterator[tuple[Task, Mapping[str, Any]]]:
        """Yield the tasks that are registered with a group."""
        for service in state.services():
            for task in service.tasks:
                for balancer in task.revision.settings.get("loadBalancers", []):
                    if not task.over and group_of(service, task.revision, balancer) == group:
                        yield task, balancer


def group_of(service: Service, revision: Revision, balancer: Mapping[str, Any]) -> str:
    """Return the ARN of the group that a revision's tasks are in."""
    # Traffic shifts from one group to the other, and the next deployment shifts it back.
    other = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn", "")
    number = list(service.revisions).index(revision.arn)
    return str(other if other and number % 2 else balancer.get("targetGroupArn", ""))


def _health(task: Task, balancer: Mapping[str, Any]) -> dict[str, Any]:
    state, reason, description = _state(task)
    words = {"Reason": reason, "Description": description} if reason else {}
    port = balancer.get("containerPort", 80)
    return {
        "Target": {"Id": task.address, "Port": port},
        "HealthCheckPort": str(port),
        "TargetHealth": {"State": state, **words},
    }


def _state(task: Task) -> tuple[str, str, str]:
    if not task.wanted:
        return DRAINING
    if task.health == "UNHEALTHY":
        return TIMED_OUT
    return ("healthy", "", "") if task.healthy else INITIAL


def _operation(targets: Targets, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap moto's own answer, which has no tasks."""

    def describe_target_health(request: Any) -> Any:
        rows = targets.health(targets.kept(request), request._get_param("TargetGroupArn"))
        asked = {target["Id"] for target in request._get_param("Targets", [])}
        shown = [row for row in rows if not asked or row["Target"]["Id"] in asked]
        return ActionResult({"TargetHealthDescriptions": shown}) if shown else original(request)

    return describe_target_health


def _reading(targets: Targets, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap an answer: what running tasks wrote is written first."""

    def read(request: Any) -> Any:
        state = targets.kept(request)
        for task in state.tasks():
            if not task.over:
                for container in task.containers:
                    container.lines = targets.runner.log(container.place)
                write_log(state, task)
        return original(request)

    return read


def write_log(state: Kept, task: Task) -> None:
    """Write the new lines of containers whose driver is awslogs."""
    rows = state.definitions.get(task.revision.definition).content["containerDefinitions"]
    for row, container in zip(rows, task.containers, strict=True):
        options = row.get("logConfiguration", {}).get("options", {})
        lines = container.lines[container.logged :]
        if row.get("logConfiguration", {}).get("logDriver") != "awslogs" or not lines:
            continue
        logs, group = stock.backend("logs", state.place.region, state.place.account), options["awslogs-group"]
        if group in logs.groups:  # ECS writes nothing into a group that isn't there, unless it may make it
            stream = f"{options['awslogs-stream-prefix']}/{row['name']}/{task.id}"
            logs.ensure_log_stream(group, stream)
            at = int((task.stopped or now()).timestamp() * 1000)
            container.logged = len(container.lines)
            logs.put_log_events(group, stream, [{"timestamp": at, "message": line} for line in lines])
