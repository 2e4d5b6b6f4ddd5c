"""Wait for what was sent to hosts: one poll a command until each host has ended, left, or had its time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tagship.adapters.targets.ec2.answers import Answers
from tagship.adapters.targets.ec2.lookout import Lookout
from tagship.adapters.targets.ec2.sending import DELIVERY, GONE, Sent
from tagship.domain.text import counted
from tagship.domain.units import Report, Unit
from tagship.errors import TagshipError
from tagship.ports.people import Clock
from tagship.ports.target import Tick

GRACE = 30  # seconds after delivery and execution have timed out, for SSM to say so
FIRST_WAIT, LONGEST_WAIT, GROWTH = 0.05, 2.0, 1.2  # seconds between polls: quick for a rollback, easy on the API
ASK = 15  # seconds between two questions what one of them is at


@dataclass
class Glimpse:
    """What a host that is waited for says of its health checks.

    `send` sends a host the question. It takes one call a round: whatever fails of it is no failure of the deployment.
    """

    send: Callable[[Sequence[str]], Sent]
    words: str = ""
    _asked: float = 0.0
    _pending: tuple[str, str] = ("", "")  # a host, and the command that asks it

    def look(self, answers: Answers, awaited: set[str], age: float) -> str:
        """Return its last words; empty if there are none yet."""
        with suppress(TagshipError):
            host, command = self._pending
            if command and host in awaited and age - self._asked < 2 * ASK:
                if report := answers.ended(command, {host}).get(host):
                    asking = report.facts.get("asking", "")
                    self.words, self._pending = asking if isinstance(asking, str) else "", ("", "")
            elif age - self._asked >= ASK:
                self._asked, self._pending, host = age, ("", ""), min(awaited)
                for operation in self.send([host]).operations[:1]:
                    self._pending = host, operation.id
        return self.words


@dataclass
class Collecting:
    """Collects what hosts say; `lookout` sees which of them left meanwhile."""

    answers: Answers
    clock: Clock
    lookout: Lookout
    glimpse: Glimpse | None = None
    _words: str = field(default="", init=False)

    def collect(self, sent: Sent, units: Sequence[Unit], longest: float, tick: Tick) -> list[Report]:
        """Poll until every host has ended.

        One that never ends is `silent` once `longest` seconds, and SSM's own time, are over.
        """
        reports = {host: Report(host, "silent", reason=reason) for host, reason in sent.unsent.items()}
        reached = {host for operation in sent.operations for host in operation.units}
        reports.update(_silent({host.id for host in units} - reached - set(reports), "nothing was sent to it"))
        awaited = {host.id for host in units} - set(reports)
        began, wait = self.clock.now(), FIRST_WAIT
        while awaited:
            for operation in sent.operations:
                if not awaited.isdisjoint(operation.units):
                    reports.update(self.answers.ended(operation.id, awaited))
            awaited -= set(reports)
            age = (self.clock.now() - began).total_seconds()
            tick(self._phase(len(units), awaited, age))
            self.lookout.keep_looking(age)
            reports.update(_silent(self.lookout.left(awaited), GONE))
            if age > DELIVERY + longest + GRACE:
                reports.update(_silent(awaited - set(reports), "SSM never said how it ended"))
            awaited -= set(reports)
            if awaited:
                self.clock.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311 (jitter, not a secret)
                wait = min(wait * GROWTH, LONGEST_WAIT)
        return [reports[host.id] for host in units]

    def _phase(self, count: int, awaited: set[str], age: float) -> str:
        """Count those that answered; add what another says meanwhile."""
        total, answered = counted(count, "host"), count - len(awaited)
        words = self.glimpse.look(self.answers, awaited, age) if self.glimpse and awaited else ""
        phase = f"{answered} of {total} answered" if answered else f"waiting for {total}"
        return f"{phase}; {words}" if words else phase


def _silent(ids: Iterable[str], reason: str) -> dict[str, Report]:
    return {host: Report(host, "silent", reason=reason) for host in ids}
