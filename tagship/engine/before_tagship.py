"""What ran on an environment's units before tagship, and is kept there: the way back if no version is one."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import commands
from tagship.domain.inspection import inspection_of
from tagship.domain.plan import Plan
from tagship.domain.units import Report
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.ports.target import Adoptable


def way_before(app: App, environment: str) -> str:
    """Spell the command that starts what ran before tagship.

    Empty if nothing of that is kept, or if no unit says so: whoever may not look is told of nothing else.
    """
    try:
        reports = _reports(app, environment)
    except TagshipError:
        return ""
    kept_there = any(inspection_of(report.facts).adopted != "no" for report in reports if report.good)
    return commands.adopt(environment, undo=True) if kept_there else ""


def ways_before(plan: Plan, reports: Sequence[Report]) -> list[str]:
    """Say how a first deployment that failed leads back.

    By the units' own reports: who deploys may not look at a unit in any other way. Empty if a version served before.
    """
    if plan.replaces or any(report.previous for report in reports):
        return []
    facts = {str(report.facts.get("before", "")) for report in reports}
    ways = {
        "kept": f"Or go back to what ran before tagship: {commands.adopt(plan.environment, undo=True)}",
        "there": f"Or, if that ran the app before tagship, stop and keep it: {commands.adopt(plan.environment)}",
    }
    return [way for fact, way in ways.items() if fact in facts]


def _reports(app: App, environment: str) -> Sequence[Report]:
    """Ask the units that can be reached."""
    target = app.target(environment)
    if not isinstance(target, Adoptable):
        return []
    online = [unit for unit in target.units() if unit.online]
    return target.inspect(online, lambda _: None) if online else []
