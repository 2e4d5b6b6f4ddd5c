"""One change of several functions: all versions made and asked, then all aliases moved; or all as before.

Each step can be repeated, and reads first what is so: a process that takes over finds the record on each alias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tagship.adapters.targets.lambda_.asking import Answered, Query
from tagship.adapters.targets.lambda_.calls import Calls, Missing, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.claims import overtaken_by
from tagship.adapters.targets.lambda_.described import Alias
from tagship.adapters.targets.lambda_.hand import Hand
from tagship.adapters.targets.lambda_.several import Several, given_up_too
from tagship.domain.lambda_.answer import VERSION
from tagship.domain.lambda_.record import BEGUN, DONE, ENDED, Record
from tagship.domain.text import listed
from tagship.domain.units import Report
from tagship.errors import ArtifactMissing, NotAuthentic, ServiceFailed
from tagship.settings.lambda_ import Function


@dataclass(kw_only=True)
class Switch(Several[Hand]):
    """Carries one change out.

    `aliases` are those that are known to be as they are now.
    """

    aliases: Mapping[str, Alias]

    def carried(self) -> dict[str, Report]:
        """Carry it on from wherever it is; return each function's report."""
        reports: dict[str, Report] = {}
        hands = self._each("looking at the aliases", dict(self.functions), self._standing, reports)
        begun = {name: hand for name, hand in hands.items() if hand.record.state == BEGUN}
        ready = self._each("making and asking the new versions", begun, self._prepared, reports)
        ready |= {name: hand for name, hand in hands.items() if hand.record.state == DONE}
        if self._all_or_none and self._bad(reports):
            return reports | self._given_up(ready, reports)
        ready = self._led(ready, reports)
        if self._all_or_none and self._bad(reports):
            return reports | self._given_up(ready, reports)
        moved = self._each("moving the aliases", ready, self._moved, reports)
        if self._all_or_none and self._bad(reports):
            unclear = {name: hand for name, hand in ready.items() if name in reports and _unclear(reports[name])}
            return reports | self._given_up(moved | unclear, reports)
        asked = self._each("asking the functions", moved, self._asked, reports)
        reports |= {name: hand.report(_good(hand), serves=hand.record.artifact) for name, hand in asked.items()}
        if self._all_or_none and self._bad(reports):
            changed = {name: hand for name, hand in asked.items() if _good(hand) == "healthy"}
            return reports | self._given_up(changed, reports)
        return reports

    # -- the steps, of one function ------------------------------------------------------------------------------------

    def _standing(self, of: tuple[Calls, Function]) -> Hand | Report:
        """See whether its alias is still ours."""
        calls, function = of
        try:
            alias = self.aliases.get(calls.function) or calls.alias()
            record = alias.record
            if record and record.belongs_to(self.change) and alias.version == record.number:
                hand = Hand(calls, function, alias, record)
                return hand if record.state != ENDED else hand.report("failed", "the change was ended before its time")
            return overtaken_by(calls, self.change, alias)
        except Missing:
            return Report(calls.function, "failed", reason="its alias, or the version that it names, is gone")
        except ServiceFailed as reason:
            return Report(calls.function, "silent", reason=reason.what.rstrip("."))

    def _prepared(self, hand: Hand) -> Hand | Report:
        """Make its version and ask that, before any caller meets it."""
        try:
            number = self._kept(hand) or self.maker.made(hand.calls, hand.function)
            answered = self._ask(hand, number, number, self.change.artifact_id, self.asking.health.attempts)
        except (ArtifactMissing, NotAuthentic) as reason:
            return self._ended(hand, "refused", reason.what.rstrip("."))
        except (UnfitFunction, ServiceFailed) as reason:
            return self._ended(hand, "failed", str(reason).rstrip("."))
        if not answered.verdict.healthy:
            return self._ended(hand, "failed", answered.verdict.reason, answered.log)
        record = hand.record
        return replace(hand, record=Record.of(self.change, DONE, number, record.previous, record.previous_number))

    def _kept(self, hand: Hand) -> str:
        """Return a version that is the artifact's, too; or empty.

        It is the one that serves; on the way back, also one that the artifact had kept before others came. A function
        that is asked for its version says another one's, so that is never kept.
        """
        number, health = hand.record.previous_number, hand.function.health
        asked = (self.asking.events[hand.name], health.expression, *health.expect.values())
        if not hand.record.previous or any(VERSION in text for text in asked):
            return ""
        if self.maker.same(hand.calls, hand.function, number):
            return number
        goes_back = self.change.backward or self.change.action == "rollback"
        return self.maker.kept_before(hand.calls, hand.function) if goes_back else ""

    def _led(self, hands: dict[str, Hand], reports: dict[str, Report]) -> dict[str, Hand]:  # noqa: ARG002
        """Lead callers over before all of them are moved."""
        # At once: tagship.adapters.targets.lambda_.gradual has steps.
        return hands

    def _moved(self, hand: Hand) -> Hand | Report:
        """Have its alias name the version, and no other beside it."""
        if hand.alias.record == hand.record and not hand.alias.weights:
            return hand
        try:
            return replace(hand, alias=hand.calls.move(hand.alias, hand.record))
        except (Raced, Missing):
            return self._superseded(hand)
        except ServiceFailed as reason:
            return self._unanswered(hand, reason.what.rstrip("."))

    def _unanswered(self, hand: Hand, reason: str) -> Hand | Report:
        """See whether a move happened whose answer never came."""
        now = self._read_again(hand, reason)
        if isinstance(now, Report) or now.moved:
            return now
        return self._ended(now, "failed", reason)  # another RevisionId: the request cannot take effect later

    def _asked(self, hand: Hand) -> Hand | Report:
        """Ask by the alias; put back what does not answer well."""
        record = hand.record
        try:
            self._see(hand)
            answered = self._ask(hand, hand.calls.name, record.number, record.artifact, self._attempts)
        except Missing:
            return self._back(hand, f"version {record.number} is gone")
        except UnfitFunction as reason:
            return self._back(hand, str(reason))
        except ServiceFailed as reason:
            problem = reason.what.rstrip(".")
            return self._back(hand, problem) if self._all_or_none else hand.report("silent", problem)
        if answered.verdict.healthy:
            return hand
        if answered.elsewhere and self._left(hand):
            return self._superseded(hand)
        return self._back(hand, answered.verdict.reason, answered.log)

    def _see(self, hand: Hand) -> None:
        """See that an alias names the artifact, ready. Raises UnfitFunction."""
        record = hand.record
        now = hand.calls.configuration(record.number)
        # One that was kept has the label of the artifact that it was published for.
        if now.label != self.maker.artifact.label and not self.maker.has_code(hand.calls, hand.function, now):
            raise UnfitFunction(f"version {record.number} is not {record.artifact}")
        # A rollback waits for nothing that callers can do without.
        if self.change.action == "deploy" and (why := self.maker.why_unprovisioned(hand.calls)):
            raise UnfitFunction(why)

    # -- and back ------------------------------------------------------------------------------------------------------

    def _given_up(self, hands: Mapping[str, Hand], reports: Mapping[str, Report]) -> dict[str, Report]:
        """Leave or put back functions because others could not change."""
        because, overtaken = self._because(reports)

        def back(hand: Hand) -> Report:
            reason = because
            if hand.name in reports:  # it is not known whether its alias moved
                reason = reports[hand.name].reason
                now = self._read_again(hand, reason, "rollback-failed")
                if isinstance(now, Report):
                    return now
                hand = now
            if not hand.moved and not hand.alias.weights:
                return self._ended(hand, overtaken or "failed", reason)
            if hand.record.previous == hand.record.artifact:
                return hand.report("unchanged")
            return given_up_too(self._back(hand, reason), overtaken)

        if not hands:
            return {}
        return self._together(hands, back, "putting functions back")

    def _ended(self, hand: Hand, outcome: str, reason: str, log: str = "") -> Report:
        """Note on the alias that the change has ended there."""
        record = replace(hand.record, state=ENDED, number=hand.alias.version)
        try:
            hand.calls.move(hand.alias, record) if hand.alias.weights else hand.calls.note(hand.alias, record)
        except (Raced, Missing):
            return self._superseded(hand)
        except ServiceFailed as problem:
            return self._unended(hand, outcome, f"{reason}; {problem.what.rstrip('.')}", log)
        return hand.report(outcome, reason, log)

    def _unended(self, hand: Hand, outcome: str, reason: str, log: str) -> Report:
        """Report on an alias of which the end was not noted."""
        if not hand.alias.weights:  # nothing was moved: only the note is missing
            return hand.report(outcome, reason, log)
        now = self._read_again(hand, reason, "rollback-failed")
        if isinstance(now, Report):
            return now
        shares = [f"{share:.0%} of its calls to version {version}" for version, share in now.alias.weights.items()]
        if not shares:
            return hand.report(outcome, reason, log)
        left = hand.report("rollback-failed", f"{reason}; its alias still sends {listed(shares)}", log, "")
        return replace(left, unseen=True)

    def _back(self, hand: Hand, reason: str, log: str = "") -> Report:
        """Have the alias name what it named before, and ask that."""
        record = hand.record
        if record.number == record.previous_number:
            same = record.previous == record.artifact
            return hand.report("failed", reason, log) if same else self._ended(hand, "rolled-back", reason, log)
        restored = replace(record, state=ENDED, number=record.previous_number)
        try:
            hand.calls.move(hand.alias, restored)
            problem = self._why_not_back(hand, restored)
        except Raced:
            return self._superseded(hand)
        except Missing:
            return hand.report("rollback-failed", f"{reason}; version {restored.number} is gone", log, record.artifact)
        except ServiceFailed as failure:
            return self._stayed(hand, f"{reason}; {failure.what.rstrip('.')}", log)
        if problem:
            return hand.report("rollback-failed", f"{reason}; put back, {problem}", log, "")
        return hand.report("rolled-back", reason, log)

    def _stayed(self, hand: Hand, reason: str, log: str) -> Report:
        """Report what a function serves that could not be put back."""
        now = self._read_again(hand, reason, "rollback-failed")
        return now if isinstance(now, Report) else hand.report("rollback-failed", reason, log, hand.record.artifact)

    def _read_again(self, hand: Hand, reason: str, unread: str = "silent") -> Hand | Report:
        """Read an alias that may have moved; `unread` if that fails too."""
        try:
            alias = hand.calls.alias()
            if alias.record and alias.record.belongs_to(self.change) and alias.version == alias.record.number:
                return replace(hand, alias=alias)
            return overtaken_by(hand.calls, self.change, alias)
        except Missing:
            why = "its alias is gone"
        except ServiceFailed:
            why = "its alias cannot be read"
        return replace(hand.report(unread, f"{reason}; {why}", serves=""), unseen=True)

    def _why_not_back(self, hand: Hand, restored: Record) -> str:
        """Say why the version before does not answer; empty if good."""
        if not restored.previous:  # nothing that tagship deployed: nobody knows how it answers
            return ""
        attempts = self.asking.health.attempts_after_rollback
        answered = self._ask(hand, hand.calls.name, restored.number, restored.previous, attempts)
        return "" if answered.verdict.healthy else answered.verdict.reason

    def _ask(self, hand: Hand, qualifier: str, number: str, artifact: str, attempts: int) -> Answered:
        return self._answered(Query(hand.calls, hand.function, qualifier, number, artifact), attempts)

    def _left(self, hand: Hand) -> bool:
        """Tell whether somebody else moved the alias."""
        try:
            return hand.calls.alias().revision != hand.alias.revision
        except (Missing, ServiceFailed):
            return False  # putting it back is guarded by its RevisionId

    def _superseded(self, hand: Hand) -> Report:
        try:
            return overtaken_by(hand.calls, self.change, hand.calls.alias())
        except (Missing, ServiceFailed):
            return hand.report("silent", "its alias was changed, and cannot be read")


def _unclear(report: Report) -> bool:
    return report.outcome == "silent"


def _good(hand: Hand) -> str:
    return "unchanged" if hand.record.previous == hand.record.artifact else "healthy"
