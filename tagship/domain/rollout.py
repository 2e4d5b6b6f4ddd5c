"""How an artifact goes through a fleet: who is next, when to stop, and who is put back in which order.

Pure: values in, values out. The workflow asks `next_step`, does it, and folds in what the hosts said (`heard`), which
hosts there are by now (`seen`) and what each says that it runs (`asked`). The rules of it:

    the canary goes alone and first, and its failure stops everything
    no batch is larger than `concurrency`, and none begins once more than `errors` hosts do not run the artifact
    a host that says refused or held stops everything: what it says holds for the others too
    a host that left is neither told, nor waited for, nor put back; one that joined is told after the others
    hosts are put back in the reverse order of their change, each to what it ran before
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tagship.domain.units import Report, Unit
from tagship.domain.verdict import serves

FINAL = frozenset({"refused", "held"})  # one host's word for all: not authentic, or somebody else's number is higher
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Rules:
    """What the settings say. `concurrency` and `errors` are a number of hosts or a percentage of the fleet."""

    concurrency: str = "100%"
    errors: str = "0"
    canary: bool = False
    bake: int = 0  # seconds

    def batch(self, total: int) -> int:
        """The most hosts that are told at once."""
        return max(1, amount(self.concurrency, total))

    def allowed(self, total: int) -> int:
        """How many hosts may end without the artifact before everything stops."""
        return amount(self.errors, total)


def amount(text: str, total: int) -> int:
    """A number as it is; a percentage of `total`, rounded down."""
    return total * int(text[:-1]) // 100 if text.endswith("%") else int(text)


@dataclass(frozen=True)
class Rollout:
    """How far an artifact has come. `planned` are the hosts there were at the beginning, `others` those among the
    environment's that ran it already; percentages are of the two together.

    `reports` holds each host's last word in the order that they were told, `changed` the verdicts of those that were
    changed over, in the order of that.
    """

    artifact_id: str
    planned: tuple[Unit, ...]
    others: tuple[Unit, ...] = ()
    present: tuple[Unit, ...] = ()
    reports: Mapping[str, Report] = field(default_factory=dict)
    changed: tuple[Report, ...] = ()
    stop: str = ""

    @classmethod
    def begin(cls, artifact_id: str, planned: Sequence[Unit], others: Sequence[Unit] = ()) -> Rollout:
        return cls(artifact_id, tuple(planned), tuple(others), (*planned, *others))

    # -- what happens to it --------------------------------------------------------------------------------------------

    def seen(self, hosts: Sequence[Unit]) -> Rollout:
        """The hosts that there are now."""
        return replace(self, present=tuple(hosts))

    def heard(self, reports: Iterable[Report]) -> Rollout:
        """What a batch said of its order."""
        new = list(reports)
        changed = [one for one in new if one.outcome == "healthy" and one.serving == self.artifact_id]
        back = tuple(one for one in changed if one.previous not in {"", self.artifact_id})
        told = {**self.reports, **{one.host: one for one in new}}
        return replace(self, reports=told, changed=self.changed + back)

    def asked(self, said: Iterable[Report]) -> Rollout:
        """What hosts say that they run, some time after they were told. Only what has changed since is news: a host
        that failed keeps its verdict, which has the reason."""
        known = {one: serves(report, self.artifact_id) for one, report in self.reports.items()}
        news = [one for one in said if known.get(one.host, True) != serves(one, self.artifact_id)]
        return replace(self, reports={**self.reports, **{one.host: self._news(one) for one in news}})

    def _news(self, said: Report) -> Report:
        """The word of a host that has changed, with what it ran before it was told kept."""
        before = self.reports.get(said.host)
        previous = before.previous if before else said.previous
        if serves(said, self.artifact_id):
            return replace(said, previous=previous)
        word = "nothing" if said.outcome == "silent" else said.serving or "that nothing serves"
        reason = f"asked what it runs, it said {word}" + (f": {said.reason}" if said.reason else "")
        outcome = "silent" if said.outcome == "silent" else "failed"
        return replace(said, outcome=outcome, previous=previous, reason=reason)

    def stopped(self, reason: str) -> Rollout:
        return replace(self, stop=reason)

    # -- what it adds up to --------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        return len(self.planned) + len(self.others)

    @property
    def hosts(self) -> tuple[Unit, ...]:
        """Every host that is or was part of it: the planned ones first, then those that joined."""
        known = {one.id for one in (*self.planned, *self.others)}
        return (*self.planned, *self.others, *(one for one in self.present if one.id not in known))

    @property
    def gone(self) -> tuple[Unit, ...]:
        """Hosts that left meanwhile."""
        there = {one.id for one in self.present}
        return tuple(one for one in (*self.planned, *self.others) if one.id not in there)

    @property
    def joining(self) -> tuple[Unit, ...]:
        """Hosts that came meanwhile and whose agent does not answer yet: nobody can tell them anything."""
        known = {one.id for one in (*self.planned, *self.others)}
        return tuple(
            one for one in self.present if not one.online and one.id not in known and one.id not in self.reports
        )

    @property
    def waiting(self) -> tuple[Unit, ...]:
        """Hosts to tell: the planned ones first, in their order, then those that joined."""
        settled = {*self.reports, *(one.id for one in self.others)}
        order = {one.id: number for number, one in enumerate(self.planned)}
        left = [one for one in self.present if one.online and one.id not in settled]
        return tuple(sorted(left, key=lambda one: order.get(one.id, len(order))))

    @property
    def stragglers(self) -> tuple[Report, ...]:
        """Hosts that are there and do not run it: they failed, or could not be reached when it was their turn."""
        there = {one.id: one for one in self.present}
        failed = [one for one in self.reports.values() if one.host in there and not serves(one, self.artifact_id)]
        missed = [one for one in self.planned if one.id in there and not there[one.id].online]
        never = [Report(one.id, "silent", reason=_away(there[one.id])) for one in missed]
        return (*failed, *(one for one in never if one.host not in self.reports))

    @property
    def lagging(self) -> tuple[Report, ...]:
        """The stragglers, and those whose turn never came because it was stopped."""
        return (*self.stragglers, *(Report(one.id, "silent", reason="it was not told yet") for one in self.waiting))

    @property
    def here(self) -> tuple[Report, ...]:
        """The last words of hosts that were told and are still there."""
        there = {one.id for one in self.present}
        return tuple(one for one in self.reports.values() if one.host in there)


@dataclass(frozen=True)
class Step:
    """What comes next: a batch of hosts (the canary alone), a reason to stop, or, with neither, nothing more."""

    hosts: tuple[Unit, ...] = ()
    canary: bool = False
    stop: str = ""


def next_step(rules: Rules, rollout: Rollout) -> Step:
    """The next batch, or why there is none."""
    stop = rollout.stop or why_stop(rules, rollout)
    if stop:
        return Step(stop=stop)
    canary = rules.canary and not rollout.reports and rollout.total > 1
    return Step(rollout.waiting[: 1 if canary else rules.batch(rollout.total)], canary)


def why_stop(rules: Rules, rollout: Rollout) -> str:
    """Why no further host may be told; empty while all is well enough."""
    bad, allowed = rollout.stragglers, rules.allowed(rollout.total)
    names = {one.id: one.name for one in rollout.hosts}
    for one in bad:
        if one.outcome in FINAL:
            return f"{names[one.host]} says {one.outcome}: {one.reason or 'no reason given'}"
    first = next(iter(rollout.reports.values()), None)
    if rules.canary and first and first in bad:
        return f"the canary {names[first.host]} failed: {first.reason or first.outcome}"
    if len(bad) > allowed:
        return f"{len(bad)} of {rollout.total} hosts do not run it, and {allowed} may"
    return ""


def conclusion(rules: Rules, rollout: Rollout) -> str:
    """Why it has failed, now that nobody is left to tell; empty where it has not."""
    told = [one for one in rollout.here if serves(one, rollout.artifact_id)]
    if not rollout.present:
        return "no host is left"
    if rollout.planned and not told and not rollout.others:
        return f"none of {rollout.total} hosts runs it"
    return rollout.stop or why_stop(rules, rollout)


@dataclass(frozen=True)
class Back:
    """A batch that is put back: these hosts, to that artifact."""

    artifact_id: str
    hosts: tuple[str, ...]


def put_back(rules: Rules, rollout: Rollout) -> list[Back]:
    """Who is put back to what: the last one that was changed first, in batches no larger than those of the rollout."""
    there = {one.id for one in rollout.present}
    most, steps = rules.batch(rollout.total), list[Back]()
    for one in reversed(rollout.changed):
        if one.host not in there:
            continue
        last = steps[-1] if steps else None
        if last and last.artifact_id == one.previous and len(last.hosts) < most:
            steps[-1] = replace(last, hosts=(*last.hosts, one.host))
        else:
            steps.append(Back(one.previous, (one.host,)))
    return steps


def _away(host: Unit) -> str:
    return host.problem or "its agent does not answer"
