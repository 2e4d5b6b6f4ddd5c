"""What some kinds can do beside, over several regions: a class for each, mixed in if the kind of the regions can."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tagship.adapters.targets.regions import Region, Regions, named, parts
from tagship.domain.change import Change
from tagship.domain.finding import Finding
from tagship.domain.hook import HookOutcome
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.pause import Pause
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import ServiceFailed
from tagship.ports import target as ports
from tagship.ports.hooks import TaskRunner
from tagship.ports.leftovers import Shelf, Shelved
from tagship.ports.logs import Enterable, Logged, Session
from tagship.ports.target import Pins, Script, Tick


class _KeyHolders(Regions):
    def pin(self, pins: Pins, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        return self._each(units, lambda region, mine: _any(region).pin(pins, mine, region.told(tick)))

    def resign(self, *, dry_run: bool) -> str:
        done = ((region.name, _any(region).resign(dry_run=dry_run)) for region in self.regions)
        return "; ".join(f"{name}: {words}" for name, words in done if words)


class _Inspectable(Regions):
    def inspect(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        return self._each(units, lambda region, mine: _any(region).inspect(mine, region.told(tick)))


class _Adoptable(Regions):
    def adopt(self, units: Sequence[Unit], tick: Tick, *, undo: bool) -> Sequence[Report]:
        return self._each(units, lambda region, mine: _any(region).adopt(mine, region.told(tick), undo=undo))


class _FirstBoot(Regions):
    def first_boot(self, artifact_id: str, pins: Pins, *, compress: bool) -> Script:
        """Render the script of the first region."""
        script: Script = _any(self.first).first_boot(artifact_id, pins, compress=compress)
        return script


class _Starter(Regions):
    def starting(self) -> Collection[str]:
        return {artifact for region in self.regions for artifact in _any(region).starting()}


class _Versioned(Regions):
    def version_of(self, change: Change, name: str, tick: Tick) -> str:
        """Make the version in the first region, where hooks run."""
        version: str = _any(self.first).version_of(change, name, tick)
        return version


class _Mortal(Regions):
    def ended(self, units: Sequence[str]) -> Collection[str]:
        ended = set[str]()
        for region in self.regions:
            mine = [region.plain(unit) for unit in units if unit.startswith(region.mark(""))]
            with suppress(ServiceFailed):  # nobody knows, so none has ended for good
                ended |= {region.mark(unit) for unit in _any(region).ended(mine)} if mine else set()
        return ended


class _Stoppable(Regions):
    def stop(self, operations: Sequence[Operation]) -> None:
        for region in self.regions:
            if mine := region.started(operations):
                _any(region).stop(mine)


class _Pausable(Regions):
    def pauses(self, deployment_id: str) -> Sequence[Pause]:
        return [
            replace(pause, unit=region.mark(pause.unit))
            for region in self.regions
            for pause in _any(region).pauses(deployment_id)
        ]

    def go_on(self, pause: Pause) -> None:
        for region in self.regions:
            if pause.unit.startswith(region.mark("")):
                _any(region).go_on(replace(pause, unit=region.plain(pause.unit)))


class _Careful(Regions):
    def obstacles(
        self, action: str, manifest: Manifest, manifest_sha256: str, units: Sequence[Unit]
    ) -> Sequence[Obstacle]:
        """List what is in the way in each region that answers.

        An image is looked for where it is now: in the first region.
        """
        return [
            replace(obstacle, what=f"{region.name}: {obstacle.what}")
            for region, mine in parts(self, units)
            for obstacle in _any(region).obstacles(action, manifest, manifest_sha256, mine)
        ]


class _Examinable(Regions):
    def examine(self) -> Iterator[Finding]:
        for region in self.regions:
            findings = _any(region).examine()
            yield from (replace(finding, about=f"{region.name}: {finding.about}") for finding in findings)


class _Logged(Regions):
    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Merge the regions' lines, the oldest first."""
        lines = list[LogLine]()
        for region, mine in parts(self, units):
            try:
                read = _any(region).log(mine, window, region.told(tick))
                lines += [replace(line, unit=region.mark(line.unit)) for line in read]
            except ServiceFailed as reason:
                tick(f"{region.name}: {reason.what}")
        yield from sorted(lines, key=LogLine.order)


class _Enterable(Regions):
    def enter(self, unit: Unit) -> Session:
        region, mine = self.of(unit)
        try:
            session: Session = _any(region).enter(mine)
        except ServiceFailed as reason:
            raise named(reason, region) from reason
        return session


class _TaskRunner(Regions):
    def run_task(
        self, change: Change, hook: Any, variables: Mapping[str, str | None], name: str, tick: Tick
    ) -> HookOutcome:
        """Run it in the first region, once."""
        outcome: HookOutcome = _any(self.first).run_task(change, hook, variables, name, tick)
        return outcome


class _Shelved(Regions):
    def shelves(self) -> Sequence[Shelf]:
        return [shelf for region in self.regions for shelf in _any(region).shelves()]


MORE: dict[Any, type[Regions]] = {
    ports.KeyHolder: _KeyHolders,
    ports.Inspectable: _Inspectable,
    ports.Adoptable: _Adoptable,
    ports.FirstBoot: _FirstBoot,
    ports.Starter: _Starter,
    ports.Versioned: _Versioned,
    ports.Mortal: _Mortal,
    ports.Stoppable: _Stoppable,
    ports.Pausable: _Pausable,
    ports.Careful: _Careful,
    ports.Examinable: _Examinable,
    Logged: _Logged,
    Enterable: _Enterable,
    TaskRunner: _TaskRunner,
    Shelved: _Shelved,
}


def several(regions: Sequence[Region], between: int) -> Regions:
    """Make one target of several; it can do what their kind can."""
    can = tuple(mixin for protocol, mixin in MORE.items() if isinstance(regions[0].target, protocol))
    made: type[Regions] = dataclass(type("SeveralRegions", (*can, Regions), {}))
    return made(regions, between)


def _any(region: Region) -> Any:
    """Return a region's target, which can do what is asked."""
    return region.target
