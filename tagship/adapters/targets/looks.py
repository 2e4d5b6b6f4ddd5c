"""Looks at the units of a change until each has ended: the loop, and the waits between two looks, of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

STEP = 0.5  # seconds between looks whether somebody wants this to end

K = TypeVar("K")
W = TypeVar("W")
R = TypeVar("R")


def until_ended(
    going: Mapping[K, W], look: Callable[[Mapping[K, W]], Mapping[K, R]], wait: Callable[[Mapping[K, W]], None]
) -> dict[K, R]:
    """Look until each has ended; return what came of each.

    `look` returns what came of those that ended, and `wait` is called with the rest. What either raises is raised.
    """
    results: dict[K, R] = {}
    while going:
        results.update(look(going))
        going = {key: item for key, item in going.items() if key not in results}
        if going:
            wait(going)
    return results


def pause(seconds: float, sleep: Callable[[float], None], check: Callable[[], None]) -> None:
    """Wait in steps; raise what `check`, asked before each, raises."""
    while seconds > 0:
        check()
        sleep(min(STEP, seconds))
        seconds -= STEP


@dataclass
class Growing:
    """Waits that grow.

    The first is `next` seconds, and none is longer than `longest`.
    """

    next: float
    longest: float
    growth: float = 1.3

    def take(self) -> float:
        """Return the seconds to wait now."""
        seconds = self.next
        self.next = min(seconds * self.growth, self.longest)
        return seconds
