"""A ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tagship.domain.deployment import Deployment, Entry, fold


@dataclass
class FakeLedger:
    """`before` is called with each entry before it is written: a test fails or interrupts there."""

    entries: list[Entry] = field(default_factory=list)
    cannot_read: list[str] = field(default_factory=list)
    before: Callable[[Entry], None] = lambda _: None

    def append(self, entry: Entry) -> None:
        self.before(entry)
        taken = {(one.deployment_id, one.number, one.state): one for one in self.entries}
        while (there := taken.get((entry.deployment_id, entry.number, entry.state))) is not None:
            if there == entry:
                return
            entry = replace(entry, number=entry.number + 1)
        self.entries.append(entry)

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        found = fold(one for one in self.entries if one.environment == environment)
        return found[-limit:] if limit else found

    def unreadable(self, environment: str) -> Sequence[str]:
        return tuple(self.cannot_read)

    @property
    def states(self) -> list[str]:
        """Every state that was written, in order."""
        return [entry.state for entry in self.entries]
