"""A service's deploymentConfiguration as the settings want it: what ECS watches, and how it brings a version to tasks.

It goes into the UpdateService that brings the version: by itself it starts no deployment
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagship.domain.ecs.strategy import OF_SHARES
from tagship.settings.ecs import Ecs, Monitors

Configuration = Mapping[str, Any]


def corrected(configuration: Configuration, table: Ecs) -> Configuration:
    """Return it as the settings want it; empty if that changes nothing."""
    wanted = {**configuration, **_monitors(configuration, table.monitors)}
    if table.strategy.kind:
        others = {name: value for name, value in wanted.items() if name not in OF_SHARES}
        wanted = {**others, **table.strategy.configuration}
    return wanted if wanted != configuration else {}


def _monitors(configuration: Configuration, monitors: Monitors) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if monitors.failures:
        threshold = {"type": "COUNT", "value": monitors.failures}
        breaker = configuration.get("deploymentCircuitBreaker", {})
        changes["deploymentCircuitBreaker"] = {
            **breaker, "enable": True, "rollback": True, "thresholdConfiguration": threshold,
        }  # fmt: skip
    if monitors.alarms:
        changes["alarms"] = {"alarmNames": list(monitors.alarms), "enable": True, "rollback": True}
    return changes
