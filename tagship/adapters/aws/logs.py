"""CloudWatch Logs: a group is read in pages, whatever number of units writes into it.

FilterLogEvents reads all streams of a group in one request. A page may be empty and the next one not; the end is a page
without a token (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tagship.adapters.aws.session import Aws
from tagship.domain.logs import TimeRange
from tagship.errors import Refused


@dataclass(frozen=True)
class Event:
    """A line of a stream."""

    at: datetime
    stream: str
    text: str
    id: str


@dataclass(frozen=True)
class LogGroup:
    """A group of CloudWatch Logs.

    `remedy` is for a group that is missing.
    """

    aws: Aws
    name: str
    remedy: str

    def events(self, window: TimeRange, prefix: str = "") -> Iterator[Event]:
        """Yield the events of streams whose names begin so, by time.

        Raises Refused if the group isn't there, ServiceFailed.
        """
        client = self.aws.client("logs")
        chosen = {"logStreamNamePrefix": prefix} if prefix else {}
        end = {"endTime": _milliseconds(window.until)} if window.until else {}
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=self.name, startTime=max(0, _milliseconds(window.since)), **chosen, **end
        )
        with self.aws.translated(f"reading the log group {self.name}"):
            try:
                for page in pages:
                    for row in page.get("events", ()):
                        yield _event(row)
            except client.exceptions.ResourceNotFoundException:
                raise Refused(f"There is no log group {self.name} in {self.aws.region}.", remedy=self.remedy) from None


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _event(row: dict[str, object]) -> Event:
    at = datetime.fromtimestamp(int(str(row["timestamp"])) / 1000, UTC)
    return Event(at, str(row["logStreamName"]), str(row["message"]).rstrip("\n"), str(row["eventId"]))
