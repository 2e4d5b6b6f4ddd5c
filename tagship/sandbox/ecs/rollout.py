"""A service deployment: it goes on whenever somebody looks, and ends as ECS's do.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html for the states and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html. The words of a statusReason
are the sandbox's own, and that a rollback makes the old deployment's id the PRIMARY again is assumed: AWS's pages don't
say. Does not model: ABORT, deletion of old deployments after 90 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tagship.sandbox.ecs.breaker import Alarms, Breaker
from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.strategy import Strategy
from tagship.sandbox.ecs.task import FAILED, HEALTHY

if TYPE_CHECKING:
    from tagship.sandbox.ecs.service import Service

# What may follow what; an empty list ends.
TRANSITIONS = {
    "PENDING": ("IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED"),
    "IN_PROGRESS": ("SUCCESSFUL", "STOP_REQUESTED", "ROLLBACK_REQUESTED"),
    "STOP_REQUESTED": ("STOPPED",),
    "ROLLBACK_REQUESTED": ("ROLLBACK_IN_PROGRESS",),
    "ROLLBACK_IN_PROGRESS": ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOP_REQUESTED"),
    "SUCCESSFUL": (),
    "STOPPED": (),
    "ROLLBACK_SUCCESSFUL": (),
    "ROLLBACK_FAILED": (),
}
BREAKER = "Service deployment rolled back because the circuit breaker threshold was exceeded."
BREAKER_STOPPED = "Service deployment stopped because the circuit breaker threshold was exceeded."
ALARM = "Service deployment rolled back because an alarm was triggered: {names}."
ALARM_STOPPED = "Service deployment stopped because an alarm was triggered: {names}."
ASKED = "Service deployment rolled back because of a StopServiceDeployment request."
SUPERSEDED = "Service deployment stopped because a newer service deployment started: {arn}."

Outcomes = Sequence[tuple[Revision, str]]


@dataclass
class Rollback:
    """What a deployment goes back to, since when, and why."""

    revision: Revision
    reason: str
    started: datetime
    failures: int = 0


@dataclass
class Rollout:
    """One service deployment."""

    arn: str
    target: Revision
    sources: Sequence[Revision]
    previous: Revision | None  # what ran last, completely
    strategy: Strategy
    breaker: Breaker
    alarms: Alarms
    created: datetime
    status: str = "PENDING"
    reason: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    stopped: datetime | None = None
    updated: datetime | None = None
    rollback: Rollback | None = None
    history: list[str] = field(default_factory=lambda: ["PENDING"])

    @property
    def active(self) -> bool:
        return bool(TRANSITIONS[self.status])

    @property
    def ended_well(self) -> bool:
        return self.status in {"SUCCESSFUL", "ROLLBACK_SUCCESSFUL"}

    @property
    def halted(self) -> bool:
        """Tell whether it ended with nothing to keep running."""
        return self.status in {"STOPPED", "ROLLBACK_FAILED"}

    @property
    def standing(self) -> Revision:
        """Return the revision that is the service's now."""
        return self.rollback.revision if self.rollback else self.target

    def move(self, status: str, now: datetime, reason: str = "") -> None:
        if status not in TRANSITIONS[self.status]:
            raise ValueError(f"a deployment that is {self.status} does not become {status}")
        self.status, self.reason, self.updated = status, reason or self.reason, now
        self.history.append(status)
        if status == "STOPPED":
            self.stopped = now
        if not self.active:
            self.finished = now
            self.breaker.finish()
            self.alarms.finish()

    # -- time passes ---------------------------------------------------------------------------------------------------

    def step(self, service: Service, now: datetime, outcomes: Outcomes) -> None:
        """Take one step; `outcomes` are those of its service's tasks."""
        match self.status:
            case "PENDING":
                self.move("IN_PROGRESS", now)
                self.started = now
            case "IN_PROGRESS":
                self._progress(service, now, outcomes)
            case "STOP_REQUESTED":
                self.move("STOPPED", now)
            case "ROLLBACK_REQUESTED":
                self.move("ROLLBACK_IN_PROGRESS", now)
            case "ROLLBACK_IN_PROGRESS" if self.rollback:
                self._go_back(self.rollback, service, now, outcomes)

    def _progress(self, service: Service, now: datetime, outcomes: Outcomes) -> None:
        failed, healthy = (_count(outcomes, self.target, kind) for kind in (FAILED, HEALTHY))
        if self.breaker.count(failed, healthy):
            self._give_up(now, BREAKER if self._can_go_back(self.breaker) else BREAKER_STOPPED, self.breaker)
        elif self.alarms.look():
            words = ALARM if self._can_go_back(self.alarms) else ALARM_STOPPED
            self._give_up(now, words.format(names=", ".join(self.alarms.triggered)), self.alarms)
        else:
            self._advance(service, now)

    def _advance(self, service: Service, now: datetime) -> None:
        done = self.strategy.advance(service, self.target, now)
        if self.strategy.refused:
            self.go_back(now, self.strategy.refused)
        elif done:
            self.move("SUCCESSFUL", now, "")
            service.tell(now, f"(deployment {self.target.deployment}) deployment completed.")

    def _can_go_back(self, monitor: Breaker | Alarms) -> bool:
        return monitor.rolls_back and self.previous is not None

    def _give_up(self, now: datetime, reason: str, monitor: Breaker | Alarms) -> None:
        if self._can_go_back(monitor):
            self.go_back(now, reason)
        else:
            self.move("STOP_REQUESTED", now, reason)

    def _go_back(self, back: Rollback, service: Service, now: datetime, outcomes: Outcomes) -> None:
        service.settings |= back.revision.settings  # the service names what it went back to
        back.failures += _count(outcomes, back.revision, FAILED)
        self.strategy.go_back()
        service.schedule(back.revision, now)
        if service.settled(back.revision):
            self.move("ROLLBACK_SUCCESSFUL", now)
        elif back.failures >= self.breaker.threshold:
            self.move("ROLLBACK_FAILED", now, "The tasks of the previous service revision failed too.")

    # -- what people ask for -------------------------------------------------------------------------------------------

    def go_back(self, now: datetime, reason: str = ASKED) -> None:
        """Begin to restore what ran before."""
        if self.previous is None:
            self.move("STOP_REQUESTED", now, reason)
            return
        self.rollback = Rollback(self.previous, reason, now)
        self.move("ROLLBACK_REQUESTED", now, reason)

    def supersede(self, newer: Rollout) -> None:
        """End it for a newer one."""
        if self.status != "STOP_REQUESTED":
            if self.status == "ROLLBACK_REQUESTED":
                self.move("ROLLBACK_IN_PROGRESS", newer.created)
            self.move("STOP_REQUESTED", newer.created, SUPERSEDED.format(arn=newer.arn))
        self.move("STOPPED", newer.created)


def _count(outcomes: Outcomes, revision: Revision, kind: str) -> int:
    return sum(outcome == kind and task_revision.arn == revision.arn for task_revision, outcome in outcomes)
