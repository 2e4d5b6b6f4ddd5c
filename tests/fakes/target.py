"""Units in memory, which keep to the protocol: fencing, what was kept, and a verdict for each change."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tagship.domain.change import Change
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused, TagshipError
from tagship.ports.logs import Session
from tagship.ports.target import Tick
from tests.fakes.leftovers import FakeShelf


@dataclass
class Machine:
    """One unit. `answers` are the outcomes of the next changes; when they are used up, all goes well.

    An outcome may be a whole Report, given as it is. `observed_as` overrides the outcome of an observation.
    """

    unit: Unit
    serving: str = ""
    fence: int = 0
    answers: deque[str | Report] = field(default_factory=deque)
    observed_as: str = ""
    reason: str = "it answered 500"
    evidence: str = "Traceback: boom"
    unsigned: bool = False  # nobody signed what it is to run
    edited: tuple[str, ...] = ()  # by hand, since it was deployed

    def obey(self, change: Change, *, fails: bool = False) -> Report:
        if change.fence < self.fence:
            return self._report("held", reason=f"fence {change.fence} is below {self.fence}")
        self.fence = change.fence
        planned = self.answers.popleft() if self.answers else "failed" if fails else "healthy"
        if isinstance(planned, Report):
            self.serving = planned.serving
            return planned
        before = self.serving
        if planned == "healthy":
            self.serving = change.artifact_id
            same = before == change.artifact_id and not self.edited
            self.edited = ()
            return self._report("unchanged" if same else "healthy", change, before)
        if planned == "rollback-failed":
            self.serving = ""
        evidence = "" if planned in {"held", "silent", "superseded"} else self.evidence
        return replace(self._report(planned, change, before, self.reason), evidence=evidence)

    def observed(self) -> Report:
        if self.observed_as:
            return self._report(self.observed_as, reason="it does not answer")
        report = self._report("healthy" if self.serving else "empty", previous=self.serving)
        return replace(report, edited=self.edited)

    def _report(self, outcome: str, change: Change | None = None, previous: str = "", reason: str = "") -> Report:
        artifact = change.artifact_id if change else ""
        if outcome == "silent":
            return Report(self.unit.id, "silent", reason=reason)
        return Report(self.unit.id, outcome, artifact, self.serving, previous, reason, unsigned=self.unsigned)


OBSERVATION = Change("status", "hello", "dev", "none", "none", "none", 0)  # how `asked` notes a question


@dataclass
class FakeTarget:
    """`asked` holds every change that was started, and every observation, each with the names of its units.

    `asking` is called at each start and observation, `during` at each poll of one. `running` are operations that have
    not ended, each with its deployment's id; `cancelled` the ids of those that were ended; `commits` what was
    committed, the latest last; `carried` gives what the bundle carries, `needed` what a commit must have for one.
    """

    machines: list[Machine] = field(default_factory=lambda: [machine("web-1")])
    asked: list[tuple[Change, list[str]]] = field(default_factory=list)
    polls: int = 1
    prepared: bool = False
    rules: Rules = field(default_factory=Rules)
    asking: Callable[[Change], None] = lambda _: None
    during: Callable[[Change], None] = lambda _: None
    running: dict[str, str] = field(default_factory=dict)
    folder: str = ""  # that stands for each machine, in a sandbox
    cancelled: list[str] = field(default_factory=list)
    commits: list[Change] = field(default_factory=list)
    carried: Callable[[], Mapping[str, bytes]] = dict
    needed: Sequence[str] = ()
    faults: dict[str, str] = field(default_factory=dict)  # artifact -> error | impostor: its health check fails
    facts: dict[str, Mapping[str, Any] | str] = field(default_factory=dict)  # by unit's name; text: why it is silent
    adoptions: list[tuple[str, list[str]]] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)  # why a unit does not adopt, by its name
    terminated: set[str] = field(default_factory=set)  # ids of units that never return
    left: list[FakeShelf] = field(default_factory=list)  # what deployments left
    written: list[list[LogLine] | TagshipError] = field(default_factory=list)  # what each poll of a log gives
    windows: list[tuple[list[str], TimeRange]] = field(default_factory=list)  # units' names, and what was asked for
    said: str = ""  # of a log that can't be read whole
    _reports: dict[str, list[Report]] = field(default_factory=dict)

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        self.windows.append(([unit.name for unit in units], window))
        if self.said:
            tick(self.said)
        poll = self.written.pop(0) if len(self.written) > 1 else (self.written or [[]])[0]
        if isinstance(poll, TagshipError):
            raise poll
        yield from poll

    def enter(self, unit: Unit) -> Session:
        opened = {"RESPONSE": f"secret of {unit.id}"}
        return Session({"Target": unit.id}, "https://ssm.here", "us-east-1", opened, self.folder)

    def prepare(self) -> None:
        self.prepared = True

    def units(self) -> Sequence[Unit]:
        if not self.machines:
            raise Refused("No running instance has the tags of dev.", remedy="Start one.")
        return [each.unit for each in self.machines]

    def shelves(self) -> Sequence[FakeShelf]:
        return self.left

    def ended(self, units: Sequence[str]) -> Collection[str]:
        return self.terminated & set(units)

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        self._note(OBSERVATION, units)
        reports = [self._by_id[unit.id].observed() if unit.id in self._by_id else gone(unit) for unit in units]
        self._poll(OBSERVATION, units, tick)
        return reports

    def inspect(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        answers = [(unit, self.facts.get(unit.name, {"free_kb": 9_000_000, "free_inodes": 900_000})) for unit in units]
        return [
            Report(unit.id, "silent", reason=facts)
            if isinstance(facts, str)
            else Report(unit.id, "unchanged", facts=facts)
            for unit, facts in answers
        ]

    def adopt(self, units: Sequence[Unit], tick: Tick, *, undo: bool) -> Sequence[Report]:
        tick("asking")
        self.adoptions.append(("undo" if undo else "adopt", [unit.name for unit in units]))
        return [
            Report(
                unit.id,
                "failed" if unit.name in self.refusing else "unchanged",
                reason=self.refusing.get(unit.name, ""),
            )
            for unit in units
        ]

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        id_ = self._note(change, units)
        fails = self.faults.get(change.artifact_id) in {"error", "impostor"}
        self._reports[id_] = [
            self._by_id[unit.id].obey(change, fails=fails) if unit.id in self._by_id else gone(unit) for unit in units
        ]
        return [operation(id_, change, [unit.id for unit in units])]

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        self._poll(change, units, tick)
        reports = {report.unit: report for each in operations for report in self._reports[each.id]}
        return [reports[unit.id] for unit in units]

    def _note(self, change: Change, units: Sequence[Unit]) -> str:
        self.asking(change)
        self.asked.append((change, [unit.name for unit in units]))
        return f"command-{len(self.asked)}"

    def _poll(self, change: Change, units: Sequence[Unit], tick: Tick) -> None:
        for _ in range(self.polls):
            tick(f"0 of {len(units)} hosts have answered")
            self.during(change)

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        ids = {each.unit.name: each.unit.id for each in self.machines}
        started = [
            operation(f"command-{number}", change, [ids.get(name, name) for name in names])
            for number, (change, names) in enumerate(self.asked, start=1)
            if change.deployment_id == deployment_id
        ]
        known = {each.id for each in started}
        others = [
            Operation(id_, f"SSM command {id_}", "deploy", "", ())
            for id_, owner in self.running.items()
            if owner == deployment_id and id_ not in known
        ]
        return [*(replace(each, running=each.id in self.running) for each in started), *others]

    def cancel(self, operations: Sequence[Operation]) -> None:
        for each in operations:
            self.cancelled.append(each.id)
            self.running.pop(each.id, None)

    def committed(self, change: Change) -> None:
        if not self.commits or change.fence >= self.commits[-1].fence:
            self.commits.append(change)

    def uncommitted(self, artifact_id: str) -> str:
        last = self.commits[-1].artifact_id if self.commits else "nothing"
        return "" if last == artifact_id else f"units that start run {last}"

    def starting(self) -> Collection[str]:
        return [self.commits[-1].artifact_id] if self.commits else []

    def files(self) -> Mapping[str, bytes]:
        return self.carried()

    def required(self) -> Sequence[str]:
        return self.needed

    @property
    def _by_id(self) -> dict[str, Machine]:
        return {each.unit.id: each for each in self.machines}

    @property
    def sent(self) -> list[tuple[str, str, list[str]]]:
        """(action, artifact, unit names) of everything that was asked."""
        return [(change.action, change.artifact_id, names) for change, names in self.asked]

    @property
    def serving(self) -> dict[str, str]:
        return {each.unit.name: each.serving for each in self.machines}


def operation(id_: str, change: Change, units: Sequence[str]) -> Operation:
    return Operation(id_, f"SSM command {id_}", change.action, change.artifact_id, tuple(units))


def gone(unit: Unit) -> Report:
    return Report(unit.id, "silent", reason="it is gone")


def machine(name: str, serving: str = "", *answers: str | Report, online: bool = True) -> Machine:
    number = int(name.rpartition("-")[2])
    problem = "" if online else "its SSM agent doesn't answer (ConnectionLost)"
    return Machine(Unit(f"i-{number:017x}", name, online, problem, "host"), serving, answers=deque(answers))
