"""deploy: make an environment run an artifact that is published for it."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import Deployment, fenced, latest_serving, serving, settled
from tagship.domain.hosts import HostReport
from tagship.domain.plan import Plan, serves, told
from tagship.errors import UsageError
from tagship.ports import App
from tagship.workflows.announce import announced
from tagship.workflows.artifacts import verified
from tagship.workflows.change import Result, carry_out
from tagship.workflows.frozen import not_frozen
from tagship.workflows.guards import bad_word, not_bad, not_older
from tagship.workflows.hands import ask_what_runs
from tagship.workflows.heal import heal as heal_hosts
from tagship.workflows.pointer import points_at
from tagship.workflows.preflight import named, patience, reachable, recent, show
from tagship.workflows.resume import resume as take_up


def deploy(
    app: App,
    *,
    artifact: str = "",
    env: str = "",
    allow_older: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    heal: bool = False,
    resume: bool = False,
    dry_run: bool = False,
) -> Result:
    """Deploy an artifact and prove that it serves. In CI, artifact and environment are those of the pushed tag.

    Behind somebody else's deployment it waits as long as `wait` says (`10m`), and is then planned again: a version that
    has become older than what runs is refused. `heal` brings hosts that lag behind to what the environment runs,
    `resume` ends a deployment whose runner died. What
    the ledger and every host say is running already is not deployed again.
    """
    with announced(app) as announce:
        longest = patience(wait)
        if heal or resume:
            _alone(heal, resume, bool(artifact or allow_older or allow_bad))
            by_ledger = (
                heal_hosts(app, env=env, wait=longest, dry_run=dry_run)
                if heal
                else take_up(app, env=env, wait=longest, dry_run=dry_run)
            )
            if by_ledger.state != "planned":
                announce(f"{by_ledger.plan.label} is healthy on {by_ledger.plan.environment}")
            return by_ledger
        plan = planned(app, artifact, env, allow_older, allow_bad)
        show(app, plan)
        if dry_run:
            return Result(plan, "planned")
        result = (None if _is_held(app, plan) else _running(app, plan)) or carry_out(
            app,
            plan,
            lambda: planned(app, artifact, env, allow_older, allow_bad),
            wait=longest,
            done=lambda now: _running(app, now),
        )
        announce(f"{plan.label} is healthy on {plan.environment}")
        return result


def planned(app: App, artifact: str, env: str, allow_older: bool, allow_bad: bool = False) -> Plan:
    """Every guard, and then what will happen; nothing is changed."""
    artifact_id, environment = named(app, artifact, env)
    not_frozen(app, environment)
    stored = verified(app, environment, artifact_id)
    manifest = stored.manifest
    history = recent(app, environment)
    runs = serving(history)
    if not allow_older:
        not_older(app, environment, manifest.artifact_id, manifest.build_time, runs)
    _not_bad(app, environment, manifest.artifact_id, history, allow_bad)
    hosts = reachable(app, environment)
    return Plan(
        action="deploy",
        environment=environment,
        artifact_id=manifest.artifact_id,
        manifest_sha256=stored.manifest_sha256,
        hosts=hosts,
        runs=told(history),
        replaces=runs,
        fence=fenced(history),
        settled=settled(history),
        unsigned=not stored.signed,
    )


def _not_bad(app: App, environment: str, artifact: str, history: Sequence[Deployment], allowed: bool) -> None:
    """Raises Refused for a version that somebody went back from, or marked bad. One that only failed is warned of: the
    cause may have lain outside, and trying again puts itself back."""
    bad = bad_word(app, environment, artifact, history)
    if bad and bad.by_hand and not allowed:
        not_bad(environment, artifact, bad, f"inv deploy --artifact {artifact} --env {environment}")
    if bad:
        app.screen.warn(f"{artifact} is marked bad on {environment}: {bad.why}")


def _running(app: App, plan: Plan) -> Result | None:
    """What is running already, by the ledger and by every host's own word: nothing is sent but that question.

    Whatever there is to mend (a host, a word that is missing in the ledger, the pointer) is mended by deploying it.
    """
    if plan.replaces != plan.artifact_id or not plan.settled:
        return None
    last = latest_serving(recent(app, plan.environment))
    if last is None or last.state != "healthy" or not points_at(app, plan.environment, plan.artifact_id):
        return None
    reports = _said(app, plan)
    if not all(serves(one, plan.artifact_id) for one in reports):
        return None
    app.screen.say(f"{plan.label} is running on {plan.environment} already: every host says so")
    return Result(plan, "unchanged", last.id, reports)


def _is_held(app: App, plan: Plan) -> bool:
    """Whether somebody changes the environment at this moment: what its hosts say now may not be so for long."""
    seen = app.leases.look(plan.environment)
    return bool(seen and seen.record.holder)


def _said(app: App, plan: Plan) -> list[HostReport]:
    with app.screen.live(f"asking {len(plan.hosts)} hosts what they run") as phase:
        return ask_what_runs(app, plan.environment, plan.hosts, phase)


def _alone(heal: bool, resume: bool, more: bool) -> None:
    """Which artifact a heal, or a deployment that is taken up, is of is the ledger's word."""
    if heal and resume:
        raise UsageError(
            "--heal and --resume are two things.", remedy="End what has not ended first: inv deploy --resume"
        )
    if more:
        what = "brings hosts to what the environment runs" if heal else "ends a deployment that another runner began"
        raise UsageError(
            f"{'--heal' if heal else '--resume'} {what}: it takes no artifact.",
            remedy=f"Name the environment alone: inv deploy {'--heal' if heal else '--resume'} --env dev",
        )
