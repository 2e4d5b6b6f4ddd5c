"""How ECS brings a version to the tasks of a service, as a deploymentConfiguration has it. Pure.

Of the strategies that shift traffic, each waits by itself, which is part of it and no sign of trouble
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ROLLING, BLUE_GREEN, LINEAR, CANARY = "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"
SHIFTING = frozenset({BLUE_GREEN, LINEAR, CANARY})
OF_SHARES = frozenset({"linearConfiguration", "canaryConfiguration"})  # each only valid with its own strategy


def configured(strategy: str, bake: int, percent: float, minutes: int) -> dict[str, Any]:
    """Spell the members of a deploymentConfiguration that choose a strategy."""
    chosen: dict[str, Any] = {"strategy": strategy}
    if strategy in SHIFTING:
        chosen["bakeTimeInMinutes"] = bake
    if strategy == LINEAR:
        chosen["linearConfiguration"] = {"stepPercent": percent, "stepBakeTimeInMinutes": minutes}
    if strategy == CANARY:
        chosen["canaryConfiguration"] = {"canaryPercent": percent, "canaryBakeTimeInMinutes": minutes}
    return chosen


def waits(configuration: Mapping[str, Any]) -> int:
    """Sum up the minutes that ECS waits by itself."""
    strategy = configuration.get("strategy", ROLLING)
    if strategy not in SHIFTING:
        return 0
    minutes = int(configuration.get("bakeTimeInMinutes", 0))
    if strategy == CANARY:
        minutes += int(configuration.get("canaryConfiguration", {}).get("canaryBakeTimeInMinutes", 10))
    if strategy == LINEAR:
        linear = configuration.get("linearConfiguration", {})
        shares = math.ceil(100 / float(linear.get("stepPercent", 10)))
        minutes += (shares - 1) * int(linear.get("stepBakeTimeInMinutes", 6))
    return minutes
