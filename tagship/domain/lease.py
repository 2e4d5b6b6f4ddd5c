"""The lease: the machine-held, expiring right to change an environment, or all environments of one lease group.

Decisions only: what the record in the bucket means at a moment, and what the next record is. The moment is always
S3's own (the `Date` of its answer, the object's `Last-Modified`), so a laptop's clock does not matter. Writing is the
caller's, by compare-and-swap on the object's ETag; a caller that loses that race reads again and decides again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from tagship.domain import commands
from tagship.domain.deployment import begun, is_id, new_id
from tagship.domain.fence import is_plausible
from tagship.domain.stored import ODD, moment_of, read_back
from tagship.errors import Held, Refused, ServiceFailed

SCHEMA = 1
LONGEST_BEAT = 10.0  # seconds: how late a holder may learn that it was fenced off


@dataclass(frozen=True)
class LeaseRecord:
    """What the lease's object holds.

    A released lease keeps its fencing number: the number only ever rises. `holder` is a person and a place
    ("ada@laptop", "run 4711"); empty if nobody holds the lease. `environment` is the one that the holder changes;
    others of its group wait for it. `ttl` is seconds from the object's Last-Modified until it expires. `operations`
    are the names of those in flight. `taking` identifies one acquisition: two processes are never one holder, even of
    one deployment.
    """

    environment: str
    fence: int
    holder: str = ""
    deployment_id: str = ""
    run_url: str = ""
    phase: str = ""
    operations: tuple[str, ...] = ()
    ttl: int = 120
    taken_at: str = ""
    beats: int = 0
    taking: str = ""
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read a record. Raises LeaseUnreadable if it is not one."""
        # Nothing is assumed about an unreadable lease.
        try:
            value = json.loads(raw)
            if value["schema"] != SCHEMA:
                raise ValueError(f"schema {value['schema']}")
            value["operations"] = tuple(str(name) for name in value["operations"])
            record = read_back(cls, value)
            if record.taken_at:
                moment_of(record.taken_at)
            if is_id(record.deployment_id):
                begun(record.deployment_id)  # what it has in flight is looked for since then
        except ODD as reason:
            raise LeaseUnreadable("it", str(reason), raw) from reason
        return record


@dataclass(frozen=True)
class Seen:
    """A record as S3 answered it.

    Its ETag, when it was last written, and S3's own time of the answer.
    """

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

    def gives_way(self, over: str, living: bool) -> bool:
        """Tell whether `over` may take the lease.

        It may if nobody has the lease, or if deployment `over` has it and its heartbeat has stopped (`living`: even if
        not). The caller checks whatever else shows that a holder is dead.
        """
        if not self.record.holder:
            return True
        return self.record.deployment_id == over and (living or self.expired)


def taken(
    seen: Seen,
    *,
    environment: str,
    holder: str,
    deployment_id: str,
    run_url: str,
    ttl: int,
    above: int = 0,
    taking: str = "",
) -> LeaseRecord:
    """Make the record that takes the lease, with the next fencing number.

    `above` is the highest number known from elsewhere (the ledger): numbers go on rising if the object was deleted, or
    the environment has joined another group. A deployment without an id gets one: the store's own time to the second,
    then the fencing number. So ids sort in the order that the lease was held, whatever the holders' clocks say.
    Raises LeaseImplausible if the record's number can't have come of leases.
    """
    if not is_plausible(seen.record.fence, above):
        raise LeaseImplausible(environment, seen.record.fence, above)
    fence = max(seen.record.fence, above) + 1
    id_ = deployment_id or new_id(seen.now.replace(microsecond=fence % 1_000_000))
    at = seen.now.astimezone(UTC).isoformat(timespec="seconds")
    return LeaseRecord(environment, fence, holder, id_, run_url, "getting ready", (), ttl, at, taking=taking)


class LeaseUnreadable(ServiceFailed):
    """The lease cannot be read, so nobody may take it.

    `id` names these very bytes to `unlock`; it is empty if a later tagship wrote them, which is no damage. `fence` is
    the fencing number that can still be read in them, or 0.
    """

    def __init__(self, environment: str, why: str, raw: bytes) -> None:
        self.why = why
        self.id = "" if _is_later(raw) else f"damaged-{hashlib.sha256(raw).hexdigest()[:12]}"
        self.fence = int(match[1]) if (match := _FENCE.search(raw)) else 0
        remedy = f"If nobody deploys to {environment}, write it again: {commands.unlock(environment, self.id)}"
        super().__init__(
            f"The lease of {environment} cannot be read ({why}).",
            state=f"The holder of {environment} is unknown. Nothing was changed.",
            remedy=remedy if self.id else "A later tagship wrote it; use that one: pip install --upgrade tagship",
        )


class LeaseImplausible(Refused):
    """The lease carries a number that no deployment led to."""

    def __init__(self, environment: str, fence: int, above: int) -> None:
        reset = commands.unlock(environment, reset_fence=True)
        super().__init__(
            f"The lease of {environment} carries the fencing number {fence}, and the highest in the ledger is {above}: "
            "no deployment led there.",
            remedy=f"Find out who wrote it, then start the numbers again: {reset}",
        )


_FENCE = re.compile(rb'"fence": ?([0-9]{1,9})\b')


def _is_later(raw: bytes) -> bool:
    """Tell whether it is a later schema's whole record."""
    try:
        return int(json.loads(raw)["schema"]) > SCHEMA
    except ODD:
        return False


class LeaseHeld(Held):
    """Somebody else has the lease; `seen` is what was read of it."""

    def __init__(self, seen: Seen, problem: str, *, remedy: str) -> None:
        super().__init__(problem, remedy=remedy)
        self.seen = seen


def beat_every(ttl: int) -> float:
    """Return the seconds between heartbeats."""
    # Five may be lost in a row before the lease expires.
    return min(LONGEST_BEAT, ttl / 6)


def renewed(record: LeaseRecord, *, phase: str, operations: Sequence[str]) -> LeaseRecord:
    return replace(record, phase=phase, operations=tuple(operations), beats=record.beats + 1)


def let_go(record: LeaseRecord) -> LeaseRecord:
    """Let the lease expire now, in its holder's name."""
    # Its operations go on, and nobody watches them.
    return replace(record, phase=f"interrupted: {record.phase}", ttl=0)


def same(record: LeaseRecord, other: LeaseRecord) -> bool:
    """Tell whether two records are of one acquisition, whatever their phases."""
    return (record.deployment_id, record.fence, record.taking) == (other.deployment_id, other.fence, other.taking)


def restarted(record: LeaseRecord, environment: str, fence: int) -> LeaseRecord:
    """Free the lease, and go on from `fence`."""
    # A higher number that can have come of it stays: another environment of the lease group began there before.
    number = record.fence if fence <= record.fence and is_plausible(record.fence, fence) else fence
    return LeaseRecord(environment, number)


def released(record: LeaseRecord) -> LeaseRecord:
    """Release the lease, and keep its fencing number."""
    return LeaseRecord(record.environment, record.fence, ttl=record.ttl)
