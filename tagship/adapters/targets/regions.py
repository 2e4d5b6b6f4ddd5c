"""An environment in several regions: a target that is made of one a region, whatever their kind.

A unit is named with its region, and a region is a wave: they are changed one after the other, and put back in reverse.
Before the first of them is changed, the artifact is in the bucket and the registry of each. A region that can't be
reached is named, and hides no other: its units, as they were last listed, can't be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tagship.domain.change import Change
from tagship.domain.rules import Rules
from tagship.domain.units import WHOLE, Operation, Report, Unit
from tagship.errors import Refused, ServiceFailed, TagshipError, Unheard
from tagship.ports.target import Target, Tick

MARK = "/"  # between a region and the name of a unit or of an operation


@dataclass
class Region:
    """One region: its target, and how an artifact gets there.

    `carry` brings the artifact of a change into the region's bucket and registry; the first region has it already.
    `listed` are its units as it named them last, to any target of this process: units that nobody can list any longer
    have not left.
    """

    name: str
    target: Target
    carry: Callable[[Change], None] = lambda _: None
    listed: list[Unit] = field(default_factory=list)
    lost: str = ""  # why it could not be reached when it was asked last

    def units(self) -> list[Unit]:
        """List its units, or those it had, which can't be reached."""
        try:
            self.listed[:], self.lost = self.target.units(), ""
        except ServiceFailed as reason:
            self.lost = reason.what.rstrip(".")
            return [self.out(replace(unit, online=False, problem=self.lost)) for unit in self.listed or [self._whole]]
        return [self.out(unit) for unit in self.listed]

    @property
    def _whole(self) -> Unit:
        """Stand for all of its units, if nobody knows them."""
        return Unit(WHOLE[1:], WHOLE[1:], online=False)

    def out(self, unit: Unit) -> Unit:
        """Name a unit as it is known outside."""
        return replace(unit, id=self.mark(unit.id), name=self.mark(unit.name), wave=self.name)

    def own(self, units: Sequence[Unit]) -> list[Unit]:
        """Choose its units, and name them as it does."""
        mine = [unit for unit in units if unit.id.startswith(self.mark(""))]
        return [replace(unit, id=self.plain(unit.id), name=self.plain(unit.name), wave="") for unit in mine]

    def mark(self, name: str) -> str:
        return f"{self.name}{MARK}{name}"

    def plain(self, name: str) -> str:
        return name.removeprefix(self.mark(""))

    def report(self, report: Report) -> Report:
        return replace(report, unit=self.mark(report.unit))

    def silent(self, units: Sequence[Unit], reason: TagshipError) -> list[Report]:
        """Report of units that nobody could ask."""
        words = f"{self.name}: {reason.what.rstrip('.')}"
        return [Report(self.mark(unit.id), "silent", reason=words, unseen=True) for unit in units]

    def operation(self, operation: Operation) -> Operation:
        return replace(
            operation,
            id=self.mark(operation.id),
            name=f"{operation.name} in {self.name}",
            units=tuple(map(self.mark, operation.units)),
        )

    def started(self, operations: Sequence[Operation]) -> list[Operation]:
        """Choose the operations that it started, named as it does."""
        mine = [operation for operation in operations if operation.id.startswith(self.mark(""))]
        return [
            replace(
                operation,
                id=self.plain(operation.id),
                name=operation.name.removesuffix(f" in {self.name}"),
                units=tuple(map(self.plain, operation.units)),
            )
            for operation in mine
        ]

    def told(self, tick: Tick) -> Tick:
        """Say in which region a wait is."""
        return lambda text: tick(f"{self.name}: {text}")


