"""What Lambda tells CloudWatch of each invocation.

Follows https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html: a function's metrics are counted by
itself, by what was asked for, and by the version that an alias chose. Does not model: their delay, durations,
throttles and concurrency.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.pace import now


def counted(place: AccountRegion, function: str, qualifier: str, version: str, *, failed: bool) -> None:
    """Count an invocation, and whether it failed."""
    by = [{"FunctionName": function}]
    if qualifier:
        by.append({**by[0], "Resource": f"{function}:{qualifier}"})
        by.append({**by[1], "ExecutedVersion": version})
    metrics = [_metric(name, value, dimensions) for dimensions in by for name, value in _values(failed=failed)]
    stock.backend("cloudwatch", place.region, place.account).put_metric_data("AWS/Lambda", metrics)


def _values(*, failed: bool) -> list[tuple[str, float]]:
    return [("Invocations", 1.0), ("Errors", float(failed))]


def _metric(name: str, value: float, dimensions: dict[str, str]) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Value": value,
        "Unit": "Count",
        "Timestamp": now().astimezone(UTC).replace(tzinfo=None),  # as moto keeps it
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
    }
