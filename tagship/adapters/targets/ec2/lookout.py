"""Look at the hosts in a thread, beside what waits for them: of thousands, a look takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Thread

from tagship.domain.units import Unit
from tagship.errors import Refused, ServiceFailed

FIRST, NEXT = 5.0, 20.0  # seconds of waiting before the first look, and from one to the next


def in_a_thread(act: Callable[[], None]) -> None:
    """Begin to do something beside what goes on.

    A process that ends does not wait for it.
    """
    Thread(target=act, name="lookout", daemon=True).start()


@dataclass
class Lookout:
    """Looks for hosts that left or joined during a command.

    `look` lists the hosts that there are. `seen` are those of the last look that has ended; None before the first.
    """

    look: Callable[[], Sequence[Unit]]
    beside: Callable[[Callable[[], None]], None] = in_a_thread
    seen: Sequence[Unit] | None = field(default=None, init=False)
    _next: float = field(default=FIRST, init=False)
    _looking: bool = field(default=False, init=False)

    def keep_looking(self, age: float) -> None:
        """Begin a look if one is due after `age` seconds of waiting."""
        if age >= self._next and not self._looking:
            self._looking, self._next = True, age + NEXT
            self.beside(self._look)

    def left(self, awaited: set[str]) -> set[str]:
        """Choose the awaited hosts that the last look did not find."""
        return awaited - {unit.id for unit in self.seen} if self.seen is not None else set()

    def _look(self) -> None:
        try:
            self.seen = self.look()
        except Refused:  # none is left
            self.seen = ()
        except ServiceFailed:
            pass  # the next look may be answered
        finally:
            self._looking = False
