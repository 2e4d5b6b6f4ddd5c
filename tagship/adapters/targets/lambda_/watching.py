"""What CloudWatch says of a new version while it gets a share of the calls: alarms, and its errors.

With weights, Lambda's metrics have the dimension ExecutedVersion beside Resource, which is `function:alias`
(https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html). They come a minute or two late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.text import listed

ALARMS = 100  # names that one request takes
PERIOD = 60  # seconds of one value


@dataclass(frozen=True)
class Watching:
    """Whether a new version may have more of the calls.

    `errors` is the percentage of its invocations that may fail; 0 if that does not count.
    """

    aws: Aws
    alarms: Sequence[str]
    errors: float

    def why_firing(self) -> str:
        """Name alarms that fire or are missing. Raises ServiceFailed."""
        states = self._states()
        firing = [name for name in self.alarms if states.get(name) == "ALARM"]
        missing = [name for name in self.alarms if name not in states]
        words = f"{listed(firing)} in ALARM" if firing else ""
        return words or (f"no such alarm: {listed(missing)}" if missing else "")

    def why_failing(self, function: str, alias: str, version: str, since: datetime, until: datetime) -> str:
        """Say how many invocations fail, if too many do. Raises ServiceFailed."""
        if not self.errors:
            return ""
        dimensions = {"FunctionName": function, "Resource": f"{function}:{alias}", "ExecutedVersion": version}
        sums = self._sums(dimensions, since, until)
        failed, all_ = sums["errors"], sums["invocations"]
        if not failed or failed * 100 <= self.errors * all_:
            return ""
        return f"{failed:.0f} of {all_:.0f} invocations of version {version} failed"

    def _states(self) -> Mapping[str, str]:
        states: dict[str, str] = {}
        for first in range(0, len(self.alarms), ALARMS):
            with self.aws.translated("reading alarms"):
                answer = self.aws.client("cloudwatch").describe_alarms(
                    AlarmNames=list(self.alarms[first : first + ALARMS]), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
                )
            rows = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
            states |= {row["AlarmName"]: row["StateValue"] for row in rows}
        return states

    def _sums(self, dimensions: Mapping[str, str], since: datetime, until: datetime) -> Mapping[str, float]:
        queries = [_query(name, dimensions) for name in ("Errors", "Invocations")]
        with self.aws.translated(f"reading metrics of {dimensions['FunctionName']}"):
            answer = self.aws.client("cloudwatch").get_metric_data(
                MetricDataQueries=queries, StartTime=since, EndTime=until
            )
        return {row["Id"]: sum(row["Values"]) for row in answer["MetricDataResults"]}


def _query(name: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": "Sum"}}
