"""What is asked beside ECS about a service: its targets at load balancers, its alarms, and its log.

Infrastructure made them all; nothing here changes any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.ecs.surroundings import Firing, LogStream, TargetState

MOST = 100  # alarms that one DescribeAlarms takes


@dataclass(frozen=True)
class Around:
    """The calls about what surrounds services. Each raises ServiceFailed."""

    aws: Aws

    def targets(self, group: str) -> list[TargetState]:
        """Describe the targets of a target group, by its ARN."""
        with self.aws.translated(f"asking how the targets of {group.rpartition('targetgroup/')[2]} are"):
            answer = self.aws.client("elbv2").describe_target_health(TargetGroupArn=group)
        return [_target(row) for row in answer["TargetHealthDescriptions"]]

    def weights(self, rule: str) -> Mapping[str, int]:
        """Map the target groups of a listener or rule to weights."""
        client = self.aws.client("elbv2")
        with self.aws.translated(f"asking where {rule.rpartition('/app/')[2] or rule} sends requests"):
            if ":listener/" in rule:
                [row] = client.describe_listeners(ListenerArns=[rule])["Listeners"]
                actions = row["DefaultActions"]
            else:
                [row] = client.describe_rules(RuleArns=[rule])["Rules"]
                actions = row["Actions"]
        return dict(pair for action in actions for pair in _forwards(action))

    def alarms(self, names: Sequence[str]) -> dict[str, Firing]:
        """Describe alarms, by name; those that are not there are left out."""
        if not names:
            return {}
        with self.aws.translated("asking for the states of alarms"):
            answer = self.aws.client("cloudwatch").describe_alarms(
                AlarmNames=list(names)[:MOST], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        rows = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        return {row["AlarmName"]: Firing(row["StateValue"] == "ALARM", row.get("StateReason", "")) for row in rows}

    def log(self, stream: LogStream, most: int) -> list[str]:
        """Read the last lines of a container's log.

        None of a container that has written nothing yet.
        """
        client = self.aws.client("logs")
        with self.aws.translated(f"reading the log {stream.group}"):
            try:
                answer = client.get_log_events(
                    logGroupName=stream.group, logStreamName=stream.name, limit=most, startFromHead=False
                )
            except client.exceptions.ResourceNotFoundException:
                return []
        return [event["message"].rstrip() for event in answer["events"]]


def _target(row: Mapping[str, Any]) -> TargetState:
    target, health = row["Target"], row["TargetHealth"]
    place = f"{target['Id']}:{target['Port']}" if "Port" in target else target["Id"]
    return TargetState(place, health["State"], health.get("Reason", ""), health.get("Description", ""))


def _forwards(action: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the groups that an action forwards to, with their weights."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
    for group in groups:
        yield group["TargetGroupArn"], int(group.get("Weight", 1))
    if not groups and action.get("TargetGroupArn"):
        yield action["TargetGroupArn"], 1
