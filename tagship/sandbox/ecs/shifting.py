"""How a deployment replaces what runs by moving traffic: BLUE_GREEN, CANARY and LINEAR, and hooks that pause it.

Follows https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-blue-green.html for the stages and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html. Minutes pass at the sandbox's
pace. Does not model: hooks that are Lambda functions (passed over), listener rules of elbv2, RECONCILE_SERVICE.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tagship.sandbox.ecs.revision import Revision
from tagship.sandbox.ecs.strategy import Rolling, Strategy

if TYPE_CHECKING:
    from tagship.sandbox.ecs.service import Service

BEFORE_PRODUCTION = "PRE_PRODUCTION_TRAFFIC_SHIFT"  # a stage of hooks; deployments show the one before
STAGES = (
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    BEFORE_PRODUCTION,
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
)
WAIT, ACTION = 1440, "ROLLBACK"  # minutes that a hook waits by default, and what happens then
REFUSED = "Service deployment rolled back because a lifecycle hook asked for it."
TIMED_OUT = "Service deployment rolled back because a lifecycle hook timed out."

Minutes = Callable[[float], float]  # to seconds


@dataclass
class Hook:
    """A pause that a deployment is in."""

    expires: datetime
    action: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def to_json(self) -> dict[str, Any]:
        return {
            "hookId": self.id,
            "targetType": "PAUSE",
            "status": "AWAITING_ACTION",
            "expiresAt": self.expires,
            "timeoutAction": self.action,
        }


@dataclass
class Shifting:
    """A deployment by stages; `steps` are shares of production and minutes."""

    configuration: Mapping[str, Any]
    steps: Sequence[tuple[float, float]]
    minutes: Minutes
    weights: tuple[float, float] | None = (0.0, 0.0)
    refused: str = ""
    hook: Hook | None = None
    _number: int = 0
    _step: int = 0
    _since: datetime | None = None
    _passed: set[str] = field(default_factory=set)

    @property
    def at(self) -> str:
        return STAGES[self._number]

    @property
    def stage(self) -> str:
        return "POST_TEST_TRAFFIC_SHIFT" if self.at == BEFORE_PRODUCTION else self.at

    @property
    def hooks(self) -> list[dict[str, Any]]:
        return [self.hook.to_json()] if self.hook else []

    def advance(self, service: Service, target: Revision, now: datetime) -> bool:
        if self._paused(now) or self.refused or not self._work(service, target, now):
            return False
        if self._number == len(STAGES) - 1:
            return True
        self._number, self._since = self._number + 1, now
        return False

    def go_back(self) -> None:
        self.weights, self.hook = (0.0, 0.0), None

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def act(self, action: str) -> None:
        """End the pause: CONTINUE or ROLLBACK."""
        self.hook = None
        self.refused = REFUSED if action == "ROLLBACK" else ""

    def _paused(self, now: datetime) -> bool:
        if self.at not in self._passed:
            self._passed.add(self.at)
            self.hook = self._hook(now)
        if self.hook and now >= self.hook.expires:
            self.act(self.hook.action)
            self.refused = TIMED_OUT if self.refused else ""
        return self.hook is not None

    def _hook(self, now: datetime) -> Hook | None:
        """Begin the pause of this stage, if it has one."""
        for hook in self.configuration.get("lifecycleHooks", []):
            if hook.get("targetType") == "PAUSE" and self.at in hook["lifecycleStages"]:
                timeout = hook.get("timeoutConfiguration", {})
                wait = self.minutes(timeout.get("timeoutInMinutes", WAIT))
                return Hook(now + timedelta(seconds=wait), timeout.get("action", ACTION))
        return None

    # -- stages --------------------------------------------------------------------------------------------------------

    def _work(self, service: Service, target: Revision, now: datetime) -> bool:
        """Do a stage's work; return whether it is done."""
        match self.at:
            case "SCALE_UP":
                service.fill(target, now)
                return service.healthy(target) >= service.desired
            case "TEST_TRAFFIC_SHIFT":
                self.weights = (0.0, 100.0)
            case "PRODUCTION_TRAFFIC_SHIFT":
                return self._shift(now)
            case "BAKE_TIME":
                return self._lasted(self.configuration.get("bakeTimeInMinutes", 0), now)
            case "CLEAN_UP":
                service.schedule(target, now)
                return service.settled(target)
        return True

    def _shift(self, now: datetime) -> bool:
        """Move production traffic by one step, once the one before has baked."""
        share, bake = self.steps[self._step]
        self.weights = (share, 100.0)
        if self._step == len(self.steps) - 1:
            return True
        if self._lasted(bake, now):
            self._step, self._since = self._step + 1, now
        return False

    def _lasted(self, minutes: float, now: datetime) -> bool:
        return self._since is not None and (now - self._since).total_seconds() >= self.minutes(minutes)


def chosen(configuration: Mapping[str, Any], minutes: Minutes) -> Strategy:
    """Make the strategy that a deploymentConfiguration chooses."""
    match configuration.get("strategy", "ROLLING"):
        case "BLUE_GREEN":
            return Shifting(configuration, [(100.0, 0)], minutes)
        case "CANARY":
            canary = configuration.get("canaryConfiguration", {})
            first = (float(canary.get("canaryPercent", 5.0)), canary.get("canaryBakeTimeInMinutes", 10))
            return Shifting(configuration, [first, (100.0, 0)], minutes)
        case "LINEAR":
            return Shifting(configuration, _linear(configuration.get("linearConfiguration", {})), minutes)
    return Rolling(configuration.get("earlySuccessCriteria", {}))


def _linear(linear: Mapping[str, Any]) -> Sequence[tuple[float, float]]:
    share, bake = float(linear.get("stepPercent", 10.0)), linear.get("stepBakeTimeInMinutes", 6)
    shares = [share * number for number in range(1, int(100 / share) + 1) if share * number < 100]
    return [*[(value, bake) for value in shares], (100.0, 0)]
