"""What runs hooks, played by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tagship.domain.hook import HookOutcome
from tagship.ports.target import Tick

GOOD = HookOutcome("", "all is well")


@dataclass
class FakeHookRunner:
    """`outcomes` are those of the next attempts; when they are used up, all goes well. `during` is called at each."""

    outcomes: deque[HookOutcome] = field(default_factory=deque)
    ran: list[tuple[Sequence[str], Mapping[str, str | None]]] = field(default_factory=list)
    invoked: list[tuple[str, str]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def command(
        self, command: Sequence[str], variables: Mapping[str, str | None], timeout: int, tick: Tick
    ) -> HookOutcome:
        self.ran.append((tuple(command), dict(variables)))
        return self._answer(tick)

    def invoke(self, function: str, payload: str, timeout: int, tick: Tick) -> HookOutcome:
        self.invoked.append((function, payload))
        return self._answer(tick)

    def _answer(self, tick: Tick) -> HookOutcome:
        tick("running")
        self.during()
        return self.outcomes.popleft() if self.outcomes else GOOD
