"""One change of functions without an alias: all are updated and asked; or all are put back.

Callers meet the new code before it has been asked, and for the seconds of an update its variables with the old code.
Only an alias spares them that.
"""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tagship.adapters.targets.lambda_.asking import Query
from tagship.adapters.targets.lambda_.bare import CHANGED, LARGEST, runs, served
from tagship.adapters.targets.lambda_.calls import LATEST, Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.code import code_of
from tagship.adapters.targets.lambda_.described import IMAGE, Configuration
from tagship.adapters.targets.lambda_.several import Several, given_up_too
from tagship.adapters.targets.lambda_.versions import LAST_LOOK, ROUNDS
from tagship.domain.lambda_.record import ENDED, Record
from tagship.domain.units import Report, superseded
from tagship.errors import ServiceFailed, TagshipError
from tagship.settings.lambda_ import Function

PATIENCE = 30  # seconds without a byte of a zip file


class Overtaken(Exception):
    """Another change has the function by now."""


@dataclass(frozen=True)
class Grip:
    """One function under this change, by our record on it."""

    calls: Calls
    function: Function
    record: Record

    def ours(self, now: Configuration) -> None:
        """See that the function is still under this change. Raises Overtaken."""
        if now.record != self.record:
            raise Overtaken

    def report(self, outcome: str, reason: str = "", evidence: str = "", serves: str | None = None) -> Report:
        """Report on it; it serves what it served before unless said otherwise."""
        record = self.record
        now = record.previous if serves is None else serves
        return Report(self.calls.function, outcome, record.artifact, now, record.previous, reason, evidence)


