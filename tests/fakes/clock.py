"""A clock that moves only when it is told to, or when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class FakeClock:
    """`during` is called before each sleep, with the seconds slept so far: the world may change meanwhile."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)) -> None:
        self.time = now
        self.slept: list[float] = []
        self.during: Callable[[float], None] = lambda _: None

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.during(sum(self.slept))
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
