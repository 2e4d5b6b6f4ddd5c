"""The faults that tests plan: a service asks, before it acts, whether one of them happens now."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Faults:
    """Faults by kind, and by the key they happen to.

    `rates` is how often, of 1, a kind happens to any key.
    """

    planned: dict[str, Counter[str]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)  # by kind
    # seeded, so that a run can be repeated
    _chance: random.Random = field(default_factory=lambda: random.Random(20261120))  # noqa: S311  (not a secret)

    def plan(self, kind: str, counts: Mapping[str, int]) -> None:
        """Let a kind of fault happen that many more times per key."""
        self.planned.setdefault(kind, Counter()).update(counts)

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        self.planned.clear()
        self.rates.clear()

    def strikes(self, kind: str, key: str) -> bool:
        """Return whether this fault happens to the key now."""
        # One that does is used up and counted.
        left = self.planned.setdefault(kind, Counter())
        if left[key] > 0:
            left[key] -= 1
        elif not self._by_chance(kind):
            return False
        self.happened[kind] += 1
        return True

    def _by_chance(self, kind: str) -> bool:
        rate = self.rates.get(kind, 0)
        return rate > 0 and self._chance.random() < rate
