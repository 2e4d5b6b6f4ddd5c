"""Tasks: those of services as they are looked at, and those that are run by themselves and stopped.

Follows https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html and its neighbours. The same
clientToken starts nothing again. Does not model: the hour after which stopped tasks are forgotten, failures for want of
capacity, tags, and overrides of anything but a container's command and environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.sandbox.aws import ecs_answers as answers
from tagship.sandbox.aws.ecs_definitions import Definition
from tagship.sandbox.aws.ecs_kept import Cluster, Kept, images
from tagship.sandbox.aws.ecs_requests import Act, EcsError, Given, invalid, last, page
from tagship.sandbox.ecs.clock import Clock
from tagship.sandbox.ecs.endings import Runner
from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.task import Task
from tagship.sandbox.pace import now

MOST = 10  # tasks of one RunTask
LONG = 8192  # characters of its overrides
OVERRIDDEN = {"name", "command", "environment"}


@dataclass
class Tasks:
    """Operations on tasks."""

    kept: Kept
    clock: Clock
    runner: Runner
    on_end: Callable[[Task], None]
    _begun: dict[str, tuple[Given, list[Task]]] = field(default_factory=dict)  # by clientToken

    def operations(self) -> Sequence[Act]:
        return (self.run_task, self.stop_task, self.list_tasks, self.describe_tasks)

    def run_task(self, given: Given) -> dict[str, Any]:
        """Start tasks of a definition, by themselves."""
        cluster, token = self.kept.cluster(given), given.get("clientToken", "")
        if token and token in self._begun:
            before, tasks = self._begun[token]
            if before != given:
                raise EcsError("ConflictException", "The clientToken was used with other parameters.")
            return {"tasks": [answers.task(cluster.arn, task) for task in tasks], "failures": []}
        definition = self.kept.definitions.usable(given["taskDefinition"])
        _check(given, definition)
        tasks = [self._started(cluster, definition, given) for _ in range(int(given.get("count", 1)))]
        self._begun[token or tasks[0].id] = given, tasks
        return {"tasks": [answers.task(cluster.arn, task) for task in tasks], "failures": []}

    def _started(self, cluster: Cluster, definition: Definition, given: Given) -> Task:
        at = now()
        revision = Revision("", "", {"taskDefinition": definition.arn}, images(definition), at)
        rows: Sequence[Mapping[str, Any]] = given.get("overrides", {}).get("containerOverrides", ())
        task = self.kept.made(revision, at, {row["name"]: row for row in rows}, on_end=self.on_end)
        task.group = given.get("group", f"family:{definition.family}")
        task.started_by, task.launch_type = given.get("startedBy", ""), given.get("launchType", "")
        cluster.alone.append(task)
        task.start(self.runner)
        return task

    def stop_task(self, given: Given) -> dict[str, Any]:
        """Begin to stop a task of any origin."""
        cluster = self.kept.cluster(given)
        task = next((task for task in cluster.tasks if task.id == last(given["task"])), None)
        if task is None:
            raise invalid("The referenced task was not found.")
        task.ask_to_stop(now(), given.get("reason", "Task stopped by user"), "UserInitiated")
        return {"task": answers.task(cluster.arn, task)}

    def list_tasks(self, given: Given) -> dict[str, Any]:
        cluster, name = self.kept.cluster(given), given.get("serviceName")
        if name:
            self.kept.service(given, "serviceName")
        self._pass(cluster)
        wanted, family = given.get("desiredStatus", "RUNNING"), given.get("family", "")
        rows = [
            self.kept.arn("task", cluster.name, task.id)
            for task in cluster.tasks
            if task.desired == wanted
            and family in ("", last(task.revision.definition).partition(":")[0])
            and given.get("startedBy", task.started_by) == task.started_by
            and (not name or task.group == f"service:{last(name)}")
        ]
        arns, more = page(given, rows, 100)
        return {"taskArns": arns, **more}

    def describe_tasks(self, given: Given) -> dict[str, Any]:
        cluster = self.kept.cluster(given)
        self._pass(cluster)
        rows = {task.id: task for task in cluster.tasks}
        ids = [last(task) for task in given["tasks"]]
        return {
            "tasks": [answers.task(cluster.arn, rows[id_]) for id_ in ids if id_ in rows],
            "failures": [
                {"arn": self.kept.arn("task", cluster.name, id_), "reason": "MISSING"} for id_ in ids if id_ not in rows
            ],
        }

    def _pass(self, cluster: Cluster) -> None:
        """Let time pass for services, and for the other tasks."""
        self.clock.pass_for(*cluster.services.values())
        for task in cluster.alone:
            task.settle(now(), self.runner)


def _check(given: Given, definition: Definition) -> None:
    """Refuse what ECS refuses."""
    if not 1 <= int(given.get("count", 1)) <= MOST:
        raise invalid(f"count must be between 1 and {MOST}.")
    if given.get("launchType") and given.get("capacityProviderStrategy"):
        raise invalid("Specifying both a launch type and capacity provider strategy is not supported.")
    if definition.content.get("networkMode") == "awsvpc" and "networkConfiguration" not in given:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    names = {row["name"] for row in definition.content["containerDefinitions"]}
    rows = given.get("overrides", {}).get("containerOverrides", [])
    for row in rows:
        if row.get("name") not in names:
            raise invalid(f"Override for container named {row.get('name')} is not a container in the TaskDefinition.")
        if not_modelled := set(row) - OVERRIDDEN:
            raise invalid(f"The sandbox overrides no {', '.join(sorted(not_modelled))} of a container.")
    if len(str(rows)) > LONG:
        raise invalid(f"The overrides are longer than {LONG} characters.")
