"""What will happen to an environment's units, and what its records say of them. Pure: values in, values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagship.domain import commands
from tagship.domain.absent import Gone
from tagship.domain.deployment import Deployment
from tagship.domain.standing import Bad
from tagship.domain.text import MANY, counted
from tagship.domain.units import Unit, noun_of
from tagship.domain.version import ArtifactId


@dataclass(frozen=True)
class Plan:
    """One deployment before anything happens: shown, then carried out.

    A dry run only shows it. `runs` is what the ledger says each unit runs now, by its id; `replaces` what it says of
    the environment.
    `fence` is the highest fencing number in the ledger; `settled` says that the deployment of that number has ended.
    `unsigned`: nobody signed the artifact, which the environment allows.
    `serves` is the deployment by which the environment runs what it runs, None if nothing was ever healthy there.
    A plan that `heals` brings units to what the ledger says is serving; the `others` run it and are left alone.
    The `skipped` units are left as they are, because somebody said so.
    `unfinished` is the last deployment, if it has not ended: somebody is at it, or its runner died.
    `gone` are units of earlier deployments that are not there now, and may return.
    One that goes `backward` brings units to a version that is older than what ran, because a person said so.
    A rollback that is `all_or_nothing` is put back everywhere unless every unit takes it.
    `bad` says why the artifact is marked bad, if it is, and goes on all the same.
    `irreversible` are versions whose migrations can't be undone: a deploy brings them, a rollback leaves them applied.
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
    all_or_nothing: bool = False
    backward: bool = False
    unsigned: bool = False
    others: tuple[Unit, ...] = ()
    skipped: tuple[Unit, ...] = ()
    serves: Deployment | None = None
    unfinished: Deployment | None = None
    gone: tuple[Gone, ...] = ()
    built: str = ""  # when the artifact was, ISO 8601; with its size, for whoever asks the ledger later
    committed: str = ""  # when the commit was that it was built of, likewise
    size: int = 0  # bytes, of its bundle and packages
    bad: Bad | None = None
    allow_bad: bool = False  # it goes to a version that is marked bad
    irreversible: tuple[str, ...] = ()
    allow_irreversible: bool = False
    drill: bool = False  # an exercise: it says nothing against what it leaves
    outputs: Mapping[str, str] = field(default_factory=dict)  # of infrastructure, as the settings name them

    @property
    def command(self) -> str:
        """Return the command that a person types for it."""
        if self.heals:
            return commands.heal(self.environment)
        if self.action == "rollback":
            return commands.rollback(
                self.artifact_id,
                self.environment,
                allow_bad=self.allow_bad,
                all_or_nothing=self.all_or_nothing,
                allow_irreversible=self.allow_irreversible,
                drill=self.drill,
            )
        return commands.deploy(self.artifact_id, self.environment, skip=named(self.skipped, self.everyone))

    @property
    def keeps(self) -> bool:
        """Tell whether units keep what they were brought to, whatever others do."""
        return self.heals or (self.action == "rollback" and not self.all_or_nothing)

    @property
    def runs_hooks(self) -> bool:
        """Tell whether it runs hooks: a deployment that brings a version."""
        # A rollback is urgent, and a heal brings what served already.
        return self.action == "deploy" and not self.heals

    @property
    def label(self) -> str:
        """Return the artifact's name for people."""
        return f"{self.artifact_id} (UNSIGNED)" if self.unsigned else str(self.artifact_id)

    @property
    def noun(self) -> str:
        """Say what people call one of its units."""
        return noun_of(self.everyone)

    @property
    def everyone(self) -> tuple[Unit, ...]:
        """List every unit that it knows of."""
        return (*self.units, *self.others, *self.skipped)

    @property
    def names(self) -> Mapping[str, str]:
        """Map each unit's id to its name."""
        return {unit.id: unit.name for unit in self.units}

    def stands(self, fence: int) -> bool:
        """Tell whether the plan still holds under a lease of this number."""
        # Then nobody can have changed the environment since it was planned.
        return self.settled and fence == self.fence + 1

    def differs_from(self, other: Plan) -> bool:
        """Tell whether this would surprise somebody who was shown the other."""
        return (self.artifact_id, self.replaces, self.runs, self.units, self.skipped) != (
            *(other.artifact_id, other.replaces, other.runs, other.units, other.skipped),
        )

    @property
    def left_behind(self) -> Mapping[str, str]:
        """Name the units that last ran something else, each with what.

        That is by the ledger, which says what the environment runs too.
        """
        known = {f"{unit.name} ({unit.id})": self.runs.get(unit.id, "") for unit in self.units if unit.online}
        behind = {name: runs for name, runs in known.items() if runs and runs != self.replaces}
        return behind if self.replaces and not self.heals else {}

    def rows(self) -> list[list[str]]:
        """Write a line for each unit; of many, one for each version.

        It has the unit's name, its id, what it runs and what it will run.
        """
        units = (*self.units, *self.skipped)
        lines = [(unit, self.runs.get(unit.id) or "not known", self._fate(unit)) for unit in units]
        if len(lines) > MANY:
            counts = sorted(Counter((now, then) for _, now, then in lines).items())
            return [[counted(count, self.noun), "", now, then] for (now, then), count in counts]
        return [[unit.name, unit.id, now, then] for unit, now, then in lines]

    def _fate(self, unit: Unit) -> str:
        """Say what a unit will run, or why it stays."""
        if unit in self.skipped:
            return "skipped"
        return self.artifact_id if unit.online else "can't be reached"

    def as_data(self) -> dict[str, object]:
        return {
            "action": self.action,
            "environment": self.environment,
            "artifact": self.artifact_id,
            "manifest_sha256": self.manifest_sha256,
            "replaces": self.replaces,
            "unsigned": self.unsigned,
            "irreversible": list(self.irreversible),
            "units": [{"id": unit.id, "name": unit.name, "runs": self.runs.get(unit.id, "")} for unit in self.units],
            "skipped": [{"id": unit.id, "name": unit.name} for unit in self.skipped],
        }


def named(chosen: Sequence[Unit], units: Sequence[Unit]) -> str:
    """Write the chosen units as a flag takes them, between commas.

    A unit is named by its id if another one of all the units has the same name.
    """
    names = Counter(unit.name for unit in units)
    return ",".join(unit.name if names[unit.name] == 1 else unit.id for unit in chosen)


def recorded_runs(deployments: Sequence[Deployment]) -> dict[str, str]:
    """Map each unit's id to what the ledger says it runs."""
    runs: dict[str, str] = {}
    for deployment in deployments:
        for entry in deployment.entries:
            for unit in entry.details.get("units", ()):
                if unit["outcome"] != "silent":
                    runs[unit["unit"]] = unit["serving"]
    return runs
