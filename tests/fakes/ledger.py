"""A ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tagship.domain.chain import RawEntry
from tagship.domain.deployment import TESTED, Deployment, Entry, fold
from tagship.domain.mark import Mark


@dataclass
class FakeLedger:
    """`before` is called with each entry before it is written: a test fails or interrupts there."""

    entries: list[Entry] = field(default_factory=list)
    cannot_read: list[str] = field(default_factory=list)
    marked: list[Mark] = field(default_factory=list)
    indexed: list[str] = field(default_factory=list)  # the environments whose index was looked after, in order
    rebuilt: list[str] = field(default_factory=list)
    before: Callable[[Entry], None] = lambda _: None
    objects: list[RawEntry] = field(default_factory=list)  # what `history --verify` finds

    def append(self, entry: Entry) -> None:
        self.before(entry)
        taken = {(one.deployment_id, one.number, one.state): one for one in self.entries}
        while (there := taken.get((entry.deployment_id, entry.number, entry.state))) is not None:
            if there == entry:
                return
            entry = replace(entry, number=entry.number + 1)
        self.entries.append(entry)

    def ran(self, version: str, environment: str = "dev") -> None:
        """It was healthy there, long before anything else."""
        at = "2026-10-01T12:00:00+00:00"
        id_ = f"20261001-120000-{len(self.entries):06}-abcdef"
        self.entries.insert(0, Entry(id_, 1, "healthy", at, "hello", environment, "deploy", version, "ada", ""))

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        found = fold(one for one in self.entries if one.environment == environment and one.state != TESTED)
        return found[-limit:] if limit else found

    def tests(self, environment: str) -> Sequence[Entry]:
        return [one for one in self.entries if one.environment == environment and one.state == TESTED]

    def stored(self, environment: str) -> Sequence[RawEntry]:
        return self.objects

    def unreadable(self, environment: str) -> Sequence[str]:
        return tuple(self.cannot_read)

    def index(self, environment: str) -> int:
        self.indexed.append(environment)
        return 0

    def rebuild_index(self, environment: str) -> int:
        self.rebuilt.append(environment)
        return 1

    def mark(self, mark: Mark) -> None:
        if mark not in self.marked:
            self.marked.append(mark)

    def marks(self, environment: str) -> Sequence[Mark]:
        return sorted((one for one in self.marked if one.environment == environment), key=lambda one: one.id)

    @property
    def states(self) -> list[str]:
        """Every state that was written, in order."""
        return [entry.state for entry in self.entries]
