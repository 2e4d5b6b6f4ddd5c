"""The rules of a rollout, as the settings have them: how many units at once, and how many may fail."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rules:
    """What the settings say of a rollout.

    `concurrency` and `errors` are a number of units or a percentage of all.
    `everywhere` is no setting: a rollback and a heal go to every unit, whatever becomes of the others. `limit` is the
    name of the setting that `errors` is from; empty: the kind has none.
    """

    concurrency: str = "100%"
    errors: str = "0"
    canary: bool = False
    bake: int = 0  # seconds
    between: int = 0  # seconds that a wave has to serve before the next one begins
    everywhere: bool = False
    limit: str = "max_errors"

    def urgent(self) -> Rules:
        """Leave out the canary, and go on to the others whatever fails."""
        return replace(self, canary=False, between=0, everywhere=True)

    def all_or_nothing(self) -> Rules:
        """Leave out the canary, and let no unit fail."""
        return replace(self, canary=False, between=0, errors="0")

    def batch(self, total: int) -> int:
        """Return the most units that may change at once."""
        return max(1, amount(self.concurrency, total))

    def allowed(self, total: int) -> int:
        """Count the units that may end without the artifact."""
        return total if self.everywhere else amount(self.errors, total)


def amount(text: str, total: int) -> int:
    """Read a number, or a percentage of `total`, rounded down."""
    return total * int(text[:-1]) // 100 if text.endswith("%") else int(text)
