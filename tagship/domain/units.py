"""What an environment consists of, what it was asked to do, and what it answers, for any kind of target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.domain.text import listed

OUTCOMES = (
    "healthy",  # the artifact named is serving, seen by its health answer
    "unchanged",  # it already was
    "empty",  # nothing was ever deployed here (an observation)
    "failed",  # not changed over: what was serving before still is
    "rolled-back",  # changed over, failed, put back: the previous version serves, seen by its health answer
    "rollback-failed",  # nothing that is known to be healthy serves
    "refused",  # not authentic, or the artifact is missing
    "held",  # another action or a run of the job is under way on the unit, or the fencing number is too low
    "superseded",  # another change replaced this one: it says nothing of the version
    "pruned",
    "silent",  # no verdict came back: the unit died, or its output was not a verdict
)


@dataclass(frozen=True)
class Unit:
    """The smallest thing that serves one version and can be rolled back.

    `noun` is what people call it: host, service, function. `agent` is the version of the program on it that carries
    orders out, if there is one. Units of one `wave`, such as a region, are changed before those of the next.
    """

    id: str
    name: str
    online: bool
    problem: str = ""
    noun: str = "unit"
    agent: str = ""
    wave: str = ""

    @property
    def away(self) -> str:
        """Say why it cannot be reached, in a few words."""
        return self.problem or "it does not answer"


WHOLE = "/*"  # the end of an id that stands for every unit whose id begins like it: nobody could list them


def away_sentence(units: Sequence[Unit]) -> str:
    """Name units that can't be reached, each reason once.

    `web-1 (i-1) and web-2 (i-2): the agent does not answer`.
    """
    reasons: dict[str, list[str]] = {}
    for unit in units:
        reasons.setdefault(unit.away, []).append(f"{unit.name} ({unit.id})")
    return "; ".join(f"{listed(names)}: {reason}" for reason, names in reasons.items())


def them(units: Sequence[Unit]) -> str:
    """Say `it` of one unit, `them` of several."""
    return "it" if len(units) == 1 else "them"


def noun_of(units: Sequence[Unit]) -> str:
    """Return what people call these units; `unit` if there are none."""
    return units[0].noun if units else "unit"


@dataclass(frozen=True)
class Operation:
    """What carries out a change on some units, and can be found.

    `name` is for people: "SSM command 1234". `units` are ids. `running` is false once it is known to have ended.
    """

    id: str
    name: str
    action: str
    artifact_id: str
    units: tuple[str, ...]
    running: bool = True


@dataclass(frozen=True)
class Report:
    """A unit's own verdict, or (`silent`) why there is none.

    `unit` is its id.
    """

    unit: str
    outcome: str
    artifact_id: str = ""
    serving: str = ""
    previous: str = ""
    reason: str = ""
    evidence: str = ""
    durations: Mapping[str, float] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    kept: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)  # of an inspection; see tagship.domain.inspection
    unsigned: bool = False  # the artifact, or what serves, is signed by nobody
    edited: Sequence[str] = ()  # files of what serves that somebody edited by hand since it was deployed
    unseen: bool = False  # nobody could see what it serves

    @property
    def good(self) -> bool:
        return self.outcome in {"healthy", "unchanged"}


def superseded(unit: str, artifact_id: str, serves: str, who: str) -> Report:
    """Report that somebody else changed a unit of AWS's meanwhile.

    `serves` is empty if that is nothing that tagship deployed.
    """
    return Report(unit, "superseded", artifact_id, serves, serves, who, unseen=not serves)
