"""Fencing numbers: which are plausible, and the signed record by which a person starts them again.

A number rises by one with each lease. So none is more than LEAP above the highest that is known: what is, nobody took.
The numbers of one GENERATION belong together. Only a record that a key for orders signed leads to a later generation:
somebody who can write to the bucket, or send an order, can't leap to where no number follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from tagship.domain.stored import ODD, moment_of, read_back

LEAP = 1_000_000  # numbers: a hundred leases a day for twenty-seven years
GENERATION = 1_000_000_000  # numbers
LAST = 999_999 * GENERATION  # of the numbers that a reset may give: hosts take fifteen digits
KIND = "fence"


@dataclass(frozen=True)
class FenceReset:
    """A person's order that the numbers go on from `fence`.

    `at` is ISO 8601 in UTC; `reason` is the person's own words. deploy/host/entry.sh reads it line by line.
    """

    app: str
    environment: str
    fence: int
    at: str
    who: str
    reason: str
    key: str = ""  # the id of the key that signs it
    kind: str = KIND
    tagship: int = 1

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self | None:
        """Read a record's values; None if they are not one."""
        try:
            reset = read_back(cls, values)
            moment_of(reset.at)
        except ODD:
            return None
        return reset if reset.kind == KIND and reset.fence in range(GENERATION, LAST + 1, GENERATION) else None


def generation(fence: int) -> int:
    """Return the generation of a number: 0 until the first reset."""
    return fence // GENERATION


def is_plausible(fence: int, known: int) -> bool:
    """Tell whether a number can follow the highest one that is known."""
    return 0 <= fence <= known + LEAP and generation(fence) <= generation(known)


def highest(fences: Iterable[int], base: int = 0) -> int:
    """Return the highest number that leases can have led to.

    `base` is where the numbers began: at 0, or at the last reset. Each step is plausible after the one before it.
    """
    top = base
    for fence in sorted(fences):
        if fence > top and is_plausible(fence, top):
            top = fence
    return top


def next_start(known: Sequence[int], base: int, others: Sequence[int] = ()) -> int:
    """Return where numbers start again: in a generation that nobody has used.

    `known` are all numbers that were met, forged ones too: who has one of those is fenced off by the new ones. `base`
    is where they began before; `others` where those of the same lease group did, which this environment joins.
    """
    joined = max(others, default=0)
    if joined > base:
        return joined
    used = {generation(fence) for fence in known}
    fresh = (number for number in range(generation(base) + 1, generation(LAST) + 1) if number not in used)
    return next(fresh) * GENERATION
