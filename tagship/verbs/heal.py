"""heal: bring the units that do not run what the environment runs to it, and touch no other.

What the environment runs is in the ledger; each unit says itself whether it does. New units, units that were passed
over and units that failed are the same here. A heal puts nothing back: a unit that it mended stays mended.
"""

from __future__ import annotations

from tagship.domain.deployment import fenced, latest_serving, settled
from tagship.domain.plan import Plan, recorded_runs
from tagship.domain.text import counted, listed
from tagship.domain.units import noun_of
from tagship.domain.verdict import serves
from tagship.engine.artifacts import verified
from tagship.engine.plan import recent, show
from tagship.engine.run import Result, run_deployment
from tagship.engine.scope import one_environment, patience
from tagship.engine.session import observe
from tagship.errors import Refused
from tagship.ports.app import App


def heal(app: App, *, env: str = "", wait: str = "", dry_run: bool = False) -> Result:
    """Bring stragglers to what the ledger says is serving; raises Incomplete when a unit still does not run it."""
    longest, environment = patience(wait), one_environment(app, env)
    plan, recorded = planned(app, environment)
    if not plan.units and recorded == "healthy":
        app.screen.say(f"every {plan.noun} of {environment} runs {plan.artifact_id}: there is nothing to heal")
        return Result(plan, "healthy")
    show(app, plan)
    app.screen.say(f"nothing is changed on the {counted(len(plan.others), plan.noun)} that run it already")
    if dry_run:
        return Result(plan, "planned")
    return run_deployment(app, plan, lambda: planned(app, environment)[0], wait=longest)


def planned(app: App, environment: str) -> tuple[Plan, str]:
    """Who is to be brought to what, and how the ledger calls that deployment; nothing is changed."""
    history = recent(app, environment)
    last = latest_serving(history)
    if last is None:
        raise Refused(
            f"Nothing was ever healthy on {environment}: there is nothing to heal.",
            remedy=f"Ship a version: inv deploy-dev --env {environment}",
        )
    stored = verified(app, environment, last.artifact_id)
    units = tuple(app.target(environment).units())
    online = [unit for unit in units if unit.online]
    with app.screen.live(f"asking {len(online)} of {counted(len(units), noun_of(units))} of {environment}") as phase:
        reports = {report.unit: report for report in observe(app, environment, online, phase)}
    good = {unit for unit, report in reports.items() if serves(report, last.artifact_id)}
    away = [f"{unit.name} ({unit.id}): {unit.away}" for unit in units if not unit.online]
    if away:
        app.screen.warn(f"cannot be reached, and so not healed: {listed(away)}")
    plan = Plan(
        action="deploy",
        environment=environment,
        artifact_id=last.artifact_id,
        manifest_sha256=stored.manifest_sha256,
        units=tuple(unit for unit in units if unit.id not in good),
        runs=recorded_runs(history)
        | {unit: report.serving for unit, report in reports.items() if report.outcome != "silent"},
        replaces=last.artifact_id,
        fence=fenced(history),
        settled=settled(history),
        heals=True,
        unsigned=not stored.signed,
        others=tuple(unit for unit in units if unit.id in good),
    )
    return plan, last.state
