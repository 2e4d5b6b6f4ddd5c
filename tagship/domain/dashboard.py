"""CloudWatch's dashboard and alarms over the metrics of tagship.domain.emf, as resources of a template. Pure.

Resources are written as JSON, which is YAML too: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
(aws-resource-cloudwatch-alarm.html, aws-resource-cloudwatch-dashboard.html); what is in a dashboard's body is in
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.domain import commands, emf

KEPT = 90  # days that the log group keeps lines; CloudWatch keeps their metrics for 15 months
DAY, SOON = 86_400, 300  # seconds that an alarm counts together
WIDTH, HEIGHT, ACROSS = 8, 6, 24  # of the grid that widgets are laid on
_OUTPUTS = "\nOutputs:\n"


@dataclass(frozen=True)
class WatchedFigures:
    """What is watched, and who is alarmed.

    `topic` is the ARN of a topic of SNS; empty: alarms alarm nobody. `failure_rate` is a share of 1.
    """

    app: str
    environments: Sequence[str]
    namespace: str
    topic: str
    failure_rate: float


@dataclass(frozen=True)
class _Alarm:
    """One alarm of an environment: `metric` above `threshold` in a period."""

    name: str
    says: str
    metric: str
    statistic: str
    seconds: int
    threshold: float
    missing: str  # what no data means: `ignore` leaves the alarm as it is until the next look or deployment


def log_group(app: str) -> str:
    """Name the log group of an app's metrics."""
    return f"/tagship/{app}"


def with_dashboard(template: str, watched: WatchedFigures) -> str:
    """Add a log group, a dashboard and alarms to foundation.yaml."""
    added = "".join(f"\n  {name}: {json.dumps(made)}\n" for name, made in resources(watched).items())
    return template.replace(_OUTPUTS, f"{added}{_OUTPUTS}", 1)


def resources(watched: WatchedFigures) -> dict[str, dict[str, Any]]:
    """Make the resources by their logical names."""
    group = {"LogGroupName": log_group(watched.app), "RetentionInDays": KEPT}
    made: dict[str, dict[str, Any]] = {
        "Figures": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",  # the ledger has what it says
            "UpdateReplacePolicy": "Delete",
            "Properties": group,
        }
    }
    for environment in watched.environments:
        for alarm in _alarms(watched, environment):
            made[_logical(environment, alarm)] = _alarm(watched, environment, alarm)
    body = json.dumps({"widgets": list(_placed(_widgets(watched)))}, separators=(",", ":"))
    made["Dashboard"] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": f"tagship-{watched.app}-${{AWS::Region}}"},
            "DashboardBody": {"Fn::Sub": body},
        },
    }
    return made


# -- alarms ------------------------------------------------------------------------------------------------------------


def _alarms(watched: WatchedFigures, environment: str) -> Iterator[_Alarm]:
    share = f"more than {watched.failure_rate:.0%} of the deployments to {environment} in 30 days failed"
    yield _Alarm("failure-rate", share, emf.FAILURE_RATE, "Maximum", DAY, watched.failure_rate, "ignore")
    failed = f"a deployment to {environment} failed"
    yield _Alarm("failed", failed, emf.DEPLOYMENT_FAILED, "Sum", SOON, 0, "notBreaching")
    drift = f"{environment} is not as its ledger says"
    yield _Alarm("drift", drift, emf.DRIFT, "Maximum", SOON, 0, "ignore")
    unhealthy = f"a unit of {environment} is not healthy, or can't be asked"
    yield _Alarm("unhealthy", unhealthy, emf.UNHEALTHY, "Maximum", SOON, 0, "ignore")


def _alarm(watched: WatchedFigures, environment: str, alarm: _Alarm) -> dict[str, Any]:
    topics = [watched.topic] if watched.topic else []
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": _alarm_name(watched, environment, alarm),
            "AlarmDescription": f"{watched.app}: {alarm.says}. Look: {commands.status(environment)}",
            "Namespace": watched.namespace,
            "MetricName": alarm.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in _of(watched, environment).items()],
            "Statistic": alarm.statistic,
            "Period": alarm.seconds,
            "EvaluationPeriods": 1,
            "Threshold": alarm.threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": alarm.missing,
            "AlarmActions": topics,
            "OKActions": topics,
        },
    }


