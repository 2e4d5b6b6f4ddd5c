"""Freezes in memory, on a clock that the test moves; and a change calendar that says what the test wrote."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime

from tagship.domain.freeze import Freeze, Frozen
from tagship.errors import Refused
from tagship.ports.account import Window
from tests.fakes.clock import FakeClock

_numbers = itertools.count(1)


@dataclass
class FakeFreezes:
    clock: FakeClock
    there: dict[str, Frozen] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.clock.now()

    def look(self, environment: str) -> Frozen | None:
        found = self.there.get(environment)
        return replace(found, now=self.clock.now()) if found else None

    def write(self, freeze: Freeze, over: str) -> None:
        self._unchanged(freeze.environment, over)
        self.there[freeze.environment] = Frozen(freeze, f'"{next(_numbers)}"', self.clock.now())

    def remove(self, frozen: Frozen) -> None:
        self._unchanged(frozen.freeze.environment, frozen.etag)
        del self.there[frozen.freeze.environment]

    def _unchanged(self, environment: str, etag: str) -> None:
        found = self.there.get(environment)
        if (found.etag if found else "") != etag:
            raise Refused(f"The freeze of {environment} changed.", remedy=f"Look: inv lock --env {environment}")


@dataclass
class FakeCalendar:
    """`windows` is what each calendar says; one that is not there cannot be asked."""

    windows: dict[str, Window] = field(default_factory=dict)

    def state(self, name: str) -> Window:
        if name not in self.windows:
            raise Refused(f"The change calendar {name} cannot be asked.", remedy="Look at it.")
        return self.windows[name]
