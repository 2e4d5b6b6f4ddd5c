"""Lines of an app's log, as a unit wrote them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LogLine:
    """A line, and who wrote it.

    `at` is None where the log has no times. `id` tells it from every other line of the unit.
    """

    at: datetime | None
    unit: str
    text: str
    id: str = ""

    def order(self) -> datetime:
        """Return what lines are sorted by: those without a time come first."""
        return self.at or EARLY

    @property
    def clock(self) -> str:
        """Return its time to the second, in UTC; empty without one."""
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if self.at else ""

    def as_data(self) -> dict[str, object]:
        return {"at": self.at.astimezone(UTC).isoformat() if self.at else None, "unit": self.unit, "text": self.text}


@dataclass(frozen=True)
class TimeRange:
    """The time that is asked for.

    `until` is None for an open end.
    """

    since: datetime
    until: datetime | None = None
