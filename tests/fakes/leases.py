"""Leases in memory: one record an environment, on a clock that the test moves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
from tagship.errors import LeaseLost, Refused
from tests.fakes.clock import FakeClock

_numbers = itertools.count(1)


@dataclass
class FakeLeases:
    """`told` holds every phase that was written, with operations' names; `groups` whose lease an environment has."""

    clock: FakeClock
    groups: dict[str, str] = field(default_factory=dict)
    records: dict[str, tuple[LeaseRecord, datetime]] = field(default_factory=dict)
    damaged: dict[str, bytes] = field(default_factory=dict)  # what stands in place of a record
    told: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def look(self, environment: str) -> Seen | None:
        group = self.groups.get(environment, environment)
        if group in self.damaged:
            raise LeaseUnreadable(environment, "it is damaged", self.damaged[group])
        if group not in self.records:
            return None
        record, written = self.records[group]
        return Seen(record, f'"{record.fence}.{record.beats}"', written, self.clock.now())

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
        now = self.clock.now()
        seen = self.look(environment) or Seen(LeaseRecord(environment, 0), "", now, now)
        if not seen.gives_way(over, living):
            held = seen.record
            remedy = f"Wait, or: inv unlock --env {environment} --id {held.deployment_id}"
            raise LeaseHeld(seen, f"{held.holder} has held {environment} ({held.phase}).", remedy=remedy)
        return self._write(
            taken(
                seen,
                environment=environment,
                holder=holder,
                deployment_id=deployment_id,
                run_url=run_url,
                ttl=ttl,
                above=above,
                taking=f"taking-{next(_numbers)}",
            )
        )

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        seen = self.look(record.environment)
        if seen is None or not same(seen.record, record):
            who = (seen and seen.record.holder) or "nobody"
            raise LeaseLost(f"The lease of {record.environment} is {who}'s now.", remedy="Look: inv lock")
        self.told.append((phase, tuple(operations)))
        return self._write(renewed(seen.record, phase=phase, operations=operations))

    def release(self, record: LeaseRecord) -> None:
        seen = self.look(record.environment)
        if seen and same(seen.record, record):
            self._write(released(seen.record))

    def let_go(self, record: LeaseRecord) -> None:
        seen = self.look(record.environment)
        if seen and same(seen.record, record):
            self._write(let_go(seen.record))

    def break_(self, environment: str, deployment_id: str) -> None:
        seen = self.look(environment)
        if seen is None or seen.record.deployment_id != deployment_id:
            what = f"{environment} is held for another deployment" if seen and seen.record.holder else "Nobody holds it"
            raise Refused(f"{what}.", remedy=f"Look again: inv lock --env {environment}")
        self._write(released(seen.record))

    def restart(self, environment: str, deployment_id: str, fence: int) -> None:
        group = self.groups.get(environment, environment)
        damaged = self.damaged.pop(group, b"")
        seen = None if damaged else self.look(environment)
        before = seen.record if seen else LeaseRecord(environment, 0)
        if before.holder and before.deployment_id != deployment_id:
            look = f"Look again: inv lock --env {environment}"
            raise Refused(f"{environment} is held for another deployment.", remedy=look)
        self._write(restarted(before, environment, fence))

    def mend(self, environment: str, damage: str) -> None:
        raw = self.damaged.get(environment, b"")
        if not raw or LeaseUnreadable(environment, "", raw).id != damage:
            look = f"Look again: inv lock --env {environment}"
            raise Refused(f"The lease of {environment} has changed since it was read.", remedy=look)
        del self.damaged[environment]
        self._write(LeaseRecord(environment, LeaseUnreadable(environment, "", raw).fence))

    def _write(self, record: LeaseRecord) -> LeaseRecord:
        self.records[self.groups.get(record.environment, record.environment)] = (record, self.clock.now())
        return record
