"""How an artifact goes through an environment's units: which is next, when to stop, and what is put back.

Pure: values in, values out. The engine asks `next_step`, does it, and folds in what the units reported (`heard`), which
units there are by now (`seen`) and what each says that it runs (`observed`). The rules:

    the canary goes alone and first, and its failure stops everything
    no batch is larger than `concurrency`, and none begins once more than `errors` units do not run the artifact
    a unit that says refused, held or superseded stops everything: what it says holds for the others too
    a rollout that goes `everywhere` tries every unit once, and nothing that a unit says stops it
    a unit that left is neither changed, nor waited for, nor put back; one that joined is changed after the others
    waves, such as regions, go one after the other; no batch has units of two
    units are put back in the reverse order of their change, each to what it ran before
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tagship.domain.rules import Rules
from tagship.domain.text import counted, listed
from tagship.domain.units import Report, Unit, noun_of
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.domain.waves import next_wave, size_of

FINAL = frozenset({"refused", "held", "superseded"})  # one unit's verdict for all: not authentic, or overtaken
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Rollout:
    """How far an artifact has come.

    `planned` are the units there were at the beginning, `others` those of the environment that ran it already;
    percentages are of the two together. The `skipped` ones are left as they are. `reports` holds each unit's last
    verdict, in the order that they were changed. `changed` are the verdicts of units that were changed over, in that
    order.
    """

    artifact_id: ArtifactId
    planned: tuple[Unit, ...]
    others: tuple[Unit, ...] = ()
    skipped: tuple[Unit, ...] = ()
    present: tuple[Unit, ...] = ()
    reports: Mapping[str, Report] = field(default_factory=dict)
    changed: tuple[Report, ...] = ()
    stop: str = ""

    @classmethod
    def begin(
        cls,
        artifact_id: ArtifactId,
        planned: Sequence[Unit],
        others: Sequence[Unit] = (),
        skipped: Sequence[Unit] = (),
    ) -> Rollout:
        present = (*planned, *others, *skipped)
        return cls(artifact_id, tuple(planned), tuple(others), tuple(skipped), present)

    # -- what happens to it --------------------------------------------------------------------------------------------

    def seen(self, units: Sequence[Unit]) -> Rollout:
        """Note the units that there are now."""
        return replace(self, present=tuple(units))

    def heard(self, reports: Iterable[Report]) -> Rollout:
        """Note what a batch reported of its change."""
        new = list(reports)
        changed = [report for report in new if report.outcome == "healthy" and report.serving == self.artifact_id]
        back = tuple(report for report in changed if report.previous not in {"", self.artifact_id})
        reported = {**self.reports, **{report.unit: report for report in new}}
        return replace(self, reports=reported, changed=self.changed + back)

    def observed(self, reports: Iterable[Report]) -> Rollout:
        """Note what units say that they run, after their change."""
        # Only a difference is news: a unit that failed keeps its verdict, which has the reason.
        known = {unit: serves(report, self.artifact_id) for unit, report in self.reports.items()}
        news = [report for report in reports if known.get(report.unit, True) != serves(report, self.artifact_id)]
        return replace(self, reports={**self.reports, **{report.unit: self._news(report) for report in news}})

    def _news(self, now: Report) -> Report:
        """Report a unit that differs from its verdict."""
        # What it ran before its change is kept.
        before = self.reports.get(now.unit)
        previous = before.previous if before else now.previous
        if serves(now, self.artifact_id):
            return replace(now, previous=previous)
        answer = "nothing" if now.outcome == "silent" else now.serving or "that nothing serves"
        reason = f"asked what it runs, it said {answer}" + (f": {now.reason}" if now.reason else "")
        outcome = "silent" if now.outcome == "silent" else "failed"
        return replace(now, outcome=outcome, previous=previous, reason=reason)

    def stopped(self, reason: str) -> Rollout:
        return replace(self, stop=reason)

    # -- what it adds up to --------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        return len(self.planned) + len(self.others)

    @property
    def size(self) -> int:
        """Count the units that there are now, without the joining ones."""
        return len(self.present) - len(self.joining)

    @property
    def noun(self) -> str:
        """Say what people call one of its units."""
        return noun_of((*self.original, *self.present))

    @property
    def units(self) -> tuple[Unit, ...]:
        """List every unit that was part of it, those that joined last."""
        known = {unit.id for unit in self.original}
        return (*self.original, *(unit for unit in self.present if unit.id not in known))

    @property
    def original(self) -> tuple[Unit, ...]:
        """List the units that there were when it began."""
        return (*self.planned, *self.others, *self.skipped)

    @property
    def names(self) -> Mapping[str, str]:
        """Map each unit's id to its name."""
        return {unit.id: unit.name for unit in self.units}

    @property
    def gone(self) -> tuple[Unit, ...]:
        """Return the units that left meanwhile."""
        present = {unit.id for unit in self.present}
        return tuple(unit for unit in self.original if unit.id not in present)

    @property
    def joining(self) -> tuple[Unit, ...]:
        """List units that came meanwhile and can't be reached yet."""
        known = {unit.id for unit in self.original} | set(self.reports)
        return tuple(unit for unit in self.present if not unit.online and unit.id not in known)

    @property
    def waiting(self) -> tuple[Unit, ...]:
        """List the units to change: the planned ones first, in order."""
        finished = {*self.reports, *(unit.id for unit in (*self.others, *self.skipped))}
        order = {unit.id: number for number, unit in enumerate(self.planned)}
        waiting = [unit for unit in self.present if unit.online and unit.id not in finished]
        return tuple(sorted(waiting, key=lambda unit: order.get(unit.id, len(order))))

    @property
    def serving(self) -> tuple[Report, ...]:
        """List the verdicts of present units that run it."""
        return tuple(report for report in self.here if serves(report, self.artifact_id))

    @property
    def stragglers(self) -> tuple[Report, ...]:
        """Report the units that are present and do not run it."""
        # They failed, or could not be reached when it was their turn.
        present = {unit.id: unit for unit in self.present}
        failed = [
            report
            for report in self.reports.values()
            if report.unit in present and not serves(report, self.artifact_id)
        ]
        missed = [unit for unit in self.planned if unit.id in present and not present[unit.id].online]
        never = [Report(unit.id, "silent", reason=present[unit.id].away) for unit in missed]
        return (*failed, *(report for report in never if report.unit not in self.reports))

    @property
    def lagging(self) -> tuple[Report, ...]:
        """List the stragglers, those whose turn never came, and the skipped."""
        present = {unit.id for unit in self.present}
        skipped = (unit for unit in self.skipped if unit.id in present)
        return (
            *self.stragglers,
            *(Report(unit.id, "silent", reason="its turn never came") for unit in self.waiting),
            *(Report(unit.id, "silent", reason="skipped") for unit in skipped),
        )

    @property
    def untouched(self) -> tuple[Unit, ...]:
        """List the present units that nobody changed."""
        done = {*self.reports, *(unit.id for unit in (*self.others, *self.joining))}
        return tuple(unit for unit in self.present if unit.id not in done)

    @property
    def known(self) -> tuple[Report, ...]:
        """List the verdict of each unit, or why it has none.

        A unit that ran it already has one of its own.
        """
        present = {unit.id for unit in self.present} - set(self.reports)
        already = [Report(unit.id, "unchanged", serving=self.artifact_id) for unit in self.others if unit.id in present]
        verdicts = self.here
        judged = {report.unit for report in verdicts}
        return (*verdicts, *already, *(report for report in self.lagging if report.unit not in judged))

    @property
    def here(self) -> tuple[Report, ...]:
        """Return the last verdicts of changed units that are still present."""
        present = {unit.id for unit in self.present}
        return tuple(report for report in self.reports.values() if report.unit in present)


