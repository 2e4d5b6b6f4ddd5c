"""Following what a push set off, to its end: the run of CI where it can be asked, else the ledger of deployments.

A run is believed only where its deployment says of itself how it ended (domain/annotation.py); one that merely ended
without an error is not called healthy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from tagship.domain import annotation
from tagship.domain.deployment import Deployment
from tagship.domain.forge import page, unreachable
from tagship.domain.release import Plan
from tagship.domain.version import candidates
from tagship.errors import (
    ArtifactError,
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    Refused,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
    UsageError,
)
from tagship.ports.app import App
from tagship.ports.forge import Forge, Notice, Run

Answer = TypeVar("Answer")

_PIN = re.compile(r"@[0-9a-f]{40}\b")  # an action's pinned commit: noise to whoever waits
PATIENCE = 5  # polls in a row that may fail
SKEW = timedelta(minutes=2)  # how far this clock and CI's may be apart
CAUSES = (
    "the tag was pushed with CI's own GITHUB_TOKEN: such pushes start no workflow",
    "more than three tags were pushed at once: GitHub then sends no events",
    "no workflow at this commit has a trigger that matches the tag (on.push.tags)",
    "Actions are disabled in the repository, or have no minutes left",
)
_ERRORS: dict[int, type[TagshipError]] = {
    kind.exit_code: kind
    for kind in (
        UsageError,
        Refused,
        Held,
        ArtifactError,
        DeployFailed,
        RollbackFailed,
        Incomplete,
        ServiceFailed,
        Interrupted,
    )
}


def follow(app: App, plan: Plan, pushed: datetime) -> tuple[str, str]:
    """Wait for the end of what the push set off.

    Returns ("healthy", the run's URL), or ("pushed", "") where nobody can be asked. Raises the error of the exit code
    that the deployment ended with.
    """
    try:
        forge = app.forge
        if forge:
            return "healthy", _follow_run(app, forge, plan)
        if app.signed_in:
            _follow_ledger(app, plan, pushed)
            return "healthy", ""
    except KeyboardInterrupt as reason:
        raise Interrupted(
            "Interrupted while following.",
            state=f"The deployment of {plan.version} goes on: it does not need this terminal.",
            remedy=f"Look again: {_again(plan)}",
        ) from reason
    where = app.settings.ci.repository or app.repository.remote_url()
    why, remedy = unreachable(where)
    app.screen.say(f"Nothing is followed from here: {why} and there are no AWS credentials. Look at {page(where)}")
    app.screen.say(f"To follow next time: {remedy}.")
    return "pushed", ""


def _again(plan: Plan) -> str:
    env = f" --env {plan.environment}" if plan.environment != "dev" else ""
    return f"inv deploy-dev{env} --version {plan.version} --commit {plan.commit[:12]}"


# -- the run -----------------------------------------------------------------------------------------------------------


def _follow_run(app: App, forge: Forge, plan: Plan) -> str:
    with app.screen.live(f"Following {plan.version}") as show:
        run = _found(app, forge, plan, show)
    with app.screen.live(run.url) as show:
        ended = _ended(app, forge, plan, run, show)
    notices = _patiently(app, plan, run, lambda: list(forge.notices(run.id)))
    _conclude(app, plan, ended, notices)
    return run.url


def _found(app: App, forge: Forge, plan: Plan, show: Callable[[str], None]) -> Run:
    """The run for this commit and tag, once it has begun; ServiceFailed with the likely causes if none does in time."""
    show("waiting for CI to begin")
    began, within = app.clock.now(), app.settings.ci.appears_within
    failures = 0
    while True:
        try:
            run = forge.find_run(plan.commit, str(plan.version))
            failures = 0
        except ServiceFailed:
            run, failures = None, failures + 1
            if failures >= PATIENCE:
                raise
        if run:
            return run
        waited = (app.clock.now() - began).total_seconds()
        if waited >= within:
            raise ServiceFailed(
                f"No run began for {plan.version} within {within} s.",
                state="Branch and tag are pushed; as far as CI says, nothing deploys them.",
                remedy=f"Look at {forge.where}, then: {_again(plan)}",
                evidence="Likely causes:\n" + "\n".join(f"  - {cause}" for cause in CAUSES),
            )
        app.clock.sleep(_wait(waited))


def _ended(app: App, forge: Forge, plan: Plan, run: Run, show: Callable[[str], None]) -> Run:
    """The run when it has ended; each step is shown as it begins."""
    began, shown = app.clock.now(), set[str]()
    while run.state != "completed":
        waited = (app.clock.now() - began).total_seconds()
        if waited >= app.settings.ci.timeout:
            raise ServiceFailed(
                f"The run did not end within {app.settings.ci.timeout} s.",
                state=f"The deployment of {plan.version} goes on, or hangs.",
                remedy=f"Look at {run.url}, or go on waiting: {_again(plan)}",
            )
        app.clock.sleep(_wait(waited))
        run = _patiently(app, plan, run, lambda here=run: forge.run(here.id))  # type: ignore[misc]
        for step in run.steps:
            if step.name not in shown and step.state != "queued" and step.conclusion != "skipped":
                shown.add(step.name)
                show(_PIN.sub("", step.name))
    return run


def _patiently(app: App, plan: Plan, run: Run, ask: Callable[[], Answer]) -> Answer:
    """An answer, though some questions fail: a run goes on whether or not GitHub's API answers."""
    for attempt in range(1, PATIENCE + 1):
        try:
            return ask()
        except ServiceFailed as reason:
            if attempt == PATIENCE:
                raise _unanswered(app, plan, run, reason) from reason
            app.clock.sleep(_wait(10.0 * attempt))
    raise AssertionError


def _unanswered(app: App, plan: Plan, run: Run, reason: ServiceFailed) -> ServiceFailed:
    """GitHub does its work although its API does not answer; a sandbox that does not answer does none."""
    if app.settings.sandbox:
        state = f"{plan.version} is pushed; its deployment stopped with the sandbox."
        return ServiceFailed(reason.what, state=state, remedy=f"{reason.remedy} (then: {_again(plan)})")
    state = f"The deployment of {plan.version} goes on; how it stands is not known here."
    return ServiceFailed(reason.what, state=state, remedy=f"Look at {run.url}")


def _wait(waited: float) -> float:
    """Seconds until the next look: a tenth of what was waited already, so that the end is noticed soon, and cheaply."""
    return min(max(waited / 10, 0.3), 10.0)


def _conclude(app: App, plan: Plan, run: Run, notices: list[Notice]) -> None:
    """Say that it is healthy, or raise the error that the run ended with."""
    told = [(code, one.message) for one in notices if (code := annotation.exit_code(one.title)) is not None]
    failed = [one for one in told if one[0]]
    if failed:
        code, message = failed[0]
        what, _, state = message.rpartition("; ")
        if state == "Nothing was changed":  # by the step that said so; the tag is out all the same
            state = f"{plan.version} is tagged and pushed, and nothing was deployed"
        kind = _ERRORS.get(code, ServiceFailed)
        raise kind(f"{what or message}.", state=f"{state if what else 'See the run'}.", remedy=f"Look at {run.url}")
    if run.conclusion != "success":
        raise _unspoken(plan, run)
    if not told:
        raise ServiceFailed(
            f"The run succeeded, but no step of it said that {plan.version} is healthy.",
            state="It is not known here what serves.",
            remedy=f"Look: inv status --env {plan.environment}, and {run.url}",
        )
    app.screen.say(told[-1][1])
    _say_what_it_replaced(app, plan)


def _unspoken(plan: Plan, run: Run) -> ServiceFailed:
    failing = next((step.name for step in run.steps if step.conclusion in {"failure", "cancelled", "timed_out"}), "")
    where = f" at “{failing}”" if failing else ""
    return ServiceFailed(
        f"The run ended as {run.conclusion or 'nothing known'}{where}, before a deployment said how it ended.",
        state=f"{plan.version} is tagged and pushed; it is not known to serve.",
        remedy=f"Look at {run.url}; run it again there, or once it is mended ship the next number: {_next(plan)}",
    )


def _next(plan: Plan) -> str:
    """The command for the same commit under another number: pushing a tag that is there already starts no run."""
    env = f" --env {plan.environment}" if plan.environment != "dev" else ""
    version = next(iter(candidates(plan.version, plan.version.suffix).values()))
    return f"inv deploy-dev{env} --version {version}"


# -- the ledger --------------------------------------------------------------------------------------------------------


def _follow_ledger(app: App, plan: Plan, pushed: datetime) -> None:
    """Wait for the deployment of this version in the ledger, and for its end."""
    since = datetime.min.replace(tzinfo=pushed.tzinfo) if plan.exists else pushed - SKEW
    with app.screen.live(f"Following {plan.version} in the ledger (no GitHub token)") as show:
        show("waiting for its deployment to begin")
        while True:
            found = _latest(app, plan, since)
            if found:
                show(f"{found.id}: {found.state}")
                if found.ended or _settled(app, found):
                    break
            waited = (app.clock.now() - pushed).total_seconds()
            if waited >= app.settings.ci.timeout:
                raise ServiceFailed(
                    f"The ledger shows no end of {plan.version} within {app.settings.ci.timeout} s.",
                    state="Branch and tag are pushed; CI may still be at it.",
                    remedy=f"Look at {page(app.repository.remote_url())}, then: {_again(plan)}",
                )
            app.clock.sleep(_wait(waited))
    _conclude_ledger(app, plan, found)


def _latest(app: App, plan: Plan, since: datetime) -> Deployment | None:
    mine = [
        one
        for one in app.ledger.deployments(plan.environment)
        if one.artifact_id == str(plan.version) and datetime.fromisoformat(one.first.at) >= since
    ]
    return mine[-1] if mine else None


def _settled(app: App, found: Deployment) -> bool:
    """A failure that nothing follows for a minute is the end: there was nothing to roll back."""
    return found.state == "failed" and app.clock.now() - datetime.fromisoformat(found.last.at) > timedelta(minutes=1)


def _conclude_ledger(app: App, plan: Plan, found: Deployment) -> None:
    last = found.last
    if found.state == "healthy":
        app.screen.say(f"{plan.version} is healthy on {plan.environment}")
        _say_replaced(app, last.replaced)
        return
    if found.state == "partial":
        raise Incomplete(
            f"{plan.version} serves on {plan.environment}, but {last.reason}.",
            state=f"The others run it. It replaced {last.replaced or 'nothing'}.",
            remedy=f"Bring them to it: inv heal --env {plan.environment}",
        )
    if found.state == "abandoned":
        raise ServiceFailed(
            f"The deployment of {plan.version} was abandoned: its runner died, and somebody cleared it up.",
            state="It is not known here what serves.",
            remedy=f"Look: inv status --env {plan.environment}",
        )
    kind = RollbackFailed if found.state == "rollback-failed" else DeployFailed
    serving = (
        f"{last.replaced} is serving." if last.replaced and kind is DeployFailed else "See what serves: inv status"
    )
    raise kind(
        f"{plan.version} failed on {plan.environment}: {last.reason or found.state}.",
        state=serving,
        remedy=f"Look: inv history --env {plan.environment}",
    )


def _say_what_it_replaced(app: App, plan: Plan) -> None:
    if app.signed_in:
        try:
            found = _latest(app, plan, datetime.min.replace(tzinfo=app.clock.now().tzinfo))
        except TagshipError:
            return
        _say_replaced(app, found.last.replaced if found else "")


def _say_replaced(app: App, replaced: str) -> None:
    if replaced:
        app.screen.say(f"It replaced {replaced}. To take it back: inv rollback --to {replaced}")
