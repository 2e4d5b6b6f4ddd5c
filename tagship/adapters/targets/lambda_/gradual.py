"""A change that leads callers over step by step: the new versions get a share of the calls, and are watched.

Each step is one UpdateAlias under RevisionId. The share is part of the alias, so a process that takes over goes on at
the step that it finds; whatever else becomes of the change, the share is taken away by the call that ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tagship.adapters.targets.lambda_.calls import Missing, Raced
from tagship.adapters.targets.lambda_.hand import Hand
from tagship.adapters.targets.lambda_.switch import Switch
from tagship.adapters.targets.lambda_.watching import Watching
from tagship.domain.lambda_.record import BEGUN
from tagship.domain.units import Report
from tagship.errors import ServiceFailed
from tagship.settings.lambda_ import ShiftStep

LOOK = 15.0  # seconds between two looks at alarms, errors and the alias
LATE = timedelta(minutes=1)  # a metric's value is dated with the beginning of its minute


@dataclass(kw_only=True)
class Gradual(Switch):
    """Carries one change out by steps; `now` is the time."""

    steps: Sequence[ShiftStep]
    watching: Watching
    now: Callable[[], datetime]
    _over: threading.Event = field(default_factory=threading.Event)  # a step that one function has failed

    def _led(self, hands: dict[str, Hand], reports: dict[str, Report]) -> dict[str, Hand]:
        """Give the new versions their shares, one after the other."""
        if not self._all_or_none or any(hand.moved for hand in hands.values()):
            return hands
        hands = self._each("looking at the alarms", hands, self._quiet, reports)
        for step in self.steps:
            for doing, act in self._acts(step):
                if self._bad(reports):
                    return hands
                hands = self._each(doing, hands, act, reports)
        return hands

    def _acts(self, step: ShiftStep) -> Sequence[tuple[str, Callable[[Hand], Hand | Report]]]:
        return [
            (f"sending {step.percent} % of the calls", lambda hand: self._sent(hand, step.percent / 100)),
            (f"watching {step.percent} % of the calls", lambda hand: self._watched(hand, step)),
        ]

    def _quiet(self, hand: Hand) -> Hand | Report:
        """See that no alarm fires before anything is changed."""
        try:
            problem = self.watching.why_firing()
        except ServiceFailed as reason:
            problem = reason.what.rstrip(".")
        if not problem:
            return hand
        return self._back(hand, problem) if hand.alias.weights else self._ended(hand, "failed", problem)

    def _sent(self, hand: Hand, share: float) -> Hand | Report:
        """Send a share of the calls to its new version."""
        record = hand.record
        if self._share(hand) >= share or record.number == record.previous_number:
            return hand
        begun = replace(record, state=BEGUN, number=record.previous_number)
        try:
            return replace(hand, alias=hand.calls.share(hand.alias, begun, {record.number: share}))
        except (Raced, Missing):
            return self._superseded(hand)
        except ServiceFailed as reason:
            return self._unanswered(hand, reason.what.rstrip("."))

    def _watched(self, hand: Hand, step: ShiftStep) -> Hand | Report:
        """Wait for a step's end; put back what must not go on."""
        if self._share(hand) > step.percent / 100:  # whoever went before was further
            return hand
        if hand.record.number == hand.record.previous_number:
            return hand
        since = self.now()
        until = since + timedelta(minutes=step.minutes)
        while not self._over.is_set():
            if (stopped := self._stopped(hand, since)) is not None:
                self._over.set()
                return stopped
            left = (until - self.now()).total_seconds()
            if left <= 0:
                break
            self.asking.wait(min(LOOK, left))
        return hand

    def _stopped(self, hand: Hand, since: datetime) -> Report | None:
        """Report why a function must not go on; None if it may."""
        try:
            if hand.calls.alias().revision != hand.alias.revision:
                return self._superseded(hand)
            problem = self.watching.why_firing() or self._why_failing(hand, since)
        except Missing:
            return self._superseded(hand)
        except ServiceFailed as reason:
            problem = reason.what.rstrip(".")
        share = self._share(hand)
        return self._back(hand, f"{problem}, with {share:.0%} of the calls") if problem else None

    def _why_failing(self, hand: Hand, since: datetime) -> str:
        calls, number = hand.calls, hand.record.number
        return self.watching.why_failing(calls.function, calls.name, number, since - LATE, self.now() + LATE)

    @staticmethod
    def _share(hand: Hand) -> float:
        return hand.alias.weights.get(hand.record.number, 0.0)
