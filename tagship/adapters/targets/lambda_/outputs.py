"""Variables that functions are given out of what infrastructure's tool wrote down, in a file of the checkout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.adapters.targets.lambda_.calls import UnfitFunction
from tagship.domain import commands
from tagship.domain.lambda_.outputs import chosen
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import listed
from tagship.settings.lambda_ import OutputsFile


@dataclass(frozen=True)
class OutputVariables:
    """The variables of an environment's outputs file; `environment` is its name."""

    root: Path
    outputs: OutputsFile
    environment: str

    def read(self) -> Mapping[str, str]:
        """Read the variables. Raises UnfitFunction if one is not there."""
        values, problem = self._read()
        if problem:
            raise UnfitFunction(problem)
        return values

    def obstacles(self) -> Iterator[Obstacle]:
        """Say what is wrong with the file, before anything changes."""
        _, problem = self._read()
        if problem:
            yield Obstacle(problem, self._remedy)

    def _read(self) -> tuple[Mapping[str, str], str]:
        file, variables = self.outputs.file, self.outputs.variables
        if not variables:
            return {}, ""
        try:
            values, problems = chosen((self.root / file).read_bytes(), variables)
        except OSError as reason:
            values, problems = {}, [reason.strerror or "it can't be read"]
        if not problems:
            return values, ""
        return {}, f"{listed(sorted(variables))} of the functions come from {file}, and {'; '.join(problems)}"

    @property
    def _remedy(self) -> str:
        return f"Have the tool that makes the infrastructure write it: {commands.infra(environment=self.environment)}"
