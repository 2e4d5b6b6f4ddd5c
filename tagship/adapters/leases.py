"""The lease of each environment: one object in the bucket, changed only by compare-and-swap on its ETag.

What a record means is tagship.domain.lease's; this is the reading, the writing, and who loses. All time is the store's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC

from tagship.domain import layout
from tagship.domain.lease import LeaseRecord, Seen, released, renewed, taken
from tagship.domain.times import ago, moment
from tagship.errors import Held, LeaseLost, Refused, ServiceFailed
from tagship.ports import Conflict, Store

ROUNDS = 10  # how often a lost race for a free lease is run again


class StoredLeases:
    """Each write is atomic: of two that read the same ETag, the store lets one through."""

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app
        self._etags: dict[LeaseRecord, str] = {}  # of the records that this process wrote

    def look(self, environment: str) -> Seen | None:
        found = self._store.get(layout.lease(self._app, environment))
        if found is None:
            return None
        return Seen(LeaseRecord.from_json(found.body), found.etag, found.modified, found.now)

    def take(self, environment: str, *, holder: str, deployment_id: str, run_url: str, ttl: int) -> LeaseRecord:
        """Take a lease that is free or has expired; raises Held, naming the holder and the unlock command."""
        for _ in range(ROUNDS):
            seen = self._seen(environment)
            if seen.record.deployment_id == deployment_id:
                return self._mine(seen)
            if seen.held:
                raise held_by(seen)
            at = seen.now.astimezone(UTC).isoformat(timespec="seconds")
            record = taken(
                seen,
                environment=environment,
                holder=holder,
                deployment_id=deployment_id,
                run_url=run_url,
                ttl=ttl,
                at=at,
            )
            try:
                return self._write(record, seen.etag)
            except Conflict:
                continue  # another writer came first, or this very write did and its answer was lost: read again
        raise ServiceFailed(
            f"The lease of {environment} changed under each of {ROUNDS} attempts to take it.",
            remedy="Run it again when fewer deployments start at once.",
        )

    def _seen(self, environment: str) -> Seen:
        """The lease; where there never was one, a free one with fencing number 0 is written first.

        That gives the first taking, too, a time of the store's own.
        """
        seen = self.look(environment)
        if seen:
            return seen
        with contextlib.suppress(Conflict):
            self._write(LeaseRecord(environment, 0), "")
        return self.look(environment) or self._vanished(environment)

    def _vanished(self, environment: str) -> Seen:
        raise ServiceFailed(
            f"The lease object of {environment} vanished while it was taken.",
            remedy=f"See who works on the bucket, then: inv lock --env {environment}",
        )

    def renew(self, record: LeaseRecord, *, phase: str, commands: Sequence[str] = ()) -> LeaseRecord:
        """Write phase and commands, and so live for another `ttl` seconds; raises LeaseLost when it is another's."""
        etag = self._etags.get(record)
        if etag:
            with contextlib.suppress(Conflict):
                return self._write(renewed(record, phase=phase, commands=commands), etag)
        seen = self.look(record.environment)
        if seen is None or not _same(seen.record, record):
            raise lost(record, seen)
        try:  # still ours: an earlier renewal's answer was lost
            return self._write(renewed(seen.record, phase=phase, commands=commands), seen.etag)
        except Conflict as reason:
            raise lost(record, self.look(record.environment)) from reason

    def release(self, record: LeaseRecord) -> None:
        seen = self.look(record.environment)
        if seen is None or not _same(seen.record, record):
            return
        try:
            self._write(released(seen.record), seen.etag)
        except Conflict:
            return  # freed by this very write, or somebody else's by now

    def break_(self, environment: str, deployment_id: str) -> None:
        seen = self.look(environment)
        if seen is None or seen.record.deployment_id != deployment_id:
            raise Refused(
                _not_that_one(environment, deployment_id, seen), remedy=f"Look again: inv lock --env {environment}"
            )
        try:
            self._write(released(seen.record), seen.etag)
        except Conflict as reason:
            raise Refused(
                f"The lease of {environment} changed at this moment: deployment {deployment_id} is alive.",
                remedy=f"Look again: inv lock --env {environment}",
            ) from reason

    def _write(self, record: LeaseRecord, etag: str) -> LeaseRecord:
        key = layout.lease(self._app, record.environment)
        written = (
            self._store.replace(key, record.to_json(), etag) if etag else self._store.create(key, record.to_json())
        )
        self._etags = {record: written.etag}
        return record

    def _mine(self, seen: Seen) -> LeaseRecord:
        self._etags = {seen.record: seen.etag}
        return seen.record


def _same(one: LeaseRecord, other: LeaseRecord) -> bool:
    """Whether two records are of one taking of the lease, whatever phase each is in."""
    return (one.deployment_id, one.fence) == (other.deployment_id, other.fence)


def held_by(seen: Seen) -> Held:
    """The refusal: who holds it, since when, what they are doing, and how to break it."""
    record = seen.record
    since = f" since {moment(record.taken_at)} UTC" if record.taken_at else ""
    run = f", {record.run_url}" if record.run_url else ""
    return Held(
        f"{record.holder} holds {record.environment}{since} ({record.phase}, heard of {ago(seen.age)}{run}).",
        remedy=f"Wait for it, or if it is dead: inv unlock --env {record.environment} --id {record.deployment_id}",
    )


def lost(record: LeaseRecord, seen: Seen | None) -> LeaseLost:
    now = seen.record.holder if seen and seen.record.holder else "nobody"
    return LeaseLost(
        f"The lease of {record.environment} is no longer this deployment's: {now} holds it now.",
        state="This deployment stopped before its next action.",
        remedy=f"See what runs and who holds it: inv status --env {record.environment}",
    )


def _not_that_one(environment: str, deployment_id: str, seen: Seen | None) -> str:
    if seen is None or not seen.record.holder:
        return f"Nobody holds {environment}."
    held = seen.record
    return f"{environment} is held by {held.holder} for deployment {held.deployment_id}, not {deployment_id}."
