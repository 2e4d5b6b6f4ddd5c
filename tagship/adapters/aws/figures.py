"""Metrics in CloudWatch Logs: PutLogEvents, of lines that CloudWatch makes metrics of.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html: a stream has to be there,
its sequence token is no longer asked for, and an event that is too old or too new is rejected in an answer of success.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tagship.adapters.aws.session import Aws
from tagship.domain import commands
from tagship.errors import Refused


@dataclass(frozen=True)
class CloudWatchLog:
    """A log group; see tagship.ports.figures."""

    aws: Aws
    group: str

    def put(self, stream: str, at: datetime, line: str) -> None:
        logs = self.aws.client("logs")
        with self.aws.translated(f"writing to the log group {self.group}", state=""):
            try:
                self._put(stream, at, line)
            except logs.exceptions.ResourceNotFoundException:
                self._create(stream)
                self._put(stream, at, line)

    def _put(self, stream: str, at: datetime, line: str) -> None:
        event = {"timestamp": int(at.timestamp() * 1000), "message": line}
        answer = self.aws.client("logs").put_log_events(
            logGroupName=self.group, logStreamName=stream, logEvents=[event]
        )
        if answer.get("rejectedLogEventsInfo"):
            raise Refused(
                f"The log group {self.group} took no figures: it calls {at:%Y-%m-%d %H:%M} UTC too old or too new.",
                remedy="Set this machine's clock",
            )

    def _create(self, stream: str) -> None:
        logs = self.aws.client("logs")
        try:
            logs.create_log_stream(logGroupName=self.group, logStreamName=stream)
        except logs.exceptions.ResourceAlreadyExistsException:
            return  # another process made it meanwhile
        except logs.exceptions.ResourceNotFoundException:
            raise Refused(
                f"There is no log group {self.group} in {self.aws.region}.", remedy=f"Make it: {commands.setup()}"
            ) from None
