"""Deployments as people and programs read them: the outcome in words, and as data. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from tagship.domain.deployment import Deployment
from tagship.domain.hook import runs_of

CI = re.compile(r"run \d+ \((.*)\)\Z")


def person(who: str) -> str:
    """Name a person and a place; of a CI run, whose push."""
    run = CI.match(who)
    return f"{run[1]}, CI" if run else who


def state(deployment: Deployment) -> str:
    """Say in a word how far a deployment is."""
    return deployment.state if deployment.ended else f"{deployment.state}, not ended"


def outcome(deployment: Deployment) -> str:
    """Say the state in a word, and the reason if any."""
    reason = deployment.last.reason
    return f"{state(deployment)}: {reason}" if reason else state(deployment)


def evidence(deployment: Deployment) -> str:
    """Gather what units said when it failed, and its hooks' output.

    Empty if nothing is recorded.
    """
    parts = [str(entry.details.get("evidence", "")).strip("\n") for entry in deployment.entries]
    for run in runs_of(deployment).values():
        if run.output:
            parts.append(f"--- {run.label}: {run.state}\n{run.output}".rstrip("\n"))
    return "\n".join(filter(None, parts))


def as_data(deployments: Sequence[Deployment]) -> list[dict[str, object]]:
    """Write deployments as data, with the ledger's entries."""
    return [
        {
            "deployment": deployment.id,
            "environment": deployment.first.environment,
            "action": deployment.first.action,
            "artifact": deployment.artifact_id,
            "unsigned": deployment.unsigned,
            "replaced": deployment.last.replaced,
            "who": deployment.first.who,
            "where": deployment.first.where,
            "state": deployment.state,
            "ended": deployment.ended,
            "started": deployment.first.at,
            "seconds": round(deployment.seconds, 3),
            "reason": deployment.last.reason,
            "entries": [asdict(entry) for entry in deployment.entries],
            "void": [asdict(entry) for entry in deployment.void],
        }
        for deployment in deployments
    ]
