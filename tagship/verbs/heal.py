"""heal: bring the units that do not run what the environment runs to it, and touch no other.

What the environment runs is in the ledger; each unit says itself whether it does. New units, units that were passed
over, units that failed and those on which somebody edited files by hand are the same here. A heal puts nothing back: a
unit that it mended stays mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import counted, moment
from tagship.domain.units import Report, Unit, away_sentence, them
from tagship.domain.verdict import serves
from tagship.engine.artifacts import verified
from tagship.engine.gates import require_unfrozen
from tagship.engine.lease_session import ask
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import facts, plan_of, show, warn_of_gone
from tagship.engine.run import Request, Result, planned, run_deployment
from tagship.engine.scope import one_environment, patience
from tagship.errors import Incomplete, Refused
from tagship.ports.app import App


def heal(app: App, *, env: str = "", wait: str = "", automatic: bool = False, dry_run: bool = False) -> Result:
    """Bring stragglers to what the ledger says is serving.

    If it is `automatic`, nobody decided on it: a freeze stops it, before and under the lease.

    Raises Incomplete if a unit still does not run it, Refused if all do and a deployment has not ended.
    """
    request = HealRequest(wait=patience(wait), environment=one_environment(app, env), automatic=automatic)
    plan = request.plan(app)
    if not plan.units and plan.serves and plan.serves.state == "healthy":
        warn_of_gone(app, plan)
        if plan.unfinished:
            raise _not_ended(plan, plan.unfinished)
        app.screen.say(f"every {plan.noun} of {request.environment} runs {plan.artifact_id}: there is nothing to heal")
        return Result(plan, "healthy")
    show(app, plan)
    app.screen.say(f"already run it, and stay unchanged: {counted(len(plan.others), plan.noun)}")
    if dry_run:
        return planned(app, plan)
    if plan.units and not any(unit.online for unit in plan.units):
        raise _away(plan)
    return run_deployment(app, request, plan)


@dataclass(frozen=True, kw_only=True)
class HealRequest(Request):
    """A request to bring units to what the environment runs."""

    automatic: bool = False

    def check(self, app: App) -> None:
        if self.automatic:
            require_unfrozen(app, self.environment)

    def plan(self, app: App) -> Plan:
        self.check(app)
        known = facts(app, self.environment)
        if known.last is None:
            raise Refused(
                f"Nothing was ever healthy on {self.environment}: there is nothing to heal.",
                remedy=f"Ship a version: {commands.deploy_dev(self.environment)}",
            )
        artifact = known.last.artifact_id
        stored = verified(app, self.environment, artifact)
        units = app.target(self.environment).units()
        reports = _observed(app, self.environment, units)
        good = {report.unit for report in reports if serves(report, artifact) and not report.edited}
        if len(good) < len(units):
            require_clear(app, self.environment, "heal", stored, [unit for unit in units if unit.id not in good])
        return plan_of(
            app,
            known,
            "deploy",
            stored,
            [unit for unit in units if unit.id not in good],
            others=[unit for unit in units if unit.id in good],
            observed={report.unit: report.serving for report in reports if report.outcome != "silent"},
            heals=True,
            backward=known.last.backward,
        )


def _not_ended(plan: Plan, last: Deployment) -> Refused:
    """Build the error for when the ledger alone has something open."""
    return Refused(
        f"Every {plan.noun} of {plan.environment} runs {plan.artifact_id}: there is nothing to heal. But the "
        f"{last.first.action} of {last.artifact_id} that {last.first.who} began on {moment(last.first.at)} UTC has "
        "not ended.",
        remedy=f"If its runner died, end it: {commands.resume(plan.environment, wait='10m')}",
    )


def _away(plan: Plan) -> Incomplete | Refused:
    """Build the error for when no straggler can be reached.

    Nothing is begun or recorded.
    """
    total = len(plan.units) + len(plan.others)
    names = away_sentence(plan.units)
    remedy = f"Start {them(plan.units)}, or untag those that no longer exist. Then: {commands.heal(plan.environment)}"
    if not plan.others:
        return Refused(f"No {plan.noun} of {plan.environment} can be reached: {names}.", remedy=remedy)
    serving = f"{plan.artifact_id} serves on {len(plan.others)} of {counted(total, plan.noun)} of {plan.environment}"
    return Incomplete(f"{serving}; can't be reached: {names}.", remedy=remedy)


def _observed(app: App, environment: str, units: Sequence[Unit]) -> list[Report]:
    """Ask the units that can be reached; name the others."""
    reports = ask(app, environment, units)
    away = [unit for unit in units if not unit.online]
    if away:
        app.screen.warn(f"can't be reached, so not healed: {away_sentence(away)}")
    return reports
