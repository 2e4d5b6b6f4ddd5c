"""A function that callers reach without an alias: what it serves, its record, and the first step of a change.

The record of a change is the function's own description, written by UpdateFunctionConfiguration under RevisionId: so
its fencing number is as exact as an alias's. Before that, a version is published of what serves. Nobody calls it: it
keeps code and variables for the way back, also if this process dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tagship.adapters.targets.lambda_.calls import Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.code import Code
from tagship.adapters.targets.lambda_.described import ZIP, Configuration
from tagship.adapters.targets.lambda_.versions import LAST_LOOK, ROUNDS, Maker
from tagship.domain.change import Change
from tagship.domain.lambda_.record import BEGUN, ENDED, Record
from tagship.domain.units import Report
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.settings.lambda_ import Function

SHORT = 12  # hex digits of a SHA-256 in a record
LARGEST = 50 * 1024 * 1024  # bytes of a zip file that a request itself may carry
CHANGED = f"it changed during each of {ROUNDS} attempts"
MIXED = "its code and its variables belong to different versions: somebody changed them, or a deployment was cut off"


@dataclass(frozen=True)
class Served:
    """What a function serves.

    An artifact's id, empty if it is nobody's; `mixed` if it is no whole version.
    """

    artifact: str
    mixed: bool = False


def served(calls: Calls, now: Configuration) -> Served:
    """Read from code and variables what a function serves."""
    record = now.record
    if record is None:
        return Served("")
    if runs(now, record):
        return Served(record.artifact)
    try:
        before = calls.whole(record.previous_number)
    except Missing:
        return Served("", mixed=True)
    same = (before.code_sha256, before.variables) == (now.code_sha256, now.variables)
    return Served(record.previous) if same else Served("", mixed=True)


def runs(now: Configuration, record: Record) -> bool:
    """Tell whether code and variables are those of a record's artifact."""
    return now.code_sha256.startswith(record.number) and now.variables.get("VERSION") == record.artifact


@dataclass(frozen=True)
class BareClaims:
    """Claims functions for one change.

    `code` is what the artifact has for each.
    """

    change: Change
    maker: Maker
    code: Callable[[Function], Code]

    def claimed(self, calls: Calls, function: Function) -> Record | Report:
        """Write the record; return it, or why not."""
        try:
            for _ in range(ROUNDS):
                try:
                    return self._claimed(calls, function)
                except Raced:
                    self.maker.wait(LAST_LOOK)
        except Missing:
            return Report(calls.function, "failed", reason="there is no such function")
        except (ArtifactMissing, NotAuthentic) as reason:
            return self._refused(calls, "refused", reason.what.rstrip("."))
        except UnfitFunction as reason:
            return self._refused(calls, "failed", str(reason))
        return Report(calls.function, "held", reason=CHANGED)

    def _refused(self, calls: Calls, outcome: str, reason: str) -> Report:
        serving = served(calls, calls.whole()).artifact
        return Report(calls.function, outcome, self.change.artifact_id, serving, serving, reason)

    def _claimed(self, calls: Calls, function: Function) -> Record | Report:
        self.maker.settled(calls)
        now = calls.whole()
        record = now.record
        if record and self.change.fence < record.fence:
            return _held(calls, self.change, now, record)
        if record and record.belongs_to(self.change) and record.fence == self.change.fence and record.state != ENDED:
            return record  # a start that is repeated, or whose answer got lost
        claim = self._record(calls, function, now)
        calls.describe(claim, self._current(calls, now).revision)
        return claim

    def _record(self, calls: Calls, function: Function, now: Configuration) -> Record:
        """Make the record, and keep what serves in a version."""
        code, _ = (
            self.code(function),
            self.maker.artifact.variables,
        )  # what is missing is missed before anything changes
        if unfit := now.unfit or code.why_unfit(now) or _too_large(now):
            raise UnfitFunction(unfit)
        record, serving = now.record, served(calls, now)
        claim = Record.of(self.change, BEGUN, code.sha256[:SHORT], serving.artifact, "")
        resumed = record and record.belongs_to(self.change) and record.state == BEGUN
        if record and (serving.mixed or resumed or not self._changes(serving)):
            # The way back of the change before is still the way back; what is half changed is none.
            return replace(claim, previous=self._before(record, serving), previous_number=record.previous_number)
        return replace(claim, previous_number=calls.publish(self._current(calls, now)).version)

    def _before(self, record: Record, serving: Served) -> str:
        """Name what served before what was begun already."""
        if record.belongs_to(self.change) or (serving.mixed and record.previous != self.change.artifact_id):
            return record.previous
        return serving.artifact

    def _changes(self, serving: Served) -> bool:
        return serving.artifact != self.change.artifact_id

    def _current(self, calls: Calls, now: Configuration) -> Configuration:
        """Return $LATEST, whose RevisionId a publishing changes.

        Raises Raced if it is another by now.
        """
        current = calls.configuration()
        same = (current.record, current.guard, current.variables) == (now.record, now.guard, now.variables)
        if not same or current.updating:
            raise Raced(calls.function)
        return current


def _too_large(now: Configuration) -> str:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: more has to come from a bucket
    if now.packaged != ZIP or now.size <= LARGEST:
        return ""
    return "its zip file is larger than 50 MB and could not be put back: give it an alias"


def _held(calls: Calls, change: Change, now: Configuration, record: Record) -> Report:
    reason = f"it accepted fencing number {record.fence}, and this change has {change.fence}"
    serving = served(calls, now).artifact
    return Report(calls.function, "held", change.artifact_id, serving, serving, reason)