@dataclass
class Regions:
    """The regions of an environment, in their order; see tagship.ports.target.Target."""

    regions: Sequence[Region]
    between: int = 0  # seconds that a region has to serve before the next one begins
    _carried: set[tuple[str, str]] = field(default_factory=set)  # by region and manifest

    @property
    def first(self) -> Region:
        return self.regions[0]

    @property
    def rules(self) -> Rules:
        return replace(self.first.target.rules, between=self.between)

    def prepare(self) -> None:
        for region in self.regions:
            region.target.prepare()

    def units(self) -> Sequence[Unit]:
        """List the units of every region, lost ones too."""
        units, refused = list[Unit](), list[Refused]()
        for region in self.regions:
            try:
                units += region.units()
            except Refused as reason:
                refused.append(named(reason, region))
        if refused:
            raise refused[0]
        nouns = [unit.noun for unit in units if not unit.id.endswith(WHOLE)] or ["unit"]
        return [replace(unit, noun=nouns[0]) if unit.id.endswith(WHOLE) else unit for unit in units]

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        def ask(region: Region, mine: Sequence[Unit]) -> Sequence[Report]:
            return region.target.observe(mine, region.told(tick))

        return self._each(units, ask)

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Bring the artifact to every region, then begin the change.

        A region that can't be carried to, or that refuses to begin, is named by the error if nothing was begun.
        """
        self._carry(change)
        operations, problems = list[Operation](), list[ServiceFailed]()
        for region in self.regions:
            mine = region.own(units)
            if not mine:
                continue
            try:
                operations += map(region.operation, region.target.start(change, mine))
            except Unheard as reason:
                raise named(reason, region) from reason
            except ServiceFailed as reason:
                problems.append(named(reason, region))
        if problems and not operations:
            raise problems[0]
        return operations

    def _carry(self, change: Change) -> None:
        """Have the artifact in each region that could be reached, once."""
        for region in self.regions:
            key = (region.name, change.manifest_sha256)
            if region.lost or key in self._carried:
                continue
            try:
                region.carry(change)
            except TagshipError as reason:
                raise named(reason, region) from reason
            self._carried.add(key)

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        def wait(region: Region, mine: Sequence[Unit]) -> Sequence[Report]:
            return region.target.finish(region.started(operations), change, mine, region.told(tick))

        return self._each(units, wait)

    def _each(
        self, units: Sequence[Unit], act: Callable[[Region, Sequence[Unit]], Sequence[Report]]
    ) -> Sequence[Report]:
        """Ask each region about its units; a lost one is silent."""
        reports = dict[str, Report]()
        for region in self.regions:
            mine = region.own(units)
            if not mine:
                continue
            try:
                answered = [region.report(report) for report in act(region, mine)]
            except ServiceFailed as reason:
                answered = region.silent(mine, reason)
            reports.update({report.unit: report for report in answered})
        return [reports[unit.id] for unit in units]

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        started = list[Operation]()
        for region in self.regions:
            try:
                started += map(region.operation, region.target.operations(deployment_id, since))
            except TagshipError as reason:
                raise named(reason, region) from reason
        return started

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Ask each region that can be reached."""
        for region in self.regions:
            if mine := region.started(operations):
                with suppress(ServiceFailed):
                    region.target.cancel(mine)

    def committed(self, change: Change) -> None:
        for region in self.regions:
            region.target.committed(change)

    def uncommitted(self, artifact_id: str) -> str:
        why = ((region.name, region.target.uncommitted(artifact_id)) for region in self.regions)
        return "; ".join(f"{name}: {words}" for name, words in why if words)

    def files(self) -> Mapping[str, bytes]:
        return self.first.target.files()

    def required(self) -> Sequence[str]:
        return self.first.target.required()

    def of(self, unit: Unit) -> tuple[Region, Unit]:
        """Find a unit's region, and its name there."""
        region = next(region for region in self.regions if unit.id.startswith(region.mark("")))
        return region, region.own([unit])[0]


def named(reason: Any, region: Region) -> Any:
    """Have an error begin with the region that it is of."""
    if not reason.what.startswith(f"{region.name}: "):
        reason.what = f"{region.name}: {reason.what}"
        reason.args = (reason.what,)
    return reason


def parts(regions: Regions, units: Sequence[Unit]) -> Iterator[tuple[Region, list[Unit]]]:
    """Yield each region that has some of these units, with them."""
    for region in regions.regions:
        if mine := region.own(units):
            yield region, mine
