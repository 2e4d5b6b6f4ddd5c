"""A task: from PENDING over RUNNING to STOPPED, and why it stopped.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html. Does not model: the states
PROVISIONING, ACTIVATING, DEACTIVATING, STOPPING and DEPROVISIONING, sidecars (every container shares the fate of the
first) and Spot.
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
CANNOT_PULL = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: "
    "{image}: not found"
)


@dataclass
class Task:
    """One task of a service's revision."""

    id: str
    revision: Revision
    place: Place
    created: datetime
    last_status: str = "PENDING"
    desired: str = "RUNNING"
    health: str = "UNKNOWN"
    started: datetime | None = None
    stopping: datetime | None = None
    stopped: datetime | None = None
    stop_code: str = ""
    reason: str = ""
    exit_code: int | None = None
    container_reason: str = ""
    address: str = ""  # the private IP that a target group has
    lines: Sequence[str] = field(default_factory=list)
    logged: int = 0  # of its lines, those that its log has
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

    @property
    def image(self) -> str:
        return str(self.revision.images[0]["image"])

    def settle(self, now: datetime, runner: Runner) -> str:
        """Let it take its next step; return FAILED, HEALTHY or ""."""
        if self.over:
            return ""
        if not self.wanted:
            self._end(now, runner, 0 if self.exit_code is None else self.exit_code)
            return ""
        ending = runner.look(self.place)
        return self._take(ending, now, runner) if ending else ""

    def _take(self, ending: Ending, now: datetime, runner: Runner) -> str:
        if ending.kind == "cannot_pull":
            return self._fail(now, runner, "TaskFailedToStart", CANNOT_PULL.format(image=self.image), None)
        if ending.kind == "exits":
            self.started = self.started or now
            return self._fail(now, runner, "EssentialContainerExited", ESSENTIAL, ending.code)
        if ending.kind == "never_healthy":
            return self._suffer(now, runner)
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
        return self._fail(now, runner, "ServiceSchedulerInitiated", reason, 137)

    def _fail(self, now: datetime, runner: Runner, code: str, reason: str, exit_code: int | None) -> str:
        self.stop_code, self.reason, self.desired = code, reason, "STOPPED"
        if exit_code is None:
            self.container_reason = reason
        self._end(now, runner, exit_code)
        return FAILED

    def ask_to_stop(self, now: datetime, reason: str, code: str = "ServiceSchedulerInitiated") -> None:
        """Begin to stop it; it drains until its next step."""
        if self.wanted and not self.over:
            self.desired, self.stop_code, self.reason, self.stopping = "STOPPED", code, reason, now

    def _end(self, now: datetime, runner: Runner, exit_code: int | None) -> None:
        runner.stop(self.place)
        self.lines = runner.log(self.place)
        self.stopping, self.stopped = self.stopping or now, now
        self.on_end(self)
        self.last_status, self.exit_code = "STOPPED", exit_code

    def status(self) -> dict[str, Any]:
        """Return what the task and its containers both say of it."""
        return {"lastStatus": self.last_status, "healthStatus": self.health}
