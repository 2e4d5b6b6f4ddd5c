"""The lease: the machine-held, expiring right to change one environment.

Decisions only: what the record in the bucket means at a moment, and what the next record is. The moment is always
S3's own (the `Date` of its answer, the object's `Last-Modified`), so a laptop's clock does not matter. Writing is the
caller's, by compare-and-swap on the object's ETag; whoever loses that race reads again and asks again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from tagship.errors import ServiceFailed

SCHEMA = 1


@dataclass(frozen=True)
class LeaseRecord:
    """What the object holds. A released lease keeps its fencing number: the number only ever rises.

    `holder` is a person and a place ("ada@laptop", "run 4711"); empty when nobody holds the lease. `ttl` is seconds
    from the object's Last-Modified until it expires.
    """

    environment: str
    fence: int
    holder: str = ""
    deployment_id: str = ""
    run_url: str = ""
    phase: str = ""
    commands: tuple[str, ...] = ()
    ttl: int = 120
    taken_at: str = ""
    beats: int = 0
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read a record; raises ServiceFailed when it is not one (nothing is assumed about an unreadable lease)."""
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA:
                raise ValueError(f"schema {value['schema']}")
            value["commands"] = tuple(value["commands"])
            return cls(**value)
        except (ValueError, TypeError, KeyError) as reason:
            raise ServiceFailed(
                f"The lease object cannot be read ({reason}).",
                remedy="Look at it with: inv lock --env <environment>",
            ) from reason


@dataclass(frozen=True)
class Seen:
    """A record as S3 answered it: its ETag, when it was last written, and S3's own time of the answer."""

    record: LeaseRecord
    etag: str
    written: datetime
    now: datetime

    @property
    def age(self) -> timedelta:
        return self.now - self.written

    @property
    def held(self) -> bool:
        return bool(self.record.holder) and self.age < timedelta(seconds=self.record.ttl)

    @property
    def expired(self) -> bool:
        return bool(self.record.holder) and not self.held


def taken(
    seen: Seen | None, *, environment: str, holder: str, deployment_id: str, run_url: str, ttl: int, at: str
) -> LeaseRecord:
    """The record that takes the lease: one fencing number higher than any before it."""
    fence = seen.record.fence + 1 if seen else 1
    return LeaseRecord(environment, fence, holder, deployment_id, run_url, "taken", (), ttl, at)


def renewed(record: LeaseRecord, *, phase: str, commands: Sequence[str]) -> LeaseRecord:
    return replace(record, phase=phase, commands=tuple(commands), beats=record.beats + 1)


def released(record: LeaseRecord) -> LeaseRecord:
    """Nobody's, with the fencing number kept."""
    return LeaseRecord(record.environment, record.fence, ttl=record.ttl)
