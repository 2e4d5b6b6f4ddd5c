"""What is going to happen to an environment's units, and what its records say of them. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.text import MANY, counted
from tagship.domain.units import Unit, noun_of
from tagship.domain.version import ArtifactId


@dataclass(frozen=True)
class Plan:
    """One deployment, before anything happens: shown, and (unless it is a dry run) carried out.

    `runs` is what the ledger says each unit runs now, by its id; `replaces` what it says of the environment.
    `fence` is the highest fencing number in the ledger; `settled` says that the deployment of that number has ended.
    `unsigned`: nobody signed the artifact, which the environment allows.
    `serves` is the deployment by which the environment runs what it runs, None if nothing was ever healthy there.
    A plan that `heals` brings units to what the ledger says is serving; the `others` run it and are left alone.
    """

    action: str  # deploy | rollback
    environment: str
    artifact_id: ArtifactId
    manifest_sha256: str
    units: tuple[Unit, ...]
    runs: Mapping[str, str]
    replaces: str
    fence: int = 0
    settled: bool = True
    heals: bool = False
    unsigned: bool = False
    others: tuple[Unit, ...] = ()
    serves: Deployment | None = None

    @property
    def command(self) -> str:
        """What a person types for it."""
        if self.heals:
            return commands.heal(self.environment)
        spell = commands.rollback if self.action == "rollback" else commands.deploy
        return spell(self.artifact_id, self.environment)

    @property
    def label(self) -> str:
        """The artifact as a person sees it."""
        return f"{self.artifact_id} (UNSIGNED)" if self.unsigned else str(self.artifact_id)

    @property
    def noun(self) -> str:
        """What people call one of its units."""
        return noun_of((*self.units, *self.others))

    @property
    def names(self) -> Mapping[str, str]:
        """Each unit's name by its id."""
        return {unit.id: unit.name for unit in self.units}

    def stands(self, fence: int) -> bool:
        """Whether nobody can have changed the environment since this was planned, given the lease that covers it."""
        return self.settled and fence == self.fence + 1

    def differs_from(self, other: Plan) -> bool:
        """Whether somebody who was shown the other plan would be surprised by this one."""
        return (self.artifact_id, self.replaces, self.runs, self.units) != (
            *(other.artifact_id, other.replaces, other.runs, other.units),
        )

    def rows(self) -> list[list[str]]:
        """A line for each unit: its name, its id, what it runs, what it will run. Of many, one for each version."""
        runs = [self.runs.get(unit.id) or "nothing known" for unit in self.units]
        if len(self.units) > MANY:
            counts = sorted(Counter(runs).items())
            return [[counted(count, self.noun), "", version, self.artifact_id] for version, count in counts]
        return [[unit.name, unit.id, now, self.artifact_id] for unit, now in zip(self.units, runs, strict=True)]

    def as_data(self) -> dict[str, object]:
        return {
            "action": self.action,
            "environment": self.environment,
            "artifact": self.artifact_id,
            "manifest_sha256": self.manifest_sha256,
            "replaces": self.replaces,
            "unsigned": self.unsigned,
            "units": [{"id": unit.id, "name": unit.name, "runs": self.runs.get(unit.id, "")} for unit in self.units],
        }


def recorded_runs(deployments: Sequence[Deployment]) -> dict[str, str]:
    """What the ledger says each unit runs, by its id."""
    runs: dict[str, str] = {}
    for deployment in deployments:
        for entry in deployment.entries:
            for unit in entry.details.get("units", ()):
                if unit["outcome"] != "silent":
                    runs[unit["unit"]] = unit["serving"]
    return runs
