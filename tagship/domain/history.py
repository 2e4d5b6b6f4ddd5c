"""Deployments as people and programs read them: the outcome in words, and as data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tagship.domain.deployment import Deployment


def state(deployment: Deployment) -> str:
    """Say in a word how far a deployment is."""
    return deployment.state if deployment.ended else f"{deployment.state}, not ended"


def outcome(deployment: Deployment) -> str:
    """Say the state in a word, and the reason if there is one."""
    reason = deployment.last.reason
    return f"{state(deployment)}: {reason}" if reason else state(deployment)


def as_data(deployments: Sequence[Deployment]) -> list[dict[str, object]]:
    """Write each deployment as data, with its entries as the ledger has them."""
    return [
        {
            "deployment": one.id,
            "environment": one.first.environment,
            "action": one.first.action,
            "artifact": one.artifact_id,
            "unsigned": one.unsigned,
            "replaced": one.last.replaced,
            "who": one.first.who,
            "where": one.first.where,
            "state": one.state,
            "ended": one.ended,
            "started": one.first.at,
            "seconds": round(one.seconds, 3),
            "reason": one.last.reason,
            "entries": [asdict(entry) for entry in one.entries],
            "void": [asdict(entry) for entry in one.void],
        }
        for one in deployments
    ]
