"""heal: bring the hosts that do not run what the environment runs to it, and touch no other.

What the environment runs is the ledger's word; who does not is each host's own. New hosts, hosts that were passed over
and hosts that failed are the same here. A heal puts nothing back: a host that it mended stays mended.
"""

from __future__ import annotations

from tagship.domain.deployment import fenced, latest_serving, settled
from tagship.domain.plan import Plan, recorded_runs
from tagship.domain.text import listed
from tagship.domain.verdict import serves
from tagship.engine.announce import announced
from tagship.engine.artifacts import verified
from tagship.engine.plan import recent, show
from tagship.engine.run import Result, run_deployment
from tagship.engine.scope import one_environment, patience
from tagship.engine.session import ask_what_runs
from tagship.errors import Refused
from tagship.ports.app import App


def heal(app: App, *, env: str = "", wait: str = "", dry_run: bool = False) -> Result:
    """Bring stragglers to what the ledger says is serving; raises Incomplete when some host still does not run it."""
    with announced(app) as announce:
        result = _healed(app, env, patience(wait), dry_run)
        if result.state != "planned":
            announce(f"{result.plan.label} is healthy on {result.plan.environment}")
        return result


def _healed(app: App, env: str, wait: float, dry_run: bool) -> Result:
    environment = one_environment(app, env)
    plan, recorded = planned(app, environment)
    if not plan.hosts and recorded == "healthy":
        app.screen.say(f"every host of {environment} runs {plan.artifact_id}: there is nothing to heal")
        return Result(plan, "healthy")
    show(app, plan)
    app.screen.say(f"nothing is changed on the {len(plan.others)} hosts that run it already")
    if dry_run:
        return Result(plan, "planned")
    return run_deployment(app, plan, lambda: planned(app, environment)[0], wait=wait)


def planned(app: App, environment: str) -> tuple[Plan, str]:
    """Who is to be brought to what, and how the ledger calls that deployment; nothing is changed."""
    history = recent(app, environment)
    last = latest_serving(history)
    if last is None:
        raise Refused(
            f"Nothing was ever healthy on {environment}: there is nothing to bring its hosts to.",
            remedy=f"Ship a version: inv deploy-dev --env {environment}",
        )
    stored = verified(app, environment, last.artifact_id)
    hosts = tuple(app.target(environment).hosts())
    there = [host for host in hosts if host.online]
    with app.screen.live(f"asking {len(there)} of {len(hosts)} hosts of {environment}") as phase:
        said = {one.host: one for one in ask_what_runs(app, environment, there, phase)}
    good = {one for one, report in said.items() if serves(report, last.artifact_id)}
    away = [f"{host.name} ({host.id}): {host.problem}" for host in hosts if not host.online]
    if away:
        app.screen.warn(f"cannot be reached, and so not healed: {listed(away)}")
    plan = Plan(
        action="deploy",
        environment=environment,
        artifact_id=last.artifact_id,
        manifest_sha256=stored.manifest_sha256,
        hosts=tuple(host for host in hosts if host.id not in good),
        runs=recorded_runs(history)
        | {one: report.serving for one, report in said.items() if report.outcome != "silent"},
        replaces=last.artifact_id,
        fence=fenced(history),
        settled=settled(history),
        heals=True,
        unsigned=not stored.signed,
        others=tuple(host for host in hosts if host.id in good),
    )
    return plan, last.state
