"""The proof that a group runs an artifact: each of its instances says so itself.

That an instance refresh was successful says that instances were replaced. They are asked by SSM, as hosts are; one that
still boots has its time for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tagship.domain.asg.group import GroupMember
from tagship.domain.text import listed
from tagship.domain.units import Report, Unit
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick

ASK_AGAIN = timedelta(seconds=2)  # after an answer that proved nothing
NAMED = 3  # instances in a reason
ENDED = frozenset({"failed", "rolled-back", "rollback-failed", "refused"})  # the boot's own last word

Ask = Callable[[Sequence[Unit], Tick], Sequence[Report]]


@dataclass
class InstanceProof:
    """What the instances of one group said.

    One that has proved that it runs the artifact is not asked again. `patience` is how long one may
    boot; `ask` asks hosts what they run.
    """

    artifact: str
    patience: timedelta
    ask: Ask
    now: Callable[[], datetime]
    again: timedelta = ASK_AGAIN
    _proven: set[str] = field(default_factory=set)
    _since: dict[str, datetime] = field(default_factory=dict)
    _asked: dict[str, datetime] = field(default_factory=dict)
    _reports: dict[str, Report] = field(default_factory=dict)

    def look(self, members: Sequence[GroupMember], tick: Tick) -> None:
        """Ask the members in service that have proved nothing yet."""
        now = self.now()
        for member in members:
            if member.serves:
                self._since.setdefault(member.id, now)
        due = [
            member.id
            for member in members
            if member.serves
            and member.id not in self._proven
            and now - self._asked.get(member.id, now) >= self._wait(member.id)
        ]
        if not due:
            return
        try:
            reports = self.ask([Unit(name, name, online=True, noun="instance") for name in due], tick)
        except ServiceFailed as problem:
            reports = [Report(name, "silent", reason=problem.what.rstrip(".")) for name in due]
        asked = self.now()
        for report in reports:
            self._asked[report.unit], self._reports[report.unit] = asked, report
            if report.serving == self.artifact and report.outcome == "healthy":
                self._proven.add(report.unit)

    def _wait(self, instance: str) -> timedelta:
        return self.again if instance in self._asked else timedelta()

    def missing(self, members: Sequence[GroupMember]) -> list[str]:
        """List the members that have not proved it."""
        return [member.id for member in members if member.id not in self._proven]

    def attempts(self, members: Sequence[GroupMember]) -> str:
        """Say at which attempt a member's health checks are.

        Empty if none says so.
        """
        asking = (
            (name, self._reports[name].facts.get("asking")) for name in self.missing(members) if name in self._reports
        )
        return next((f"{name}: {words}" for name, words in asking if words and isinstance(words, str)), "")

    def failed(self, members: Sequence[GroupMember]) -> list[str]:
        """List the members that had their time, or ended without it."""
        now = self.now()
        return [
            name
            for name in self.missing(members)
            if name in self._reports
            and (self._is_final(self._reports[name]) or now - self._since.get(name, now) > self.patience)
        ]

    def _is_final(self, report: Report) -> bool:
        # A host on which nothing serves has evidence once its boot has ended.
        ended = report.outcome in ENDED or (report.outcome == "empty" and bool(report.evidence))
        return ended or bool(report.serving and report.serving != self.artifact)

    def why_not(self, names: Sequence[str]) -> str:
        """Say why these are no proof: what each said."""
        words = [f"{name}: {self._words(name)}" for name in names[:NAMED]]
        rest = len(names) - len(words)
        return listed([*words, f"{rest} more"] if rest else words)

    def _words(self, name: str) -> str:
        report = self._reports.get(name)
        if report is None:
            return "it is not in service"
        if report.serving:
            return f"it runs {report.serving}"
        if report.outcome == "empty":
            return "its version did not become healthy" if report.evidence else "it runs nothing"
        return report.reason or report.outcome

    def edited(self, members: Sequence[GroupMember]) -> list[str]:
        """List what was edited by hand on the members: "i-0abc: .env"."""
        reports = [self._reports[member.id] for member in members if member.id in self._reports]
        return [f"{report.unit}: {name}" for report in reports for name in report.edited]

    def evidence(self, names: Sequence[str]) -> str:
        """Return what the first of them showed."""
        return next((self._reports[name].evidence for name in names if name in self._reports), "")
