"""A freeze: a person's hold on an environment, with a reason and an end. Only a person ends it earlier.

Decisions only. The moment is always the store's own, so a laptop's clock neither shortens a freeze nor prolongs it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self

from tagship.domain import commands
from tagship.domain.stored import ODD, moment_of, read_back
from tagship.domain.text import either, moment, seconds
from tagship.errors import ServiceFailed

SCHEMA = 1
LONGEST = timedelta(days=366)
REASON = 200  # characters
GRAMMAR = '8h (also 30m, 2d), 2026-12-01T08:00Z, "friday 18:00" or 18:00; times are UTC unless they name an offset'

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKLY = re.compile(r"(?:([a-z]{3,9})\s+)?([01]?[0-9]|2[0-3]):([0-5][0-9])")


class FreezeUnreadable(ServiceFailed):
    """A freeze exists but cannot be read, so it still counts.

    `etag` is the object's.
    """

    def __init__(self, environment: str, why: str, etag: str = "") -> None:
        super().__init__(
            f"The freeze of {environment} cannot be read ({why}).",
            state="Its end is unknown. It does not stop a rollback. Nothing was changed.",
            remedy=either(
                f"Write it again: {commands.freeze(environment, '8h', 'the other could not be read')}",
                f"If nobody needs it, end it then: {commands.thaw(environment)}",
            ),
        )
        self.why, self.etag = why, etag


@dataclass(frozen=True)
class Freeze:
    """The record of a freeze; `until` and `at` are in UTC.

    Both are ISO 8601.
    """

    environment: str
    until: str
    reason: str
    who: str
    at: str
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read a freeze. Raises FreezeUnreadable."""
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA:
                raise ValueError(f"schema {value['schema']}")
            freeze = read_back(cls, value)
            moment_of(freeze.until)
        except ODD as reason:
            raise FreezeUnreadable("it", str(reason)) from reason
        return freeze


@dataclass(frozen=True)
class Frozen:
    """A freeze as read, with its ETag and the store's time."""

    freeze: Freeze
    etag: str
    now: datetime

    def as_data(self) -> dict[str, object]:
        return asdict(self.freeze)

    @property
    def active(self) -> bool:
        return self.now < datetime.fromisoformat(self.freeze.until)

    @property
    def summary(self) -> str:
        """Say `prod is frozen until 2026-12-01 08:00 UTC by ada@laptop: the sale`."""
        freeze, verb = self.freeze, "is" if self.active else "was"
        return f"{freeze.environment} {verb} frozen until {moment(freeze.until)} UTC by {freeze.who}: {freeze.reason}"


def ends(text: str, now: datetime) -> datetime | None:
    """Read the end of a freeze as typed; None if invalid.

    GRAMMAR says how to type it. A time of day, alone or with a weekday, is the next such moment after `now`.
    """
    typed = text.strip().lower()
    weekly = _WEEKLY.fullmatch(typed)
    if weekly:
        return _next(now, *weekly.groups())
    duration = None if typed.isdecimal() else seconds(typed)
    if duration is not None:
        return now + timedelta(seconds=duration)
    try:
        at = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _next(now: datetime, day: str | None, hour: str, minute: str) -> datetime | None:
    today = now.astimezone(UTC)
    at = datetime.combine(today.date(), time(int(hour), int(minute)), UTC)
    if day is None:
        return at if at > today else at + timedelta(days=1)
    weekdays = [number for number, name in enumerate(_DAYS) if day in {name, name[:3]}]
    if not weekdays:
        return None
    at += timedelta(days=(weekdays[0] - at.weekday()) % 7)
    return at if at > today else at + timedelta(days=7)
