"""The lease of each group of environments: one object in the bucket, changed only by compare-and-swap on its ETag.

What a record means is tagship.domain.lease's; this is the reading, the writing, and who loses. All time is the store's.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence

from tagship.domain import layout
from tagship.domain.lease import LeaseHeld, LeaseRecord, LeaseUnreadable, Seen, let_go, released, renewed, same, taken
from tagship.domain.text import ago, moment
from tagship.errors import LeaseLost, Refused, ServiceFailed
from tagship.ports.bucket import Conflict, Store

ROUNDS = 10  # how often a lost race is run again: whoever won it has made the next reading another one


class StoredLeases:
    """Each write is atomic: of two that read the same ETag, the store lets one through.

    `group` says which lease an environment is under: by itself, or with others. Threads of one process may share this.
    """

    def __init__(self, store: Store, app: str, group: Callable[[str], str] = lambda environment: environment) -> None:
        self._store = store
        self._app = app
        self._group = group
        self._etags: dict[LeaseRecord, str] = {}  # of the record that this process wrote last

    def look(self, environment: str) -> Seen | None:
        found = self._store.get(self._key(environment))
        if found is None:
            return None
        try:
            record = LeaseRecord.from_json(found.body)
        except LeaseUnreadable as reason:
            where = f"s3://{self._store.bucket}/{found.key}"
            raise LeaseUnreadable.of(environment, where, reason.why) from reason
        return Seen(record, found.etag, found.modified, found.now)

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
        """See the port. A taking that is cut short after S3 took it (an interrupt) is undone, or expires by itself."""
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
            f"The lease of {environment} changed under each of {ROUNDS} attempts to take it.",
            remedy="Run it again when fewer deployments start at once.",
        )

    def _undo(self, environment: str, taking: str) -> None:
        seen = self.look(environment)
        if seen and seen.record.taking == taking:
            self.release(seen.record)

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

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        """Write phase and operations, and so live for another `ttl` seconds; raises LeaseLost when it is another's."""
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
        """Write its last record. A heartbeat that comes in between makes a first attempt fail: it is done again, while
        the lease is ours."""
        for _ in range(ROUNDS):
            seen = self.look(record.environment)
            if seen is None or not same(seen.record, record):
                return
            with contextlib.suppress(Conflict):
                self._write(last(seen.record), seen.etag)
                return
        raise ServiceFailed(
            f"The lease of {record.environment} changed under each of {ROUNDS} attempts to give it back.",
            state=f"It expires by itself within {record.ttl} s.",
            remedy=f"See who holds it: inv lock --env {record.environment}",
        )

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
    """The refusal: who holds it, since when, what they are doing, and how to break it."""
    record = seen.record
    with_it = f" (and with it {environment}, of the same lease group)" if record.environment != environment else ""
    since = f" since {moment(record.taken_at)} UTC" if record.taken_at else ""
    run = f", {record.run_url}" if record.run_url else ""
    unlock = f"inv unlock --env {environment} --id {record.deployment_id}"
    doing = f"{record.phase}, last heartbeat {ago(seen.age)}{run}"
    return LeaseHeld(
        seen,
        f"{record.holder} has held {record.environment}{with_it}{since} ({doing}).",
        remedy=f"Wait for it (--wait 10m), or if it is dead: {unlock}",
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
