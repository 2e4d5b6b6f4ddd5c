"""The lease of each group of environments: one object in the bucket, changed only by compare-and-swap on its ETag.

What a record means is tagship.domain.lease's; this is the reading, the writing, and who loses. All time is the store's.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence

from tagship.domain import commands, layout
from tagship.domain.lease import (
    LeaseHeld,
    LeaseRecord,
    LeaseUnreadable,
    Seen,
    let_go,
    released,
    renewed,
    restarted,
    same,
    taken,
)
from tagship.domain.text import ago, either, moment
from tagship.errors import LeaseLost, Refused, ServiceFailed
from tagship.ports.bucket import Conflict, Store

ROUNDS = 10  # attempts: after a lost race, the next reading sees what the winner wrote


class StoredLeases:
    """The port's leases, each write of which is atomic.

    Of two that read the same ETag, the store lets one through.
    `group` says which lease an environment is under: by itself, or with others. Threads of one process may share this.
    """

    def __init__(self, store: Store, app: str, group: Callable[[str], str] = lambda environment: environment) -> None:
        self._store = store
        self._app = app
        self._group = group
        self._etags: dict[LeaseRecord, str] = {}  # of the record that this process wrote last

    def look(self, environment: str) -> Seen | None:
        stored = self._store.get(self._key(environment))
        if stored is None:
            return None
        try:
            record = LeaseRecord.from_json(stored.body)
        except LeaseUnreadable as reason:
            raise LeaseUnreadable(environment, reason.why, stored.body) from reason
        return Seen(record, stored.etag, stored.modified, stored.now)

    def _key(self, environment: str) -> str:
        return layout.lease(self._app, self._group(environment))

    def take(
        self,
        environment: str,
        *,
        holder: str,
        run_url: str,
        ttl: int,
        deployment_id: str = "",
        above: int = 0,
        over: str = "",
        living: bool = False,
    ) -> LeaseRecord:
        """Take the lease; see the port.

        If an interrupt cuts it short, it is undone, or expires by itself.
        """
        taking = secrets.token_hex(8)

        def wanted(seen: Seen) -> LeaseRecord:
            return taken(
                seen,
                environment=environment,
                holder=holder,
                deployment_id=deployment_id,
                run_url=run_url,
                ttl=ttl,
                above=above,
                taking=taking,
            )

        try:
            return self._take(environment, wanted, over, living)
        except KeyboardInterrupt:
            with contextlib.suppress(ServiceFailed):
                self._undo(environment, taking)
            raise

    def _take(self, environment: str, wanted: Callable[[Seen], LeaseRecord], over: str, living: bool) -> LeaseRecord:
        mine = None
        for _ in range(ROUNDS):
            seen = self._seen(environment)
            if mine and same(seen.record, mine):
                return self._known(seen)  # the answer to our own write was lost
            if not seen.gives_way(over, living):
                raise held_by(seen, environment)
            mine = wanted(seen)
            try:
                return self._write(mine, seen.etag)
            except Conflict:
                continue  # another writer came first, or this very write did: read again
            except ServiceFailed:
                landed = self.look(environment)
                if landed is None or not same(landed.record, mine):
                    raise
                return self._known(landed)
        raise ServiceFailed(
            f"Could not take the lease of {environment}: others changed it during all {ROUNDS} attempts.",
            remedy=either("Run the same command again", f"Or see who holds it now: {commands.lock(environment)}"),
        )

    def _undo(self, environment: str, taking: str) -> None:
        seen = self.look(environment)
        if seen and seen.record.taking == taking:
            self.release(seen.record)

    def _seen(self, environment: str) -> Seen:
        """Read the lease, after a free one is written if none exists.

        That one has the fencing number 0.
        So the first taking, too, has the store's own time.
        """
        seen = self.look(environment)
        if seen:
            return seen
        with contextlib.suppress(Conflict):
            self._write(LeaseRecord(environment, 0), "")
        return self.look(environment) or self._vanished(environment)

    def _vanished(self, environment: str) -> Seen:
        raise ServiceFailed(
            f"The lease object of {environment} disappeared while this deployment took it.",
            remedy=f"Find out who deletes from the bucket, then: {commands.lock(environment)}",
        )

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        """Renew the lease for another `ttl` seconds.

        Raises LeaseLost if another deployment took it.
        """
        etag = self._etags.get(record)
        if etag:
            with contextlib.suppress(Conflict):
                return self._write(renewed(record, phase=phase, operations=operations), etag)
        for _ in range(ROUNDS):
            seen = self.look(record.environment)
            if seen is None or not same(seen.record, record):
                raise lost(record, seen)
            with contextlib.suppress(Conflict):  # still ours: an earlier renewal's answer was lost
                return self._write(renewed(seen.record, phase=phase, operations=operations), seen.etag)
        raise lost(record, self.look(record.environment))

    def release(self, record: LeaseRecord) -> None:
        self._end(record, released)

    def let_go(self, record: LeaseRecord) -> None:
        self._end(record, let_go)

    def _end(self, record: LeaseRecord, last: Callable[[LeaseRecord], LeaseRecord]) -> None:
        """Write the lease's last record while it is still ours.

        Again, if a heartbeat comes in between.
        """
        for _ in range(ROUNDS):
            seen = self.look(record.environment)
            if seen is None or not same(seen.record, record):
                return
            with contextlib.suppress(Conflict):
                self._write(last(seen.record), seen.etag)
                return
        raise ServiceFailed(
            f"Could not release the lease of {record.environment}: it changed during all {ROUNDS} attempts.",
            state=f"It expires by itself within {record.ttl} s.",
            remedy=f"See who holds it: {commands.lock(record.environment)}",
        )

    def break_(self, environment: str, deployment_id: str) -> None:
        seen = self.look(environment)
        if seen is None or seen.record.deployment_id != deployment_id:
            raise Refused(
                _not_that_one(environment, deployment_id, seen), remedy=f"Look again: {commands.lock(environment)}"
            )
        try:
            self._write(released(seen.record), seen.etag)
        except Conflict as reason:
            raise Refused(
                f"The lease of {environment} has just changed: deployment {deployment_id} is alive.",
                remedy=f"Look again: {commands.lock(environment)}",
            ) from reason

    def restart(self, environment: str, deployment_id: str, fence: int) -> None:
        key = self._key(environment)
        stored = self._store.get(key)
        with contextlib.suppress(Conflict):
            if stored is None:
                self._store.create(key, LeaseRecord(environment, fence).to_json())
                return
            before = _record_of(stored.body, environment)
            if before.holder and before.deployment_id != deployment_id:
                seen = Seen(before, stored.etag, stored.modified, stored.now)
                raise Refused(
                    _not_that_one(environment, deployment_id, seen), remedy=f"Look again: {commands.lock(environment)}"
                )
            self._store.replace(key, restarted(before, environment, fence).to_json(), stored.etag)
            return
        raise Refused(
            f"The lease of {environment} has just changed.", remedy=f"Look again: {commands.lock(environment)}"
        )

    def mend(self, environment: str, damage: str) -> None:
        """Write a free lease for the damaged one; see the port."""
        key = self._key(environment)
        stored = self._store.get(key)
        try:
            LeaseRecord.from_json(stored.body if stored else b"")
        except LeaseUnreadable as reason:
            if stored and damage and reason.id == damage:
                with contextlib.suppress(Conflict):
                    self._store.replace(key, LeaseRecord(environment, reason.fence).to_json(), stored.etag)
                    return
        raise Refused(
            f"The lease of {environment} has changed since it was read.",
            remedy=f"Look again: {commands.lock(environment)}",
        )

    def _write(self, record: LeaseRecord, etag: str) -> LeaseRecord:
        key = self._key(record.environment)
        written = (
            self._store.replace(key, record.to_json(), etag) if etag else self._store.create(key, record.to_json())
        )
        self._etags = {record: written.etag}
        return record

    def _known(self, seen: Seen) -> LeaseRecord:
        self._etags = {seen.record: seen.etag}
        return seen.record


def held_by(seen: Seen, environment: str) -> LeaseHeld:
    """Build the error: who holds it, and how to break it.

    Also since when, and what they do.
    """
    record = seen.record
    with_it = f" (and with it {environment}, of the same lease group)" if record.environment != environment else ""
    since = f" since {moment(record.taken_at)} UTC" if record.taken_at else ""
    run = f", {record.run_url}" if record.run_url else ""
    unlock = commands.unlock(environment, record.deployment_id)
    doing = f"{record.phase}, last heartbeat {ago(seen.age)}{run}"
    return LeaseHeld(
        seen,
        f"{record.holder} has held {record.environment}{with_it}{since} ({doing}).",
        remedy=f"Wait for it with --wait 10m; or, if it has died: {unlock}",
    )


def lost(record: LeaseRecord, seen: Seen | None) -> LeaseLost:
    held = seen.record if seen and seen.record.holder else None
    now = f"{held.holder} holds it now (deployment {held.deployment_id})" if held else "nobody holds it now"
    return LeaseLost(
        f"This deployment lost the lease of {record.environment}: {now}.",
        state="This deployment stopped before its next action.",
        remedy=f"See what runs and who holds it: {commands.status(record.environment)}",
    )


def _record_of(raw: bytes, environment: str) -> LeaseRecord:
    """Read a record; of a damaged one, a free lease."""
    try:
        return LeaseRecord.from_json(raw)
    except LeaseUnreadable:
        return LeaseRecord(environment, 0)


def _not_that_one(environment: str, deployment_id: str, seen: Seen | None) -> str:
    if seen is None or not seen.record.holder:
        return f"Nobody holds {environment}."
    held = seen.record
    return f"{environment} is held by {held.holder} for deployment {held.deployment_id}, not {deployment_id}."
