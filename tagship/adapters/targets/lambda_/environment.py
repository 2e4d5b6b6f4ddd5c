"""The functions of an environment: which there are, what is in the way of a change, and how they are set up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets import Context
from tagship.adapters.targets.lambda_.calls import Calls, Missing
from tagship.adapters.targets.lambda_.examining import FunctionExamination
from tagship.adapters.targets.lambda_.leftovers import FunctionShelf
from tagship.adapters.targets.lambda_.logs import function_lines
from tagship.adapters.targets.lambda_.obstacles import FunctionObstacles
from tagship.adapters.targets.lambda_.together import at_once
from tagship.adapters.targets.lambda_.watching import Watching
from tagship.domain.finding import Finding
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.rules import Rules
from tagship.domain.units import Unit
from tagship.ports.leftovers import Shelf
from tagship.ports.target import Tick
from tagship.settings.lambda_ import Lambda


@dataclass
class FunctionUnits:
    """What is asked of functions without changing them."""

    context: Context
    environment: str
    table: Lambda

    @property
    def rules(self) -> Rules:
        return self.table.rules

    def prepare(self) -> None:
        aws: Aws = self.context.aws
        aws.prepare("lambda")

    def units(self) -> Sequence[Unit]:
        """List the functions of the settings, and whether each is there."""
        names = {name: name for name in self.table.functions}
        return [*at_once(names, self._unit, "finding the functions").values()]

    def _unit(self, name: str) -> Unit:
        try:
            self._calls(name).configuration()
        except Missing:
            problem = f"there is no function {name} in {self.context.settings.aws.region}"
            return Unit(name, name, False, problem, noun="function")
        return Unit(name, name, True, noun="function")

    def _calls(self, name: str) -> Calls:
        return Calls(self.context.aws, name, self.table.alias)

    def _all_calls(self, units: Sequence[Unit]) -> dict[str, Calls]:
        return {unit.id: self._calls(unit.id) for unit in units}

    def shelves(self) -> Sequence[Shelf]:
        """Name the places of what deployments left: a function each."""
        return [FunctionShelf(self.context.aws, name) for name in self.table.functions]

    @property
    def known_outputs(self) -> Mapping[str, str]:
        """Return the outputs of infrastructure that variables may name."""
        return self.context.settings.environment(self.environment).known_outputs

    def obstacles(
        self,
        action: str,
        manifest: Manifest,
        manifest_sha256: str,  # noqa: ARG002 (functions are fitted to what the manifest names)
        units: Sequence[Unit],
    ) -> Sequence[Obstacle]:
        """List what is in the way of bringing functions to an artifact."""
        watching = Watching(self.context.aws, self.table.alarms if self.table.steps else (), 0)
        look = FunctionObstacles(action, manifest, self.context.registry, watching, self.table.functions)
        rows = at_once(self._all_calls(units), look.of, "looking at the functions")
        return [*look.of_all(), *(obstacle for row in rows.values() for obstacle in row)]

    def examine(self) -> Iterator[Finding]:
        """Look at how each function is set up."""
        look = FunctionExamination(self.table.alias)
        calls = {name: self._calls(name) for name in self.table.functions}
        for row in at_once(calls, look.of, "examining the functions").values():
            yield from row

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Read the group of each function."""
        return function_lines(self.context.aws, units, window, tick)
