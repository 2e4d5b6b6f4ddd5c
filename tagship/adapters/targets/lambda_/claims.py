"""The first step of a change: a record on the alias, under its RevisionId. It accepts the fencing number.

A version that is there already (a rollback's) is switched to by that same call: an incident waits for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from tagship.adapters.targets.lambda_.calls import LATEST, Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.described import Alias
from tagship.adapters.targets.lambda_.versions import ROUNDS, Maker
from tagship.domain.change import Change
from tagship.domain.lambda_.record import BEGUN, DONE, ENDED, Record
from tagship.domain.units import Report, superseded

CHANGED = f"its alias changed during each of {ROUNDS} attempts"


@dataclass(frozen=True)
class Claims:
    """Claims functions for one change."""

    change: Change
    maker: Maker

    def claimed(self, calls: Calls) -> Alias | Report:
        """Write the record; return the alias, or why not."""
        try:
            for _ in range(ROUNDS):
                try:
                    return self._claimed(calls)
                except Raced:
                    continue
        except Missing:
            return Report(calls.function, "failed", reason="there is no such function")
        except UnfitFunction as reason:
            return Report(calls.function, "failed", reason=str(reason))
        return Report(calls.function, "held", reason=CHANGED)

    def _claimed(self, calls: Calls) -> Alias | Report:
        change = self.change
        try:
            alias = calls.alias()
        except Missing:
            return calls.create(Record.of(change, BEGUN, number := self.maker.base(calls), "", number))
        if alias.record and change.fence < alias.record.fence:
            return _held(calls.function, change, alias.record)
        if self._mine(alias):  # a start that is repeated, or whose answer got lost
            return alias
        if alias.version == LATEST:  # updates would reach callers unseen
            return calls.move(alias, Record.of(change, BEGUN, number := self.maker.base(calls), "", number))
        return self._switched(calls, alias, serving(calls, alias))

    def _mine(self, alias: Alias) -> bool:
        """Tell whether the alias is as this very change left it."""
        record = alias.record
        if record is None or record.number != alias.version or alias.weights:
            return False
        return record.belongs_to(self.change) and record.fence == self.change.fence and record.state != ENDED

    def _switched(self, calls: Calls, alias: Alias, before: str) -> Alias:
        """Switch to an existing version, or note the beginning."""
        change, number = self.change, alias.version
        if before == change.artifact_id:
            return calls.move(alias, Record.of(change, DONE, number, before, number))
        back = self._number_to_go_back_to(calls, alias)
        try:
            if back:
                return calls.move(alias, Record.of(change, DONE, back, before, number))
        except Missing:
            pass  # the version was deleted: it is made again
        record = Record.of(change, BEGUN, number, before, number)
        if alias.weights and not self._shifting(alias):  # a share that somebody, or a dead process, left behind
            return calls.move(alias, record)
        return calls.note(alias, record)

    def _shifting(self, alias: Alias) -> bool:
        """Tell whether this very change sends a share to its version."""
        record = alias.record
        return record is not None and record.belongs_to(self.change) and record.state == BEGUN

    def _number_to_go_back_to(self, calls: Calls, alias: Alias) -> str:
        """Return the version of a rollback; empty if there is none."""
        change, record = self.change, alias.record
        if not (change.backward or change.action == "rollback"):
            return ""
        if record and record.state == DONE and record.previous == change.artifact_id:
            return record.previous_number
        return calls.version_of(self.maker.artifact.label)


def serving(calls: Calls, alias: Alias) -> str:
    """Return the artifact that an alias names; empty if it is nobody's."""
    record = alias.record
    if record and record.number == alias.version:
        return record.serving
    label = calls.configuration(alias.version).label
    return label.artifact if label else ""


def overtaken_by(calls: Calls, change: Change, alias: Alias) -> Report:
    """Report that somebody else changed the alias."""
    now, record = serving(calls, alias), alias.record
    if record and record.number == alias.version:
        who = f"deployment {record.deployment} changed its alias meanwhile ({record.action} of {record.artifact})"
    else:
        who = f"somebody else moved its alias to version {alias.version}"
    return superseded(calls.function, change.artifact_id, now, who)


def _held(function: str, change: Change, record: Record) -> Report:
    reason = f"it accepted fencing number {record.fence}, and this change has {change.fence}"
    return Report(function, "held", change.artifact_id, record.serving, record.serving, reason)
