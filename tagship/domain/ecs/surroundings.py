"""What surrounds a service: targets at its load balancers, alarms, and the log streams of its containers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FINE = frozenset({"healthy", "initial", "draining", "unused"})


@dataclass(frozen=True)
class TargetState:
    """A target of a target group, as elbv2 describes it."""

    place: str  # address:port
    state: str
    reason: str = ""  # its code
    description: str = ""

    @property
    def words(self) -> str:
        why = ": ".join(filter(None, (self.reason, self.description.rstrip("."))))
        return f"target {self.place} is {self.state}" + (f" ({why})" if why else "")


@dataclass(frozen=True)
class Firing:
    """Whether an alarm is in ALARM, and the reason of its state."""

    now: bool
    reason: str = ""


@dataclass(frozen=True)
class LogStream:
    """A container's stream in CloudWatch Logs."""

    container: str
    group: str
    name: str


def unwell(targets: Sequence[TargetState]) -> list[str]:
    """Say of each target that gets no requests why."""
    return [target.words for target in targets if target.state not in FINE]


def streams(definition: Mapping[str, Any], task: str) -> Iterator[LogStream]:
    """Name the streams of a task's containers.

    `task` is its ARN. A container whose log goes elsewhere has none
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html).
    """
    for row in definition.get("containerDefinitions", ()):
        logging = row.get("logConfiguration", {})
        options = logging.get("options", {})
        group, prefix = options.get("awslogs-group", ""), options.get("awslogs-stream-prefix", "")
        if logging.get("logDriver") == "awslogs" and group and prefix:
            yield LogStream(row["name"], group, f"{prefix}/{row['name']}/{task.rpartition('/')[2]}")