@dataclass(kw_only=True)
class InPlace(Several[Grip]):
    """Carries one change out."""

    def carried(self) -> dict[str, Report]:
        """Carry it on from wherever it is; return each function's report."""
        reports: dict[str, Report] = {}
        grips = self._each("looking at the functions", dict(self.functions), self._standing, reports)
        if self._all_or_none and self._bad(reports):
            return reports | self._given_up(grips, reports)
        changed = self._each("updating the functions", grips, self._changed, reports)
        if self._all_or_none and self._bad(reports):
            return reports | self._given_up(changed, reports)
        asked = self._each("asking the functions", changed, self._asked, reports)
        reports |= {name: grip.report(_good(grip), serves=grip.record.artifact) for name, grip in asked.items()}
        if self._all_or_none and self._bad(reports):
            others = {name: grip for name, grip in asked.items() if _good(grip) == "healthy"}
            return reports | self._given_up(others, reports)
        return reports

    # -- the steps, of one function ------------------------------------------------------------------------------------

    def _standing(self, of: tuple[Calls, Function]) -> Grip | Report:
        """See whether its record is still ours."""
        calls, function = of
        try:
            now = calls.whole()
            if now.record is None or not now.record.belongs_to(self.change):
                return self._overtaken(calls)
            grip = Grip(calls, function, now.record)
            ended = "the change was ended before its time"
            return grip if now.record.state != ENDED else grip.report("failed", ended, serves=_serves(calls))
        except Missing:
            return Report(calls.function, "failed", reason="there is no such function")
        except ServiceFailed as reason:
            return Report(calls.function, "silent", reason=reason.what.rstrip("."))

    def _changed(self, grip: Grip) -> Grip | Report:
        """Give it the artifact's variables and code."""
        try:
            code = code_of(self.maker.artifact, self.maker.bucket, grip.function)
            for _ in range(ROUNDS):
                try:
                    self.maker.brought(grip.calls, grip.function, code, grip.ours)
                    return grip
                except Raced:
                    self.maker.wait(LAST_LOOK)
        except Overtaken:
            return self._overtaken(grip.calls)
        except Missing:
            return grip.report("failed", "it was deleted meanwhile", serves="")
        except (UnfitFunction, TagshipError) as reason:
            return self._back(grip, str(reason).rstrip("."))
        return self._back(grip, CHANGED)

    def _asked(self, grip: Grip) -> Grip | Report:
        """Ask it; put back what does not answer well."""
        record = grip.record
        question = Query(grip.calls, grip.function, LATEST, LATEST, record.artifact)
        try:
            answered = self._answered(question, self._attempts)
            now = grip.calls.whole()
        except Missing:
            return grip.report("failed", "it was deleted meanwhile", serves="")
        except ServiceFailed as reason:
            return self._back(grip, reason.what.rstrip("."))
        if now.record != record or not runs(now, record):
            return self._overtaken(grip.calls)
        return grip if answered.verdict.healthy else self._back(grip, answered.verdict.reason, answered.log)

    # -- and back ------------------------------------------------------------------------------------------------------

    def _given_up(self, grips: Mapping[str, Grip], reports: Mapping[str, Report]) -> dict[str, Report]:
        """Put functions back because others could not change."""
        because, overtaken = self._because(reports)

        def back(grip: Grip) -> Report:
            return given_up_too(self._back(grip, because), overtaken)

        return self._together(grips, back, "putting functions back")

    def _back(self, grip: Grip, reason: str, log: str = "") -> Report:
        """Give it what it had before, and ask that."""
        try:
            changed = self._restored(grip)
            problem = self._why_not_back(grip) if changed else ""
        except Overtaken:
            return self._overtaken(grip.calls)
        except Missing:
            return self._stuck(grip, f"{reason}; version {grip.record.previous_number} is gone", log)
        except (UnfitFunction, ServiceFailed, OSError) as failure:
            return self._stuck(grip, f"{reason}; {str(failure).rstrip('.')}", log)
        if problem:
            return grip.report("rollback-failed", f"{reason}; put back, {problem}", log, "")
        return grip.report("rolled-back" if changed else "failed", reason, log)

    def _restored(self, grip: Grip) -> bool:
        """Restore code and variables; tell whether it had others. Raises Overtaken, UnfitFunction."""
        if grip.record.previous == grip.record.artifact:
            return False
        before, ended = grip.calls.whole(grip.record.previous_number), replace(grip.record, state=ENDED)
        changed = False
        for _ in range(ROUNDS):
            try:
                changed |= self._restored_code(grip, before)
                now = self.maker.settled(grip.calls)
                grip.ours(now)
                grip.calls.configure(before.variables, before.handler, now.revision, ended)
                self.maker.updated(grip.calls)
                return changed or now.variables != before.variables
            except Raced:
                self.maker.wait(LAST_LOOK)
        raise UnfitFunction(CHANGED)

    def _restored_code(self, grip: Grip, before: Configuration) -> bool:
        """Give it the code of the version before, unless it has that."""
        self.maker.settled(grip.calls)
        now = grip.calls.whole()
        grip.ours(now)
        if now.code_sha256 == before.code_sha256:
            return False
        if before.packaged == IMAGE:
            grip.calls.update_image(before.place, now.revision)
        else:
            grip.calls.update_zip(_zip(before), now.revision)
        self.maker.updated(grip.calls)
        return True

    def _why_not_back(self, grip: Grip) -> str:
        """Say why what served before does not answer; empty if good."""
        if not grip.record.previous:  # nothing that tagship deployed: nobody knows how it answers
            return ""
        question = Query(grip.calls, grip.function, LATEST, LATEST, grip.record.previous)
        answered = self._answered(question, self.asking.health.attempts_after_rollback)
        return "" if answered.verdict.healthy else answered.verdict.reason

    def _stuck(self, grip: Grip, reason: str, log: str) -> Report:
        serves = _serves(grip.calls)
        return replace(grip.report("rollback-failed", reason, log, serves), unseen=not serves)

    def _overtaken(self, calls: Calls) -> Report:
        """Report that somebody else changed the function."""
        try:
            now = calls.whole()
            serving, record = served(calls, now), now.record
        except (Missing, ServiceFailed):
            return Report(calls.function, "silent", self.change.artifact_id, reason="it was changed; it can't be read")
        who = "somebody else changed it meanwhile"
        if record and not record.belongs_to(self.change):
            who = f"deployment {record.deployment} changed it meanwhile ({record.action} of {record.artifact})"
        return superseded(calls.function, self.change.artifact_id, serving.artifact, who)


def _serves(calls: Calls) -> str:
    """Return what a function serves; empty if nobody knows."""
    try:
        return served(calls, calls.whole()).artifact
    except (Missing, ServiceFailed):
        return ""


def _zip(before: Configuration) -> bytes:
    """Download the zip file of a version. Raises OSError, UnfitFunction."""
    if not before.place.startswith(("https://", "http://127.0.0.1:")):
        raise UnfitFunction("Lambda names no place of its zip file")
    with urllib.request.urlopen(before.place, timeout=PATIENCE) as answer:  # noqa: S310 (the scheme is checked)
        raw: bytes = answer.read(LARGEST + 1)
    if hashlib.sha256(raw).hexdigest() != before.code_sha256:
        raise UnfitFunction("Lambda has another zip file of it")
    return raw


def _good(grip: Grip) -> str:
    return "unchanged" if grip.record.previous == grip.record.artifact else "healthy"
