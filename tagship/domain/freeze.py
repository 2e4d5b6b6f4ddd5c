"""A freeze: a person's hold on an environment, with a reason and an end. Only a person takes it away before its end.

Decisions only. The moment is always the store's own, so a laptop's clock neither shortens a freeze nor prolongs it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self

from tagship.domain.stored import ODD, moment_of, read_back
from tagship.domain.text import moment, seconds
from tagship.errors import ServiceFailed

SCHEMA = 1
LONGEST = timedelta(days=366)
REASON = 200  # characters
GRAMMAR = '8h (also 30m, 2d), 2026-12-01T08:00Z, "friday 18:00" or 18:00; times are UTC where they do not say otherwise'

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKLY = re.compile(r"(?:([a-z]{3,9})\s+)?([01]?[0-9]|2[0-3]):([0-5][0-9])")


class FreezeUnreadable(ServiceFailed):
    """There is a freeze, and what it says cannot be read: it is not taken for none. `etag` is the object's."""

    def __init__(self, environment: str, why: str, etag: str = "") -> None:
        super().__init__(
            f"The freeze of {environment} cannot be read ({why}).",
            state="Until when it holds is not known; a rollback passes it. Nothing was changed.",
            remedy=f'Write it anew: inv freeze --env {environment} --until 8h --reason "the other could not be read"'
            f" (and where nobody wants one, then: inv thaw --env {environment})",
        )
        self.why, self.etag = why, etag


@dataclass(frozen=True)
class Freeze:
    """What the object holds. `until` and `at` are ISO 8601 in UTC."""

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
        """Read a freeze; raises ServiceFailed when it is not one: an unreadable freeze is not taken for none."""
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA:
                raise ValueError(f"schema {value['schema']}")
            found = read_back(cls, value)
            moment_of(found.until)
        except ODD as reason:
            raise FreezeUnreadable("it", str(reason)) from reason
        return found


@dataclass(frozen=True)
class Frozen:
    """A freeze as the store answered it: its ETag, and the store's own time of the answer."""

    freeze: Freeze
    etag: str
    now: datetime

    def as_data(self) -> dict[str, object]:
        return asdict(self.freeze)

    @property
    def active(self) -> bool:
        return self.now < datetime.fromisoformat(self.freeze.until)

    @property
    def told(self) -> str:
        """`prod is frozen until 2026-12-01 08:00 UTC by ada@laptop: the sale`."""
        one, verb = self.freeze, "is" if self.active else "was"
        return f"{one.environment} {verb} frozen until {moment(one.until)} UTC by {one.who}: {one.reason}"


def ends(text: str, now: datetime) -> datetime | None:
    """When a freeze ends, of what a person typed (see GRAMMAR); None where it is none of that.

    A time of day, alone or with a weekday, is the next such moment after `now`.
    """
    said = text.strip().lower()
    weekly = _WEEKLY.fullmatch(said)
    if weekly:
        return _next(now, *weekly.groups())
    for_how_long = None if said.isdecimal() else seconds(said)
    if for_how_long is not None:
        return now + timedelta(seconds=for_how_long)
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
    wanted = [number for number, name in enumerate(_DAYS) if day in {name, name[:3]}]
    if not wanted:
        return None
    at += timedelta(days=(wanted[0] - at.weekday()) % 7)
    return at if at > today else at + timedelta(days=7)
