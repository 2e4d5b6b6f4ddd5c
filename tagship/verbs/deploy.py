"""deploy: make an environment run an artifact that is published for it."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import Deployment, fenced, latest_serving, serving, settled
from tagship.domain.plan import Plan, recorded_runs
from tagship.domain.text import counted
from tagship.domain.units import Report
from tagship.domain.verdict import serves
from tagship.engine.artifacts import verified
from tagship.engine.gates import require_good, require_newer, require_unfrozen, why_bad
from tagship.engine.plan import reachable, recent, show
from tagship.engine.run import Result, run_deployment
from tagship.engine.scope import named, patience
from tagship.engine.session import observe
from tagship.ports.app import App


def deploy(
    app: App,
    *,
    artifact: str = "",
    env: str = "",
    allow_older: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    dry_run: bool = False,
) -> Result:
    """Deploy an artifact and prove that it serves. In CI, artifact and environment are those of the pushed tag.

    Behind somebody else's deployment it waits as long as `wait` says (`10m`), and is then planned again: a version that
    has become older than what runs is refused. What the ledger and every unit say is running already is not
    deployed again.
    """
    longest = patience(wait)
    plan = planned(app, artifact, env, allow_older, allow_bad)
    show(app, plan)
    if dry_run:
        return Result(plan, "planned")
    return (None if _is_held(app, plan) else _running(app, plan)) or run_deployment(
        app,
        plan,
        lambda: planned(app, artifact, env, allow_older, allow_bad),
        wait=longest,
        done=lambda now: _running(app, now),
    )


def planned(app: App, artifact: str, env: str, allow_older: bool, allow_bad: bool = False) -> Plan:
    """Every guard, and then what will happen; nothing is changed."""
    artifact_id, environment = named(app, artifact, env)
    require_unfrozen(app, environment)
    stored = verified(app, environment, artifact_id)
    manifest = stored.manifest
    history = recent(app, environment)
    runs = serving(history)
    if not allow_older:
        require_newer(app, environment, manifest.artifact_id, manifest.build_time, runs)
    _not_bad(app, environment, manifest.artifact_id, history, allow_bad)
    units = reachable(app, environment)
    return Plan(
        action="deploy",
        environment=environment,
        artifact_id=manifest.artifact_id,
        manifest_sha256=stored.manifest_sha256,
        units=units,
        runs=recorded_runs(history),
        replaces=runs,
        fence=fenced(history),
        settled=settled(history),
        unsigned=not stored.signed,
    )


def _not_bad(app: App, environment: str, artifact: str, history: Sequence[Deployment], allowed: bool) -> None:
    """Raises Refused for a version that somebody went back from, or marked bad. One that only failed is warned of: the
    cause may have lain outside, and trying again puts itself back."""
    bad = why_bad(app, environment, artifact, history)
    if bad and bad.by_hand and not allowed:
        require_good(environment, artifact, bad, f"inv deploy --version {artifact} --env {environment}")
    if bad:
        app.screen.warn(f"{artifact} is marked bad on {environment}: {bad.why}")


def _running(app: App, plan: Plan) -> Result | None:
    """The result if it runs already, by the ledger and by every unit's own word: nothing is sent but that question.

    Whatever there is to mend (a unit, the ledger's last state, what was committed) is mended by deploying it.
    """
    if plan.replaces != plan.artifact_id or not plan.settled:
        return None
    last = latest_serving(recent(app, plan.environment))
    if last is None or last.state != "healthy" or not app.target(plan.environment).committed_to(plan.artifact_id):
        return None
    reports = _observed(app, plan)
    if not all(serves(report, plan.artifact_id) for report in reports):
        return None
    app.screen.say(f"{plan.label} is running on {plan.environment} already: every {plan.noun} says so")
    return Result(plan, "unchanged", last.id, reports)


def _is_held(app: App, plan: Plan) -> bool:
    """Whether somebody changes the environment at this moment: what its units say now may not be so for long."""
    seen = app.leases.look(plan.environment)
    return bool(seen and seen.record.holder)


def _observed(app: App, plan: Plan) -> list[Report]:
    with app.screen.live(f"asking {counted(len(plan.units), plan.noun)} what they run") as phase:
        return observe(app, plan.environment, plan.units, phase)
