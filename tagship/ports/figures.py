"""Where figures go that somebody watches: metrics, dashboards and alarms are made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class FigureLog(Protocol):
    """A log that makes metrics of its lines."""

    def put(self, stream: str, at: datetime, line: str) -> None:
        """Append a line to a stream, and make that if missing.

        Raises Refused if the log is missing or did not take the line, ServiceFailed.
        """
