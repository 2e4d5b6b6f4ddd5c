"""How a sandbox's time passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Pace:
    """How fast a sandbox's time passes.

    `scale` shortens every timeout; `visible_after` (seconds) delays the first sight of what was asked for.
    """

    scale: float = 1.0
    visible_after: float = 0.0

    def shortened(self, seconds: float) -> float:
        """Return how many seconds a timeout lasts here."""
        return seconds * self.scale

    def shows(self, requested: datetime) -> bool:
        """Return whether a poll already sees what was requested at that moment."""
        return (now() - requested).total_seconds() >= self.visible_after


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
