"""An instance refresh: replaces a group's instances, a batch at a time, and goes back if it is asked or fails.

Follows https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html and its neighbours. The
group's own configuration changes when the refresh is successful, and not before: what scales out meanwhile is the old
one, and stays. It looks at no app: an instance that runs is good. Does not model: ReplaceRootVolume, warm pools,
alarms, lifecycle hooks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tagship.sandbox.asg.group import IN_SERVICE, STANDBY, Configuration, Group, LaunchFailed, Member

ONWARD = frozenset({"Pending", "InProgress", "Baking"})
UNDER_WAY = ONWARD | {"Cancelling", "RollbackInProgress"}
LONGEST_WAIT = 3600  # seconds for instances that are protected or in standby
CHECKPOINT_DELAY = 3600  # seconds, if none is given
STANDARD = {"MinHealthyPercentage": 90, "ScaleInProtectedInstances": "Wait", "StandbyInstances": "Wait"}


class Irreversible(Exception):
    """A refresh that cannot be rolled back, and why."""


@dataclass
class Pace:
    """How long things take: `shortened` makes seconds of AWS seconds here."""

    shortened: Callable[[float], float]
    warmup: float = 3.0  # seconds, if a refresh names none
    keeps_pointer: bool = False  # a fault: what was rolled back leaves the group's configuration at the new version


@dataclass
class InstanceRefresh:
    """One refresh of a group.

    `todo` are instances that are still to be replaced, `fresh` those of the batch under way, and `old` those that go
    once these are warm.
    """

    id: str
    group: Group
    desired: Configuration | None
    preferences: dict[str, Any]
    started: datetime
    pace: Pace
    status: str = "Pending"
    reason: str = ""
    ended: datetime | None = None
    rolled_back: datetime | None = None
    why_back: str = ""
    todo: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)
    total: int = 0
    waits_until: datetime | None = None
    blocked_since: datetime | None = None
    _passed: int = 0  # checkpoints

    @property
    def under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def surplus(self) -> int:
        """Return how many instances there are beyond the desired ones."""
        return len(self.old)

    @property
    def target(self) -> Configuration:
        back = self.rolled_back is not None
        return self.group.configuration if back or self.desired is None else self.desired

    @property
    def done(self) -> int:
        return 100 if not self.total else int(100 * (self.total - self.left) / self.total)

    @property
    def left(self) -> int:
        return len(self.todo) + len(self.fresh)

    @property
    def percentage(self) -> int:
        return self.done if self.rolled_back is None else 100 - self.done

    def prefers(self, name: str) -> Any:
        return self.preferences.get(name, STANDARD.get(name))

    # -- what can be asked ---------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop here: what was replaced stays."""
        self.status, self.reason = "Cancelling", "Cancelled by user."

    def roll_back(self, now: datetime, why: str) -> None:
        """Go back to the group's configuration. Raises Irreversible."""
        if self.desired is None:
            raise Irreversible("it has no desired configuration")
        if not self.group.configuration.numbered:
            raise Irreversible("the group's launch template version is $Latest or $Default")
        if any(map(self.group.fleet.parameter, (self.group.configuration, self.desired))):
            raise Irreversible("a launch template takes its AMI from a parameter")
        self.status, self.rolled_back, self.why_back = "RollbackInProgress", now, why
        self.fresh, self.old, self.waits_until = [], [], None
        self.todo = [member.id for member in self.group.others(self.group.configuration)]
        self.total = max(self.total, len(self.todo))

    # -- as time passes ------------------------------------------------------------------------------------------------

    def advance(self, now: datetime) -> None:
        """Do what is due."""
        match self.status:
            case "Pending":
                if self.preferences.get("CheckpointPercentages") != []:  # an empty list keeps it Pending for ever
                    self._plan()
            case "Cancelling":
                self._end("Cancelled", now)
            case "Baking":
                self._bake(now)
            case _:
                self._go(now)

    def _plan(self) -> None:
        members = self.group.others(self.target) if self.prefers("SkipMatching") else self.group.members
        self.todo = [member.id for member in members if not self._ignores(member)]
        self.total, self.status = len(self.todo), "InProgress"

    def _ignores(self, member: Member) -> bool:
        if member.state == STANDBY:
            return bool(self.prefers("StandbyInstances") == "Ignore")
        return member.protected and bool(self.prefers("ScaleInProtectedInstances") == "Ignore")

    def _go(self, now: datetime) -> None:
        self.fresh = [
            instance for instance in self.fresh if self.group.member(instance)
        ]  # one may have ended by itself
        if self.fresh and not self._warm(now):
            return
        self.group.terminate(self.old)
        self.fresh, self.old = [], []
        if self._waits(now):
            return
        self.todo = [instance for instance in self.todo if self.group.member(instance)]
        if not self.todo or self._far_enough:
            self._finish(now)
        elif blocked := self._blocked():
            self._wait_for(blocked, now)
        else:
            self.reason, self.blocked_since = "", None
            self._replace(now)

    @property
    def _far_enough(self) -> bool:
        """Tell whether the last checkpoint is over: what is left of 100 % stays as it is."""
        points = self.prefers("CheckpointPercentages") or [100]
        return self.rolled_back is None and self._passed >= len(points) and points[-1] < 100

    def _warm(self, now: datetime) -> bool:
        """Tell whether the batch is in service, and its warmup over."""
        members = [self.group.member(instance) for instance in self.fresh]
        given = self.preferences.get("InstanceWarmup")
        warmup = self.pace.warmup if given is None else self.pace.shortened(given)
        ready = timedelta(seconds=warmup + self.group.pending)
        return all(member and member.state == IN_SERVICE and now - member.launched >= ready for member in members)

    def _waits(self, now: datetime) -> bool:
        """Stay at a checkpoint for its delay."""
        if self.waits_until:
            if now < self.waits_until:
                return True
            self.waits_until, self._passed = None, self._passed + 1
        points = self.prefers("CheckpointPercentages") or []
        if self.rolled_back or self._passed >= len(points) or self.done < points[self._passed] or not self.todo:
            return False
        seconds = self.preferences.get("CheckpointDelay", CHECKPOINT_DELAY)
        self.waits_until = now + timedelta(seconds=self.pace.shortened(seconds))
        return True

    def _blocked(self) -> list[Member]:
        """List the members that the refresh has to wait for."""
        members = [member for member in map(self.group.member, self.todo) if member]
        return [
            member
            for member in members
            if (member.state == STANDBY and self.prefers("StandbyInstances") == "Wait")
            or (member.protected and self.prefers("ScaleInProtectedInstances") == "Wait")
        ]

    def _wait_for(self, blocked: list[Member], now: datetime) -> None:
        self.reason = f"Waiting for {blocked[0].id}, which is protected from scale in or in standby."
        self.blocked_since = self.blocked_since or now
        if now - self.blocked_since > timedelta(seconds=self.pace.shortened(LONGEST_WAIT)):
            self._fail(self.reason, now)

    def _replace(self, now: datetime) -> None:
        batch = self.todo[: self._batch()]
        self.todo = self.todo[len(batch) :]
        first = int(self.preferences.get("MaxHealthyPercentage") or 100) > 100
        if not first:
            self.group.terminate(batch)
        self.old = batch if first else []
        try:
            self.fresh = [self.group.launch(self.target, now).id for _ in batch]
        except LaunchFailed as reason:
            self.old = []
            self._fail(str(reason), now)

    def _batch(self) -> int:
        desired = max(1, self.group.desired)
        if (most := int(self.preferences.get("MaxHealthyPercentage") or 100)) > 100:
            return max(1, math.floor(desired * most / 100) - desired)
        return max(1, desired - math.ceil(desired * int(self.prefers("MinHealthyPercentage")) / 100))

    def _fail(self, reason: str, now: datetime) -> None:
        """Fail, or go back if the refresh does that by itself."""
        self.reason = reason
        if self.rolled_back:
            self._end("RollbackFailed", now)
            return
        try:
            if not self.prefers("AutoRollback"):
                raise Irreversible("nobody asked for it")
            self.roll_back(now, reason)
        except Irreversible:
            self._end("Failed", now)

    def _finish(self, now: datetime) -> None:
        if self.rolled_back:
            if self.pace.keeps_pointer and self.desired:
                self.group.configuration = self.desired
            self._end("RollbackSuccessful", now)
            return
        self.waits_until = now + timedelta(seconds=self.pace.shortened(self.preferences.get("BakeTime", 0)))
        self.status = "Baking"
        self._bake(now)

    def _bake(self, now: datetime) -> None:
        if self.waits_until and now < self.waits_until:
            return
        self.group.configuration = self.target
        self._end("Successful", now)

    def _end(self, status: str, now: datetime) -> None:
        self.status, self.ended, self.old = status, now, []

    def answer(self) -> Mapping[str, Any]:
        """Render it as DescribeInstanceRefreshes does."""
        row: dict[str, Any] = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StartTime": self.started,
            "PercentageComplete": self.percentage,
            "InstancesToUpdate": self.left,
            "Preferences": {**STANDARD, **self.preferences},
            "Strategy": "Rolling",
        }
        row |= {"StatusReason": self.reason} if self.reason else {}
        row |= {"EndTime": self.ended} if self.ended else {}
        row |= {"DesiredConfiguration": self.desired.answer()} if self.desired else {}
        if self.rolled_back:
            row["RollbackDetails"] = {
                "RollbackReason": self.why_back,
                "RollbackStartTime": self.rolled_back,
                "PercentageCompleteOnRollback": self.done,
                "InstancesToUpdateOnRollback": self.left,
            }
        return row
