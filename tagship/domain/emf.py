"""Metrics in CloudWatch's embedded metric format: one line of JSON an environment. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
CloudWatch Logs makes metrics of such lines, in whatever log group they are written to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tagship.domain.deployment import FAILED, Deployment
from tagship.domain.metrics import Metrics, Spread

NAMESPACE = "tagship"
APP, ENVIRONMENT = "App", "Environment"  # the dimensions
SECONDS, COUNT, BYTES, NONE = "Seconds", "Count", "Bytes", "None"
PHASE = "Phase"  # what the names of phases' metrics begin with: which phases there are, is a unit's to say
FAILURE_RATE = "ChangeFailureRate"
DEPLOYMENT_FAILED, DEPLOYMENT_SECONDS = "DeploymentFailed", "DeploymentSeconds"
DRIFT, DRIFTED, UNHEALTHY = "Drift", "DriftedUnits", "UnhealthyUnits"
Value = tuple[str, str, float | None]  # its name, its unit, and what it is, if it is known


@dataclass(frozen=True)
class Look:
    """How units were when somebody looked.

    `drift`: something is not as recorded, a unit or what is stored. `drifted` units run or are something else;
    `unhealthy` ones do not answer as healthy, or can't be asked.
    """

    drift: bool
    drifted: int
    unhealthy: int


def lines(figures: Sequence[Metrics], app: str, namespace: str = NAMESPACE) -> str:
    """Write figures as lines, of the time at which their period ended."""
    return "".join(f"{_of_metrics(metrics, app, namespace, [])}\n" for metrics in figures)


def of_deployment(metrics: Metrics, deployment: Deployment, app: str, namespace: str) -> str:
    """Write the line of a deployment that ended, with the period's figures."""
    failed, seconds = float(deployment.state in FAILED), deployment.seconds
    ended: list[Value] = [(DEPLOYMENT_FAILED, COUNT, failed), (DEPLOYMENT_SECONDS, SECONDS, seconds)]
    return _of_metrics(metrics, app, namespace, ended)


def of_look(look: Look, environment: str, at: datetime, app: str, namespace: str) -> str:
    """Write the line of a look at an environment."""
    counts = ((DRIFT, look.drift), (DRIFTED, look.drifted), (UNHEALTHY, look.unhealthy))
    return _line([(name, COUNT, float(value)) for name, value in counts], environment, at, app, namespace)


def _of_metrics(metrics: Metrics, app: str, namespace: str, ended: Sequence[Value]) -> str:
    at = datetime.fromisoformat(metrics.until)
    return _line([*_values(metrics), *ended], metrics.environment, at, app, namespace, Since=metrics.since)


def _line(
    values: Sequence[Value], environment: str, at: datetime, app: str, namespace: str, **properties: object
) -> str:
    known = {name: (unit, value) for name, unit, value in values if value is not None}
    directive = {
        "Namespace": namespace,
        "Dimensions": [[APP, ENVIRONMENT]],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in known.items()],
    }
    written = {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        APP: app,
        ENVIRONMENT: environment,
        **properties,
        **{name: value for name, (_, value) in known.items()},
    }
    return json.dumps(written)


def _values(metrics: Metrics) -> list[Value]:
    return [
        ("Deployments", COUNT, metrics.changes),
        ("Failed", COUNT, metrics.outcomes.get("failed", 0)),
        ("Rollbacks", COUNT, metrics.rollbacks),
        ("SuccessRate", NONE, metrics.success_rate),
        *_spread("Duration", SECONDS, metrics.duration),
        *(value for phase, spread in metrics.phases.items() for value in _spread(_name(phase), SECONDS, spread)),
        *_spread("HealthAttempts", COUNT, metrics.health_attempts),
        *_spread("ArtifactSize", BYTES, metrics.size),
        ("DeploymentsPerDay", NONE, metrics.deployments_a_day),
        *_spread("LeadTime", SECONDS, metrics.lead_time),
        (FAILURE_RATE, NONE, metrics.change_failure_rate),
        *_spread("RecoveryTime", SECONDS, metrics.recovery_time),
    ]


def _spread(name: str, unit: str, spread: Spread) -> list[Value]:
    return [(f"{name}P50", unit, spread.p50), (f"{name}P95", unit, spread.p95)] if spread.count else []


def _name(phase: str) -> str:
    return PHASE + "".join(word.capitalize() for word in phase.replace("_", "-").split("-"))
