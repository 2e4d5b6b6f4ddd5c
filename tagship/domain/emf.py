"""Metrics in CloudWatch's embedded metric format: one line of JSON an environment. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html:
CloudWatch Logs makes metrics of such lines, in whatever log group they are written to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from tagship.domain.metrics import Metrics, Spread

NAMESPACE = "tagship"
SECONDS, COUNT, BYTES, NONE = "Seconds", "Count", "Bytes", "None"
Value = tuple[str, str, float | None]  # its name, its unit, and what it is, if it is known


def lines(figures: Sequence[Metrics], app: str) -> str:
    """Write figures as lines, of the time at which their period ended."""
    return "".join(f"{json.dumps(_line(metrics, app))}\n" for metrics in figures)


def _line(metrics: Metrics, app: str) -> dict[str, object]:
    known = {name: (unit, value) for name, unit, value in _values(metrics) if value is not None}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["App", "Environment"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in known.items()],
    }
    at = int(datetime.fromisoformat(metrics.until).timestamp() * 1000)
    return {
        "_aws": {"Timestamp": at, "CloudWatchMetrics": [directive]},
        "App": app,
        "Environment": metrics.environment,
        "Since": metrics.since,
        **{name: value for name, (_, value) in known.items()},
    }


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
        ("ChangeFailureRate", NONE, metrics.change_failure_rate),
        *_spread("RecoveryTime", SECONDS, metrics.recovery_time),
    ]


def _spread(name: str, unit: str, spread: Spread) -> list[Value]:
    return [(f"{name}P50", unit, spread.p50), (f"{name}P95", unit, spread.p95)] if spread.count else []


def _name(phase: str) -> str:
    return "Phase" + "".join(word.capitalize() for word in phase.replace("_", "-").split("-"))
