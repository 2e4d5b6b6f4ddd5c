"""Service deployments: which one is ours, how far it is, and how it ended.

UpdateService does not name the deployment that it starts. What it answers has the id of the PRIMARY (`ecs-svc/` and
digits), and the revision that a service deployment leads to ends in the same digits: so the two are joined by those,
and never by which is the newest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tagship.domain.text import counted, listed

UNDER_WAY = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
GOING_BACK = frozenset({"STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
SUCCESSFUL = "SUCCESSFUL"
TRIGGERED, DISABLED = "TRIGGERED", "DISABLED"  # states of the circuit breaker
STOPPABLE = frozenset({"PENDING", "IN_PROGRESS"})


@dataclass(frozen=True)
class HookPause:
    """A hook at which a deployment waits for a person."""

    hook: str
    until: str
    then: str  # what ECS does at that time


@dataclass(frozen=True)
class ServiceDeployment:
    """A service deployment, as ECS describes it.

    `target` is the service revision that it leads to. `early` is the percentage of tasks at which it counts as
    successful, if that is not all of them.
    """

    arn: str
    target: str
    status: str
    reason: str = ""
    stage: str = ""
    rollback: str = ""  # the reason of ECS's own rollback
    breaker: str = ""
    failures: int = 0
    threshold: int = 0
    alarms: tuple[str, ...] = ()  # that rang
    requested: int = 0
    running: int = 0
    weight: float | None = None  # percent of the traffic that it gets
    early: int = 0
    waits: int = 0  # minutes that its strategy waits by itself
    pauses: tuple[HookPause, ...] = ()

    @property
    def under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def why(self) -> str:
        """Say why it did not succeed, in words without a full stop."""
        words = self._monitor or self.rollback or self.reason
        return words.rstrip(".") or f"its service deployment ended as {self.status}"

    @property
    def _monitor(self) -> str:
        """Say which of ECS's monitors ended it."""
        if self.breaker == TRIGGERED:
            count = (
                f"{self.failures} of {counted(self.threshold, 'failure')}" if self.threshold else "too many failures"
            )
            return f"the circuit breaker ended it after {count}"
        return f"the alarm {listed(list(self.alarms))} ended it" if self.alarms else ""

    @property
    def count(self) -> str:
        """Say how many tasks failed, and of how many that may."""
        if self.failures and self.breaker == DISABLED:
            return f"{counted(self.failures, 'failed task')}, and the circuit breaker is off"
        return f"{self.failures} of {counted(self.threshold, 'failure')}" if self.failures else ""

    @property
    def stage_words(self) -> str:
        """Name the lifecycle stage as people read it."""
        return self.stage.lower().replace("_", " ")

    @property
    def progress(self) -> str:
        """Say how far it is, in a few words."""
        if self.pauses:
            pause = self.pauses[0]
            stage = f" after {self.stage_words}" if self.stage else ""
            return f"paused at a hook{stage} until {pause.until}, then ECS does {pause.then}"
        if self.status in GOING_BACK:
            return "ECS is going back to the version before"
        if self.status == SUCCESSFUL and self.early:
            return f"succeeded at {self.early}% of its tasks; the others start"
        count = f"{self.running} of {counted(self.requested, 'new task')} running"
        words = [count if self.requested else "no new task yet"]
        words += [self.stage_words] if self.stage else []
        words += [f"{self.weight:g}% of the traffic"] if self.weight is not None and self.stage else []
        words += [self.count] if self.failures else []
        return ", ".join(words)


def leads_to(primary: str, revision: str) -> bool:
    """Tell whether a PRIMARY's id and a service revision are one.

    `ecs-svc/0123` and `…:service-revision/cluster/service/0123`.
    """
    digits = primary.rpartition("/")[2]
    return bool(digits) and revision.rpartition("/")[2] == digits


def ours(primary: str, deployments: Iterable[ServiceDeployment]) -> ServiceDeployment | None:
    """Find the deployment that made this PRIMARY."""
    return next((deployment for deployment in deployments if leads_to(primary, deployment.target)), None)
