"""A task: from PENDING over RUNNING to STOPPED, and why it stopped.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html. All of its containers run;
the end of one that is essential is the task's. Does not model: the states PROVISIONING, ACTIVATING, DEACTIVATING,
STOPPING and DEPROVISIONING, the order of containers (dependsOn), restart policies and Spot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tagship.sandbox.ecs.endings import Ending, Place, Runner
from tagship.sandbox.ecs.revision import Revision

FAILED, HEALTHY = "failed", "healthy"
ESSENTIAL = "Essential container in task exited"
UNHEALTHY = "Task failed ELB health checks in (target-group {group})"
UNHEALTHY_CONTAINER = "Task failed container health checks"
KILLED = 137  # the code of a container that is ended with its task
CANNOT_PULL = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: "
    "{image}: not found"
)


@dataclass
class Container:
    """One container of a task."""

    place: Place
    image: str
    essential: bool = True
    exit_code: int | None = None
    reason: str = ""
    lines: Sequence[str] = field(default_factory=list)
    logged: int = 0  # of its lines, those that its log has


@dataclass
class Task:
    """One task: a service's, or one that was run by itself."""

    id: str
    revision: Revision
    containers: Sequence[Container]
    created: datetime
    group: str = ""
    started_by: str = ""
    launch_type: str = ""
    last_status: str = "PENDING"
    desired: str = "RUNNING"
    health: str = "UNKNOWN"
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    stop_code: str = ""
    reason: str = ""
    address: str = ""  # the private IP that a target group has
    on_end: Callable[[Task], None] = lambda _: None

    @property
    def wanted(self) -> bool:
        """Tell whether it is to go on running."""
        return self.desired == "RUNNING"

    @property
    def over(self) -> bool:
        return self.last_status == "STOPPED"

    @property
    def healthy(self) -> bool:
        return self.wanted and self.last_status == "RUNNING" and self.health == "HEALTHY"

    def start(self, runner: Runner) -> None:
        for container in self.containers:
            runner.start(container.place)

    def port(self, runner: Runner) -> int:
        """Return the port that it answers on, or 0."""
        mapped = [container for container in self.containers if container.place.port]
        ports = [runner.port(container.place) for container in mapped or self.containers[:1]]
        return next((port for port in ports if port), 0)

    def settle(self, now: datetime, runner: Runner) -> str:
        """Let it take its next step; return FAILED, HEALTHY or ""."""
        if self.over:
            return ""
        if not self.wanted:
            self._end(now, runner, 0)
            return ""
        endings = [(container, runner.look(container.place)) for container in self.containers]
        return self._take([(container, ending) for container, ending in endings if ending], now, runner)

    def _take(self, endings: Sequence[tuple[Container, Ending]], now: datetime, runner: Runner) -> str:
        for container, ending in endings:
            if ending.kind == "cannot_pull":
                container.reason = CANNOT_PULL.format(image=container.image)
                return self._fail(now, runner, "TaskFailedToStart", container.reason)
            if ending.kind == "exits":
                self.started, container.exit_code = self.started or now, ending.code
        if any(container.essential and container.exit_code is not None for container in self.containers):
            return self._fail(now, runner, "EssentialContainerExited", ESSENTIAL)
        if any(ending.kind == "never_healthy" for _, ending in endings):
            return self._suffer(now, runner)
        if len(endings) < len(self.containers):
            return ""
        fresh = self.health != "HEALTHY"
        self.last_status, self.health, self.started = "RUNNING", "HEALTHY", self.started or now
        return HEALTHY if fresh else ""

    def _suffer(self, now: datetime, runner: Runner) -> str:
        """Run unhealthily at first, then be stopped for it."""
        if self.last_status != "RUNNING":
            self.last_status, self.started = "RUNNING", now
            return ""
        if self.health != "UNHEALTHY":
            self.health = "UNHEALTHY"
            return ""
        group = self.revision.target_group
        reason = UNHEALTHY.format(group=group) if group else UNHEALTHY_CONTAINER
        return self._fail(now, runner, "ServiceSchedulerInitiated", reason)

    def _fail(self, now: datetime, runner: Runner, code: str, reason: str) -> str:
        self.stop_code, self.reason, self.desired = code, reason, "STOPPED"
        self._end(now, runner, KILLED)
        return FAILED

    def ask_to_stop(self, now: datetime, reason: str, code: str = "ServiceSchedulerInitiated") -> None:
        """Begin to stop it; it drains until its next step."""
        if self.wanted and not self.over:
            self.desired, self.stop_code, self.reason, self.stopping = "STOPPED", code, reason, now

    def _end(self, now: datetime, runner: Runner, code: int) -> None:
        """End what still runs of it, with that code."""
        for container in self.containers:
            runner.stop(container.place)
            container.lines = runner.log(container.place)
            # None has a code if it never started.
            if container.exit_code is None and self.stop_code != "TaskFailedToStart":
                container.exit_code = code
        self.stopping, self.stopped = self.stopping or now, now
        self.on_end(self)
        self.last_status = "STOPPED"

    def status(self) -> dict[str, Any]:
        """Return what the task and its containers both say of it."""
        return {"lastStatus": self.last_status, "healthStatus": self.health}
