"""The record of each group in the bucket, changed by compare-and-swap alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tagship.domain import layout
from tagship.domain.asg.record import GroupRecord
from tagship.domain.fence import is_plausible
from tagship.ports.bucket import Conflict, Store

ROUNDS = 5  # how often a lost race is run again


class LaterChange(Exception):
    """A change with a higher fencing number has the group."""

    def __init__(self, record: GroupRecord) -> None:
        super().__init__(record.deployment)
        self.record = record


@dataclass(frozen=True)
class GroupRecords:
    """The records of an environment's groups."""

    store: Store
    app: str
    environment: str

    def read(self, group: str) -> GroupRecord | None:
        """Read a group's record; None without a readable one."""
        return self._read(group)[0]

    def _read(self, group: str) -> tuple[GroupRecord | None, str]:
        stored = self.store.get(layout.group(self.app, self.environment, group))
        if stored is None:
            return None, ""
        try:
            values: Any = json.loads(stored.body)
            record = GroupRecord.read(values, self.app, self.environment, group) if isinstance(values, dict) else None
        except ValueError:
            record = None
        return record, stored.etag

    def write(self, record: GroupRecord) -> GroupRecord:
        """Write a change's record. Raises LaterChange.

        A higher fencing number stays, if it can have come from leases.
        """
        key = layout.group(self.app, self.environment, record.group)
        body = (json.dumps(record.as_data(), indent=2, sort_keys=True) + "\n").encode()
        for _ in range(ROUNDS):
            before, etag = self._read(record.group)
            if before and before.fence > record.fence and is_plausible(before.fence, record.fence):
                raise LaterChange(before)
            try:
                if etag:
                    self.store.replace(key, body, etag)
                else:
                    self.store.create(key, body)
                return record
            except Conflict:
                continue
        raise LaterChange(before or record)
