"""An instance refresh as AWS describes it, and the preferences that it is started with.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceRefresh.html has the statuses. Successful says that
instances were replaced, and by the health check of EC2 alone nothing of the app.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SUCCESSFUL, BAKING, RESTORED = "Successful", "Baking", "RollbackSuccessful"
ONWARD = frozenset({"Pending", "InProgress", BAKING})  # it can be rolled back
UNDER_WAY = ONWARD | {"Cancelling", "RollbackInProgress"}
HELD = {"wait": "Wait", "replace": "Refresh", "refuse": "Wait"}


@dataclass(frozen=True)
class RefreshFacts:
    """An instance refresh; `version` is the template's version that it leads to."""

    id: str
    status: str
    version: str = ""
    reason: str = ""
    percentage: int = 0
    left: int = 0
    back: str = ""  # why it goes back

    @property
    def under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def returns(self) -> bool:
        return self.status.startswith("Rollback")

    @property
    def why(self) -> str:
        """Say how it ended, in AWS's words and ours."""
        words = self.back or self.reason
        return f"the instance refresh ended {self.status}" + (f": {words.rstrip('.')}" if words else "")

    @property
    def progress(self) -> str:
        """Say how far it is, for people."""
        if self.status == "RollbackInProgress":
            return f"going back, {self.left} to replace"
        if self.status == BAKING:
            return "every instance is replaced; it is watched"
        words = f"{self.percentage} %, {self.left} to replace"
        return f"{words} ({self.reason.rstrip('.')})" if self.reason else words


def refresh_of(row: Mapping[str, Any]) -> RefreshFacts:
    """Read a refresh of DescribeInstanceRefreshes."""
    wanted = row.get("DesiredConfiguration", {})
    policy = wanted.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification", {})
    return RefreshFacts(
        id=row["InstanceRefreshId"],
        status=row["Status"],
        version=wanted.get("LaunchTemplate", policy).get("Version", ""),
        reason=row.get("StatusReason", ""),
        percentage=row.get("PercentageComplete", 0),
        left=row.get("InstancesToUpdate", 0),
        back=row.get("RollbackDetails", {}).get("RollbackReason", ""),
    )


@dataclass(frozen=True)
class Preferences:
    """What settings say of a refresh.

    Delays are in minutes, `warmup` in seconds; -1 is the group's own.
    """

    min_healthy: int
    max_healthy: int
    warmup: int
    checkpoints: Sequence[int]
    checkpoint_delay: int
    bake: int
    protected: str
    standby: str
    alarms: Sequence[str]

    def request(self, *, back: bool = False) -> dict[str, Any]:
        """Write them as StartInstanceRefresh takes them.

        On the way `back` nothing waits: no checkpoint, no bake, and what runs the version already stays.
        """
        asked: dict[str, Any] = {
            "MinHealthyPercentage": self.min_healthy,
            "MaxHealthyPercentage": self.max_healthy,
            "SkipMatching": back,
            "ScaleInProtectedInstances": HELD[self.protected],
            "StandbyInstances": {**HELD, "replace": "Terminate"}[self.standby],
        }
        asked |= {"InstanceWarmup": self.warmup} if self.warmup >= 0 else {}
        return asked if back else asked | self._watched()

    def _watched(self) -> dict[str, Any]:
        # An empty list of checkpoints keeps a refresh in Pending for ever.
        asked: dict[str, Any] = {"AutoRollback": True}
        if self.checkpoints:
            asked |= {"CheckpointPercentages": list(self.checkpoints), "CheckpointDelay": 60 * self.checkpoint_delay}
        asked |= {"BakeTime": 60 * self.bake} if self.bake else {}
        return asked | ({"AlarmSpecification": {"Alarms": list(self.alarms)}} if self.alarms else {})
