"""What each change of several functions shares: they act at once, and change together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tagship.adapters.targets.lambda_.asking import Answered, Asking, Query
from tagship.adapters.targets.lambda_.calls import Calls
from tagship.adapters.targets.lambda_.together import together
from tagship.adapters.targets.lambda_.versions import Maker
from tagship.domain.change import Change
from tagship.domain.text import listed
from tagship.domain.units import Report
from tagship.ports.target import Tick
from tagship.settings.lambda_ import Function

OVERTAKEN = frozenset({"held", "superseded"})

T = TypeVar("T")
R = TypeVar("R")
H = TypeVar("H")  # one function under a change, while nothing is wrong with it


@dataclass(kw_only=True)
class Several(Generic[H]):
    """One change of several functions.

    `held` are reports of those that could not be claimed.
    """

    change: Change
    maker: Maker
    asking: Asking
    tick: Tick
    functions: Mapping[str, tuple[Calls, Function]]
    held: Sequence[Report] = ()

    @property
    def _all_or_none(self) -> bool:
        """Tell whether functions stay as they are unless all can change."""
        # A rollback is urgent, and a heal mends: both go wherever they can.
        return self.change.action == "deploy" and not self.change.keeps

    @property
    def _attempts(self) -> int:
        """Return how often a changed function is asked."""
        health = self.asking.health
        return health.attempts if self.change.action == "deploy" else health.attempts_after_rollback

    def _each(
        self, doing: str, items: Mapping[str, object], act: Callable[..., H | Report], reports: dict[str, Report]
    ) -> dict[str, H]:
        """Act on all at once; note the reports of those that end."""
        if not items:
            return {}
        results = self._together(items, act, doing)
        reports |= {name: result for name, result in results.items() if isinstance(result, Report)}
        return {name: result for name, result in results.items() if not isinstance(result, Report)}

    def _together(self, items: Mapping[str, T], act: Callable[[T], R], doing: str) -> dict[str, R]:
        """Act on all at once; show how far health checks are."""
        asking = self.asking
        return together(items, act, tick=self.tick, doing=doing, stop=asking.stop, progress=asking.progress)

    def _answered(self, question: Query, attempts: int) -> Answered:
        return self.asking.ask(question, attempts, min(self.asking.health.passes, attempts))

    def _bad(self, reports: Mapping[str, Report]) -> list[Report]:
        return [*self.held, *(report for report in reports.values() if not report.good)]

    def _because(self, reports: Mapping[str, Report]) -> tuple[str, str]:
        """Say why others are given up, and their outcome.

        The outcome is empty unless another change overtook these.
        """
        bad = self._bad(reports)
        names = listed([report.unit for report in bad])
        overtaken = all(report.outcome in OVERTAKEN for report in bad)
        return f"{names} could not be changed, and they change together", "superseded" if overtaken else ""


def given_up_too(report: Report, overtaken: str) -> Report:
    """Report on a function that went back because another was overtaken.

    That says nothing against the version.
    """
    back = report.outcome in {"failed", "rolled-back"}
    return replace(report, outcome=overtaken) if overtaken and back else report
