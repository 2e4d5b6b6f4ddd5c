"""A service: its revisions, its tasks and its deployments, and the scheduler that keeps the number of its tasks.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html for minimumHealthyPercent
and maximumPercent. Does not model: DAEMON, placement, Availability Zones, scaling by metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tagship.sandbox.ecs.endings import Runner
from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.rollout import Rollout
from tagship.sandbox.ecs.task import Task

EVENTS = 100  # that a service shows, newest first
SPREAD = 37  # coprime to 100: turns that go to the smaller share are spread among the others


@dataclass(frozen=True)
class Event:
    id: str
    at: datetime
    message: str


@dataclass
class Service:
    """One service; `settings` are the members that its requests set."""

    name: str
    arn: str
    cluster: str  # ARN
    settings: dict[str, Any]
    created: datetime
    launch: Callable[[Revision, datetime], Task]
    runner: Runner
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "ACTIVE"
    revisions: dict[str, Revision] = field(default_factory=dict)  # by ARN
    tasks: list[Task] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)  # oldest first
    events: list[Event] = field(default_factory=list)

    @property
    def desired(self) -> int:
        return int(self.settings.get("desiredCount", 1))

    @property
    def rollout(self) -> Rollout:
        """Return the newest deployment."""
        return self.rollouts[-1]

    @property
    def completed(self) -> Revision | None:
        """Return what the last deployment that ended well left running."""
        done = (rollout.standing for rollout in reversed(self.rollouts) if rollout.ended_well)
        return next(done, None)

    def of(self, *revisions: Revision) -> list[Task]:
        """List the tasks of revisions that are not stopped yet."""
        arns = {revision.arn for revision in revisions}
        return [task for task in self.tasks if task.revision.arn in arns and not task.over]

    def others(self, revision: Revision) -> list[Task]:
        return [task for task in self.tasks if task.revision.arn != revision.arn and not task.over]

    def deploy(self, rollout: Rollout) -> None:
        """Begin a deployment; one that is going on is over with."""
        if self.rollouts and self.rollout.active:
            self.rollout.supersede(rollout)
        self.rollouts.append(rollout)

    def tell(self, now: datetime, message: str) -> None:
        number = len(self.events)
        self.events.append(Event(f"{number:08d}-0000-4000-8000-000000000000", now, f"(service {self.name}) {message}"))

    # -- time passes ---------------------------------------------------------------------------------------------------

    def step(self, now: datetime) -> None:
        """Let everything take its next step."""
        settled = [(task, task.settle(now, self.runner)) for task in self.tasks]
        if self.rollout.active:
            self.rollout.step(self, now, [(task.revision, outcome) for task, outcome in settled if outcome])
        elif not self.rollout.halted:
            self.schedule(self.rollout.standing, now)

    def schedule(self, wanted: Revision, now: datetime) -> None:
        """Start tasks of a revision, and stop others, within the limits."""
        limits = self.settings.get("deploymentConfiguration", {})
        most = math.floor(self.desired * limits.get("maximumPercent", 200) / 100)
        least = math.ceil(self.desired * limits.get("minimumHealthyPercent", 100) / 100)
        live = [task for task in self.of(wanted) if task.wanted]
        old = [task for task in self.others(wanted) if task.wanted]
        for _ in range(min(self.desired - len(live), most - len(live) - len(old))):
            self.start(wanted, now)
        running = sum(task.healthy for task in live) + sum(task.last_status == "RUNNING" for task in old)
        self.stop(old[: max(0, running - least)], now)
        self.stop(live[self.desired :], now)

    def fill(self, wanted: Revision, now: datetime) -> None:
        """Start every task of a revision beside what runs."""
        for _ in range(self.desired - sum(task.wanted for task in self.of(wanted))):
            self.start(wanted, now)

    def start(self, revision: Revision, now: datetime) -> None:
        task = self.launch(revision, now)
        self.tasks.append(task)
        self.tell(now, f"has started 1 tasks: (task {task.id}).")
        task.start(self.runner)

    def stop(self, tasks: Iterable[Task], now: datetime) -> None:
        """Begin to stop tasks that a deployment replaces."""
        for task in tasks:
            revision = task.revision
            task.ask_to_stop(now, f"Scaling activity initiated by (deployment {revision.deployment})")
            self.tell(now, f"has stopped 1 running tasks: (task {task.id}).")

    def serving(self, turn: int) -> list[Task]:
        """List the healthy tasks that a request may go to."""
        healthy = [task for task in self.tasks if task.healthy]
        weights = self.rollout.strategy.weights
        if weights is None or not self.rollout.active:
            return healthy
        to_target = (turn * SPREAD) % 100 < weights[0]
        return [task for task in healthy if (task.revision == self.rollout.target) == to_target]

    def healthy(self, revision: Revision) -> int:
        return sum(task.healthy for task in self.of(revision))

    def settled(self, revision: Revision) -> bool:
        """Tell whether its tasks run, all of them, and no others."""
        return self.healthy(revision) == self.desired and not self.others(revision) and self._exact(revision)

    def _exact(self, revision: Revision) -> bool:
        return len(self.of(revision)) == self.desired