@dataclass(frozen=True)
class RolloutStep:
    """What comes next: a batch of units, or a reason to stop.

    With neither, nothing is left. The canary is a batch of its own.
    """

    units: tuple[Unit, ...] = ()
    canary: bool = False
    stop: str = ""


def next_step(rules: Rules, rollout: Rollout) -> RolloutStep:
    """Return the next batch, or why there is none."""
    stop = rollout.stop or why_stop(rules, rollout)
    if stop:
        return RolloutStep(stop=stop)
    canary = rules.canary and not rollout.reports and rollout.total > 1
    wave = next_wave(rollout)
    return RolloutStep(wave[: 1 if canary else rules.batch(size_of(rollout, wave))], canary)


def why_stop(rules: Rules, rollout: Rollout) -> str:
    """Say why no further unit may be changed; empty while some may."""
    if rules.everywhere:
        return ""
    bad, names = rollout.stragglers, rollout.names
    for report in bad:
        if report.outcome in FINAL:
            return f"{names[report.unit]} says {report.outcome}: {report.reason or 'no reason given'}"
    first = next(iter(rollout.reports.values()), None)
    if rules.canary and first and first in bad:
        return f"the canary {names[first.unit]} failed: {first.reason or first.outcome}"
    allowed = rules.allowed(rollout.total)
    if len(bad) > allowed:
        return _failed(rollout, bad) + (f", and {rules.limit} is {rules.errors}" if rules.limit else "")
    return ""


def _failed(rollout: Rollout, bad: Sequence[Report]) -> str:
    """Say which units failed: `web-1 failed`, `web-2 cannot be reached`."""
    # Or `3 hosts failed (web-1, web-2, web-3)`.
    known = rollout.names
    names = [known[report.unit] for report in bad]
    reported = sum(report.unit in rollout.reports for report in bad)
    problem = {0: "cannot be reached", len(bad): "failed"}.get(reported, "failed or cannot be reached")
    return (
        f"{names[0]} {problem}"
        if len(names) == 1
        else f"{counted(len(names), rollout.noun)} {problem} ({listed(names, 4)})"
    )


def conclusion(rules: Rules, rollout: Rollout) -> str:
    """Say why it has failed, once no unit is left to change."""
    if not rollout.present:
        return f"no {rollout.noun} is left"
    if rollout.planned and not rollout.serving and not rollout.others:
        return f"none of {counted(rollout.total, rollout.noun)} runs it"
    return rollout.stop or why_stop(rules, rollout)


@dataclass(frozen=True)
class Back:
    """A batch to put back: unit ids, and the artifact they get."""

    artifact_id: ArtifactId
    units: tuple[str, ...]


def put_back(rules: Rules, rollout: Rollout) -> list[Back]:
    """Plan what is put back to what: the last changed first."""
    # In batches as large as the rollout's.
    present, waves = {unit.id for unit in rollout.present}, {unit.id: unit.wave for unit in rollout.units}
    most, steps = rules.batch(rollout.total), list[Back]()
    for report in reversed(rollout.changed):
        if report.unit not in present:
            continue
        last = steps[-1] if steps else None
        together = last and last.artifact_id == report.previous and waves[last.units[0]] == waves[report.unit]
        if last and together and len(last.units) < most:
            steps[-1] = replace(last, units=(*last.units, report.unit))
        else:
            steps.append(Back(ArtifactId(report.previous), (report.unit,)))
    return steps
