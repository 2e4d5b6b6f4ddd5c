"""Clocks: this machine's, and that of a service whose answers are dated."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class AnswersClock:
    """A service's time, carried on by this machine's count of seconds.

    It is the date of an answer. A date has whole seconds and was under way for a while, so each is at most the true
    time; the latest bound counts. It never goes back. No clock that somebody sets matters, and one answer sets right
    what a machine slept through.
    """

    def __init__(self, count: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._ahead: float | None = None  # seconds from this machine's count to the service's time

    def hear(self, date: datetime) -> datetime:
        """Note the date of an answer that has just come; returns it."""
        ahead = date.timestamp() - self._count()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        return date

    def now(self) -> datetime | None:
        """Tell the service's time; None before its first answer."""
        return None if self._ahead is None else datetime.fromtimestamp(self._ahead + self._count(), UTC)
