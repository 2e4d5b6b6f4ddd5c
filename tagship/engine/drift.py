"""How what units say that they run differs from what the ledger says: what `status` shows of each."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from tagship.domain.standing import marked_bad
from tagship.domain.text import listed
from tagship.domain.units import Report, Unit
from tagship.engine.lease_session import ask
from tagship.engine.plan import Facts
from tagship.errors import Refused
from tagship.ports.app import App

NOTHING, NOT_KNOWN = "nothing", "not known"  # in the place of a version


@dataclass(frozen=True)
class UnitStatus:
    """What one unit says it runs.

    `drift` is what is wrong with that, empty if nothing is. `healthy`: it answers as healthy, with whatever it
    runs. `edited` are files that somebody edited by hand; it serves all the same.
    """

    id: str
    name: str
    runs: str
    drift: str
    noun: str = "unit"
    healthy: bool = False
    edited: Sequence[str] = ()


def is_down(units: Sequence[UnitStatus]) -> bool:
    """Tell whether no unit that could be asked serves it."""
    # False if none could be asked.
    return all(unit.drift and not unit.edited for unit in units) and any(unit.runs != NOT_KNOWN for unit in units)


@dataclass(frozen=True)
class Known:
    """What else tells of a unit that drifted.

    Versions that are marked bad, and units that were skipped, by id.
    """

    bad: Set[str]
    skipped: Set[str]

    @classmethod
    def of(cls, app: App, known: Facts) -> Known:
        bad = marked_bad(known.history, app.ledger.marks(known.environment))
        return cls(bad, known.last.skipped if known.last else frozenset())


def units_now(app: App, environment: str, artifact: str, known: Known) -> tuple[list[UnitStatus], str, bool]:
    """Ask each unit what it runs.

    Returns the units, why there is none, and whether one of them runs what nobody signed.
    """
    try:
        units = app.target(environment).units()
    except Refused as reason:
        return [], reason.what, False
    reports = {report.unit: report for report in ask(app, environment, units)}
    unsigned = any(report.unsigned for report in reports.values())
    return [_unit(unit, reports.get(unit.id), artifact, known) for unit in units], "", unsigned


def _unit(unit: Unit, report: Report | None, artifact: str, known: Known) -> UnitStatus:
    runs, drift, healthy = NOT_KNOWN, "", False
    if report is None:
        drift = unit.problem or "it cannot be reached"
    elif report.outcome == "silent":
        drift = report.reason
    else:
        runs = report.serving or NOTHING
        drift, healthy = _drift(report, artifact, known), report.good or not (report.serving or artifact)
    edited = report.edited if report and healthy and report.serving == artifact else ()
    return UnitStatus(unit.id, unit.name, runs, drift, unit.noun, healthy, edited)


def _drift(report: Report, artifact: str, known: Known) -> str:
    if report.serving != artifact:
        bad = f"{report.serving} is marked bad; " if report.serving in known.bad else ""
        skipped = ", and this one was skipped" if report.unit in known.skipped else ""
        return f"{bad}the ledger says {artifact or 'nothing'}{skipped}"
    if report.good and report.edited:
        return f"edited by hand since it was deployed: {listed(report.edited, 5)}"
    return "" if report.good or report.outcome == "empty" else report.reason or "it is not healthy"
