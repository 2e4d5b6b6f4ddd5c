"""A shelf of leftovers in memory, which can fail in every way that the port names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tagship.domain.leftovers import Leftover
from tagship.errors import ServiceFailed


@dataclass
class FakeShelf:
    """`rows` are what is here by id, `uses` why some are in use; `undeletable` why some can't be deleted.

    `down` is the operation that fails: look, used or delete. `deleting` is called with each that goes, before it has;
    `asking` each time uses are asked for. `calls` holds the operations.
    """

    noun: str = "version of function shop"
    rows: dict[str, Leftover] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)
    undeletable: dict[str, str] = field(default_factory=dict)
    price: float = 0.0
    down: str = ""
    deleting: Callable[[Leftover], None] = lambda _: None
    asking: Callable[[], None] = lambda: None
    calls: list[str] = field(default_factory=list)

    def put(self, *leftovers: Leftover) -> None:
        self.rows |= {leftover.id: leftover for leftover in leftovers}

    def look(self) -> Sequence[Leftover]:
        self._called("look")
        return list(self.rows.values())

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        self._called("used")
        self.asking()
        return dict(self.uses)

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        self._called("delete")
        failed = {}
        for leftover in leftovers:
            if leftover.id in self.undeletable:
                failed[leftover.id] = self.undeletable[leftover.id]
                continue
            self.deleting(leftover)
            self.rows.pop(leftover.id, None)
        return failed

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        if self.down == operation:
            raise ServiceFailed(f"AWS did not answer ({operation}).", remedy="Try again.")
