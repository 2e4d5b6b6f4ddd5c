"""Which units of earlier deployments are not there now: stopped, say, and back later with what they ran. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.text import listed, plural
from tagship.domain.units import WHOLE, Unit

ABSENT = "absent"  # where an entry keeps the names of units that were gone when it was planned, by their ids
FEW = 4  # units named: a fleet that replaces its hosts has many


@dataclass(frozen=True)
class Gone:
    """A unit of an earlier deployment that the environment lacks now.

    `unit` is its id; `name` is as recorded, empty if an earlier tagship wrote the entry.
    """

    unit: str
    name: str


def gone_units(deployments: Sequence[Deployment], units: Sequence[Unit]) -> tuple[Gone, ...]:
    """List the units that the last ended deployment knew and `units` lacks.

    It knew its own, and those that were gone already when it was planned. A deployment that no unit answered says
    nothing: then it is the one before it. Units that nobody could list have not left.
    """
    present = {unit.id for unit in units}
    unlisted = tuple(unit.id.removesuffix(WHOLE) + "/" for unit in units if unit.id.endswith(WHOLE))
    recorded = (_recorded(deployment) for deployment in reversed(deployments) if deployment.ended)
    last = next((names for names in recorded if names), {})
    return tuple(
        Gone(unit, name) for unit, name in last.items() if unit not in present and not unit.startswith(unlisted)
    )


def _recorded(deployment: Deployment) -> dict[str, str]:
    """Map each recorded unit's id to its name.

    Entries of an earlier tagship have no names, or lack those that were gone already.
    """
    names: dict[str, str] = {}
    for entry in deployment.entries:
        answered = {unit["unit"]: "" for unit in entry.details.get("units", ())}
        if answered:
            names |= {**answered, **entry.details.get("names", {}), **entry.details.get(ABSENT, {})}
    return names


def gone_sentence(gone: Sequence[Gone], noun: str, environment: str) -> str:
    """Say which units are gone, and what to do if they return."""
    names = listed([f"{unit.name} ({unit.unit})" if unit.name else unit.unit for unit in gone], FEW)
    was, are, returned = ("was", "is", "it returns") if len(gone) == 1 else ("were", "are", "one returns")
    why = " (stopped or untagged; once terminated, it is forgotten)" if noun == "host" else ""
    now = f"{are} not among the {plural(noun)} of {environment} now{why}"
    return f"{names} {was} in an earlier deployment and {now}; if {returned}, bring it: {commands.heal(environment)}"
