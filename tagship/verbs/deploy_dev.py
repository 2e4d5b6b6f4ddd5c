"""`deploy-dev`: tag a commit, push branch and tag in one piece, and follow what CI makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tagship.domain import release
from tagship.domain.release import Plan
from tagship.errors import Interrupted, Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.repository import Pushed, Tag
from tagship.release import follow as following
from tagship.release.choose import told
from tagship.release.inspect import Wish
from tagship.release.plan import confirm, planned, show

ATTEMPTS = 5  # numbers to try when others take them first


@dataclass(frozen=True)
class Shipped:
    """How it ended: planned | pushed | healthy. `run` is the URL of the run that was followed."""

    outcome: str
    plan: Plan
    run: str = ""

    def as_data(self) -> dict[str, object]:
        return {"outcome": self.outcome, "run": self.run, **self.plan.as_data()}


def deploy_dev(
    app: App,
    *,
    env: str = "dev",
    version: str = "",
    commit: str = "",
    yes: bool = False,
    first: bool = False,
    dry_run: bool = False,
    follow: bool = True,
) -> Shipped:
    """Release a commit to an environment; returns once the environment is healthy with it."""
    if follow and app.settings.sandbox:
        _ = app.forge  # a sandbox that is down is said before anything is pushed to it
    wish = Wish("deploy-dev", env, version, commit, yes, first, dry_run)
    for _attempt in range(ATTEMPTS):
        plan = planned(app, wish)
        show(app, plan)
        if dry_run:
            return Shipped("planned", plan)
        confirm(app, wish, plan, f"Tag {plan.version} and push it?" if not plan.exists else f"Push {plan.version}?")
        began = app.clock.now()
        if pushed := _pushed(app, wish, plan):
            break
        wish = replace(wish, version="", anew=True)
    else:
        raise Refused(f"Others took {ATTEMPTS} versions in a row.", remedy=f"Wait a moment, then: {wish.command}")
    app.screen.say(_what_landed(app, plan, pushed))
    if not follow:
        return Shipped("pushed", plan)
    outcome, run = following.follow(app, plan, began)
    return Shipped(outcome, plan, run)


def _what_landed(app: App, plan: Plan, pushed: Pushed) -> str:
    """What the push changed: where the tag was there already, it started no run."""
    remote = app.settings.git.remote
    if f"refs/tags/{plan.version}" not in pushed.there:
        return f"Pushed {plan.version} to {remote}."
    if plan.branch and f"refs/heads/{plan.branch}" not in pushed.there:
        return f"{plan.version} is on {remote} already; pushed {plan.branch} alone."
    return f"{plan.version} is on {remote} already: nothing was pushed."


def _pushed(app: App, wish: Wish, plan: Plan) -> Pushed | None:
    """Tag and push; None when somebody else took the version first. What fails leaves no tag of this run behind."""
    repository, name = app.repository, str(plan.version)
    made = None if plan.exists else repository.create_tag(name, plan.commit, plan.message)
    tag = made or repository.tag(name)
    if tag is None:
        raise Refused(f"The tag {name} has gone.", remedy=f"Run it again: {wish.command}")
    try:
        answer = repository.push(plan.commit, plan.branch, tag)
    except KeyboardInterrupt as reason:
        state, remedy = _after_all(app, wish, plan, tag, made)
        raise Interrupted("Interrupted during the push.", state=state, remedy=remedy) from reason
    except ServiceFailed as reason:
        state, remedy = _after_all(app, wish, plan, tag, made)
        raise ServiceFailed(reason.what, state=state, remedy=remedy, evidence=reason.evidence) from reason
    if answer.ok:
        return answer
    if answer.landed or answer.unknown:
        raise _half_pushed(app, wish, plan, answer)
    if made:
        repository.delete_tag(made)
    _tell_of_loss(app, wish, plan, tag, answer)
    return None


def _half_pushed(app: App, wish: Wish, plan: Plan, answer: Pushed) -> TagshipError:
    """One of the remote's push URLs took it (CI may ship it), or does not say whether it did: the tag is kept."""
    problem, remedy = _problem(app, wish, plan, answer)
    state = f"{answer.state} The local tag is kept."
    if not answer.landed or len(answer.holds) == 1:
        return Refused(f"The push failed: {problem}.", state=state, remedy=remedy)
    again = f"{wish.command} --version {plan.version} --commit {plan.commit[:12]}"
    return Refused(
        f"Not pushed everywhere: {problem}.",
        state=f"{state} If CI listens there, it ships {plan.version}.",
        remedy=f"Mend the other push URL (git remote get-url --push --all {app.settings.git.remote}), then: {again}",
    )


def _problem(app: App, wish: Wish, plan: Plan, answer: Pushed) -> tuple[str, str]:
    remote = app.settings.git.remote
    if not answer.rejected:
        return answer.message, f"Try the connection: git ls-remote --heads {remote}"
    return release.rejection(plan.branch, remote, answer.rejected, wish.command, answer.said)


def _tell_of_loss(app: App, wish: Wish, plan: Plan, tag: Tag, answer: Pushed) -> None:
    """Say who took the version, and go on with the next; where nobody did, the refusal is the remote's own."""
    theirs = app.repository.remote_tag(tag.name)
    if theirs is None or theirs.oid == tag.oid:
        problem, remedy = _problem(app, wish, plan, answer)
        state = "Neither the branch nor the tag was pushed" + (
            "." if plan.exists else ", and the local tag is removed."
        )
        raise Refused(f"Not pushed: {problem}.", state=state, remedy=remedy)
    app.screen.warn(f"Somebody was quicker: {told(app, theirs)}.")
    if theirs.commit == plan.commit:
        app.screen.say("It is the very same commit: that deployment ships what you have.")


def _after_all(app: App, wish: Wish, plan: Plan, tag: Tag, made: Tag | None) -> tuple[str, str]:
    """What is known after a push that did not end: the remote is asked whether the tag landed. State and remedy."""
    again = f"{wish.command} --version {plan.version} --commit {plan.commit[:12]}"
    try:
        there = app.repository.remote_tag(tag.name)
    except ServiceFailed:
        remote = app.settings.git.remote
        return (
            f"It is not known whether {tag.name} landed: {remote} does not answer. The local tag is kept.",
            f"Ask it again: git ls-remote {remote} refs/tags/{tag.name}   then: {wish.command}",
        )
    if there and there.oid == tag.oid:
        return f"The push landed all the same: {tag.name} is on the remote, and CI goes on.", f"Follow it: {again}"
    if made:
        app.repository.delete_tag(made)
    kept = "the local tag is removed" if made else "the local tag is kept"
    return f"Nothing was pushed: the remote has no {tag.name} of yours, and {kept}.", f"Run it again: {wish.command}"
