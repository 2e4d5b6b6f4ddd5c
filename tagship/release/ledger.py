"""Following a release in the ledger of deployments, where there is no token to ask CI with."""

from __future__ import annotations

from datetime import datetime, timedelta

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.forge import page
from tagship.domain.text import either, excerpt
from tagship.engine.rollback_candidates import way_back
from tagship.errors import DeployFailed, Incomplete, RollbackFailed, ServiceFailed
from tagship.ports.app import App
from tagship.release.ending import EVIDENCE
from tagship.release.remedies import Remedies, needed_env
from tagship.release.run import pause
from tagship.release.serving import Following, last_word

EARLIER = timedelta(minutes=2)  # how long before it was followed a deployment may have begun


def follow_in_the_ledger(app: App, following: Following) -> str:
    """Wait for this version's deployment to begin and end.

    Returns `healthy`, or raises what it ended as.
    """
    remedies, version = following.remedies, following.remedies.plan.version
    since = _began(app, following)
    waiting_since = app.clock.now()
    with app.screen.live(f"Following {version} in the ledger (no GitHub token)") as show:
        show("waiting for its deployment to begin")
        while True:
            deployment = latest_of(app, remedies, since)
            if deployment:
                show(deployment.state)
                if deployment.ended or _settled(app, deployment):
                    break
            waited = (app.clock.now() - waiting_since).total_seconds()
            if waited >= app.settings.ci.timeout:
                raise ServiceFailed(
                    f"The ledger shows no end of {version} within {app.settings.ci.timeout} s.",
                    state=f"{version} is on {app.settings.git.remote}; CI may still be at it.",
                    remedy=f"Look at {page(app.repository.remote_url())}. If nothing runs there: {remedies.anew}",
                )
            app.clock.sleep(pause(waited))
    return conclude(app, following, deployment)


def _began(app: App, following: Following) -> datetime:
    """Tell when it began, by the store's clock.

    The ledger goes by that clock. For what began long ago, it is the earliest time.
    """
    if not following.fresh:
        return datetime.min.replace(tzinfo=following.began.tzinfo)
    return app.store.now() - (app.clock.now() - following.began) - EARLIER


def latest_of(app: App, remedies: Remedies, since: datetime) -> Deployment | None:
    """Find the latest deployment of the plan's version since then."""
    plan = remedies.plan
    mine = [
        deployment
        for deployment in app.ledger.deployments(plan.environment)
        if deployment.artifact_id == str(plan.version) and datetime.fromisoformat(deployment.first.at) >= since
    ]
    return mine[-1] if mine else None


def _settled(app: App, deployment: Deployment) -> bool:
    """Tell whether a failure is the end.

    Nothing followed it for a minute, so there was nothing to roll back.
    """
    age = app.store.now() - datetime.fromisoformat(deployment.last.at)
    return deployment.state == "failed" and age > timedelta(minutes=1)


def conclude(app: App, following: Following, deployment: Deployment) -> str:
    """Say that it is healthy, or raise how the deployment ended."""
    remedies, last = following.remedies, deployment.last
    plan = remedies.plan
    if deployment.state == "healthy":
        return last_word(app, following, sentence=f"{plan.version} is healthy on {plan.environment}", when=last.at)
    if deployment.state == "partial":
        raise Incomplete(
            f"{plan.version} serves on {plan.environment}, but {last.reason}.",
            state=f"The others run it. It replaced {last.replaced or 'nothing'}.",
            remedy=f"Bring them to it: {commands.heal(plan.environment)}",
        )
    if deployment.state == "abandoned":
        raise ServiceFailed(
            f"The deployment of {plan.version} was abandoned: {last.reason or 'its runner died'}.",
            state="What serves is unknown here.",
            remedy=either(f"Look: {commands.status(plan.environment)}", _again(app, remedies)),
        )
    raise _failed(app, remedies, deployment)


def _failed(app: App, remedies: Remedies, deployment: Deployment) -> DeployFailed | RollbackFailed:
    plan, last = remedies.plan, deployment.last
    kind = DeployFailed if deployment.state == "rolled-back" else RollbackFailed  # `failed` alone was never put back
    back = way_back(app, plan.environment, str(plan.version)) if kind is RollbackFailed else ""
    if kind is DeployFailed and last.replaced:
        state = f"{last.replaced} is serving."
    else:
        state = f"See what serves: {commands.status(plan.environment)}"
    captured = next((entry.details["evidence"] for entry in deployment.entries if entry.details.get("evidence")), "")
    rest = commands.history(plan.environment, version=str(plan.version))
    return kind(
        f"{plan.version} failed on {plan.environment}: {last.reason or deployment.state}.",
        state=state,
        remedy=either(f"Go back: {back}" if back else "", _again(app, remedies)),
        evidence=excerpt(str(captured), EVIDENCE, rest),
    )


def _again(app: App, remedies: Remedies) -> str:
    plan = remedies.plan
    again = commands.deploy(str(plan.version), needed_env(app, plan.environment, str(plan.version)))
    return either(
        f"If the cause is outside the commit, deploy it again: {again}",
        f"If a commit mends it, ship that: {remedies.mended}",
    )
