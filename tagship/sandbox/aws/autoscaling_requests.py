"""What requests to Auto Scaling say, and the errors that they can end in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError

from tagship.sandbox.asg.group import Configuration, Group

Given = Mapping[str, Any]
BUSY = (
    "An active instance refresh with a desired configuration exists. All configuration options derived from the "
    "desired configuration are not available for update while the instance refresh is active."
)


def refused(code: str, message: str) -> AutoscalingClientError:
    return AutoscalingClientError(code, message)


def check(given: Given, group: Group, desired: Configuration | None, preferences: Given) -> None:
    """Refuse what AWS refuses. Raises AutoscalingClientError."""
    points = preferences.get("CheckpointPercentages")
    if given.get("Strategy", "Rolling") != "Rolling":
        raise refused("ValidationError", "The sandbox replaces instances, and no root volumes.")
    least, most = preferences.get("MinHealthyPercentage"), preferences.get("MaxHealthyPercentage")
    if most is not None and (least is None or not 100 <= most <= 200 or most - least > 100):
        words = "MaxHealthyPercentage is from 100 to 200, and at most 100 above MinHealthyPercentage, which it needs."
        raise refused("ValidationError", words)
    if points and points != sorted(points):
        raise refused("ValidationError", "CheckpointPercentages must be in ascending order.")
    if "CheckpointDelay" in preferences and not points:
        raise refused("ValidationError", "CheckpointDelay can only be specified with CheckpointPercentages.")
    if preferences.get("AutoRollback") and (desired is None or not group.configuration.numbered):
        message = "AutoRollback needs a desired configuration, and a numbered version of the group's template."
        raise refused("ValidationError", message)
