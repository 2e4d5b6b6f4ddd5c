"""One function under a change: its alias, and the record of the change on it."""

from __future__ import annotations

from dataclasses import dataclass

from tagship.adapters.targets.lambda_.calls import Calls
from tagship.adapters.targets.lambda_.described import Alias
from tagship.domain.lambda_.record import DONE, Record
from tagship.domain.units import Report
from tagship.settings.lambda_ import Function


@dataclass(frozen=True)
class Hand:
    """One function under this change: its alias, and our record."""

    calls: Calls
    function: Function
    alias: Alias
    record: Record

    @property
    def name(self) -> str:
        return self.calls.function

    @property
    def moved(self) -> bool:
        """Tell whether its alias names the change's version by now."""
        return self.alias.record is not None and self.alias.record.state == DONE

    def report(self, outcome: str, reason: str = "", evidence: str = "", serves: str | None = None) -> Report:
        """Report on it; it serves what it served before unless said otherwise."""
        record = self.record
        now = record.previous if serves is None else serves
        return Report(self.name, outcome, record.artifact, now, record.previous, reason, evidence)
