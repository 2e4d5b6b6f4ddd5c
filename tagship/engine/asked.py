"""What units say that they run, for the plan that is shown: the ledger's word where one cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tagship.domain.plan import Plan
from tagship.domain.text import counted
from tagship.domain.units import Report
from tagship.engine.lease_session import observe
from tagship.errors import TagshipError
from tagship.ports.app import App

WITHIN = timedelta(seconds=10)  # of units to answer in: in an incident a unit that hangs holds nothing up


class _Slow(Exception):
    """Units did not answer in time."""


def runs_now(app: App, plan: Plan) -> Mapping[str, str]:
    """Ask what each unit of a plan runs, by its id.

    Its own word, or the ledger's, marked as such.
    A heal has asked already whom it could.
    """
    if plan.heals:
        return {
            **plan.runs,
            **{unit.id: _word(None, plan.runs.get(unit.id, "")) for unit in plan.units if not unit.online},
        }
    reports = {report.unit: report for report in _asked(app, plan)}
    return {unit.id: _word(reports.get(unit.id), plan.runs.get(unit.id, "")) for unit in plan.units}


def _word(report: Report | None, recorded: str) -> str:
    if report and report.outcome != "silent":
        return report.serving or "nothing"
    return f"{recorded} (by the ledger)" if recorded else "not known"


def _asked(app: App, plan: Plan) -> list[Report]:
    units = [unit for unit in plan.units if unit.online]
    if not units:
        return []
    try:
        with app.screen.live(f"asking {counted(len(units), plan.noun)} what they run") as phase:
            return observe(app, plan.environment, units, _in_time(app, phase))
    except _Slow:
        app.screen.warn(f"not every {plan.noun} answered within {WITHIN.seconds} s")
    except TagshipError as reason:
        app.screen.warn(f"could not ask what they run: {reason.what}")
    return []


def _in_time(app: App, phase: Callable[[str], None]) -> Callable[[str], None]:
    """Follow a question; it is given up when it takes too long."""
    until = app.clock.now() + WITHIN

    def tick(text: str) -> None:
        phase(text)
        if app.clock.now() > until:
            raise _Slow

    return tick