def _alarm_name(watched: WatchedFigures, environment: str, alarm: _Alarm) -> str:
    return f"tagship-{watched.app}-{environment}-{alarm.name}"


def _of(watched: WatchedFigures, environment: str) -> dict[str, str]:
    """Name the dimensions of an environment's metrics."""
    return {emf.APP: watched.app, emf.ENVIRONMENT: environment}


def _logical(environment: str, alarm: _Alarm) -> str:
    """Name an alarm's resource: letters and digits alone, no two alike."""
    # Without its hyphens, an environment's name may be another's.
    mark = hashlib.sha256(environment.encode()).hexdigest()[:8]
    return f"Alarm{mark}{alarm.name.title().replace('-', '')}"


# -- the dashboard -----------------------------------------------------------------------------------------------------

_SPREADS = {
    "Duration": "How long deployments took, in 30 days",
    "LeadTime": "From the commit to healthy, in 30 days",
    "RecoveryTime": "From a failure until something served, in 30 days",
    "HealthAttempts": "Requests until a unit was healthy, in 30 days",
    "ArtifactSize": "Size of artifacts, in 30 days",
}


def _widgets(watched: WatchedFigures) -> Iterator[dict[str, Any]]:
    """Yield what the dashboard shows, the most urgent first."""
    arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
    names = [
        f"{arn}{_alarm_name(watched, environment, alarm)}"
        for environment in watched.environments
        for alarm in _alarms(watched, environment)
    ]
    yield {"type": "alarm", "properties": {"title": f"{watched.app}: alarms", "alarms": names}}
    yield _graph(watched, "Deployments that failed", [emf.DEPLOYMENT_FAILED], "Sum")
    yield _graph(watched, "Units that drifted or are not healthy", [emf.DRIFT, emf.DRIFTED, emf.UNHEALTHY])
    yield _graph(watched, "Each deployment's seconds", [emf.DEPLOYMENT_SECONDS])
    yield _graph(watched, "Deployments, failures and rollbacks in 30 days", ["Deployments", "Failed", "Rollbacks"])
    yield _graph(watched, "Change failure rate and success rate", [emf.FAILURE_RATE, "SuccessRate"])
    yield _graph(watched, "Healthy deployments a day", ["DeploymentsPerDay"])
    for name, title in _SPREADS.items():
        yield _graph(watched, title, [f"{name}P50", f"{name}P95"])
    yield _phases(watched)


def _graph(watched: WatchedFigures, title: str, names: Sequence[str], statistic: str = "Maximum") -> dict[str, Any]:
    of = [(environment, name) for name in names for environment in watched.environments]
    metrics = [_metric(watched, environment, name) for environment, name in of]
    return _shown(title, metrics, statistic)


def _metric(watched: WatchedFigures, environment: str, name: str) -> list[Any]:
    dimensions = [part for pair in _of(watched, environment).items() for part in pair]
    return [watched.namespace, name, *dimensions, {"label": f"{environment} {name}"}]


def _phases(watched: WatchedFigures) -> dict[str, Any]:
    """Show every phase that a unit has ever named."""
    schema = f'{{"{watched.namespace}",{emf.APP},{emf.ENVIRONMENT}}}'
    search = f"SEARCH('{schema} {emf.APP}=\"{watched.app}\" {emf.PHASE}', 'Maximum', {SOON})"
    return _shown("Phases of units", [[{"expression": search, "id": "phases"}]], "Maximum")


def _shown(title: str, metrics: Sequence[object], statistic: str) -> dict[str, Any]:
    properties: Mapping[str, Any] = {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": SOON,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }
    return {"type": "metric", "properties": properties}


def _placed(widgets: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Lay widgets in rows of three."""
    for number, widget in enumerate(widgets):
        row, column = divmod(number, ACROSS // WIDTH)
        yield {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT, **widget}
