"""Make the tag and push it with its branch, atomically; find out what happened if that is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tagship.domain import release
from tagship.domain.release import ReleasePlan
from tagship.domain.text import either
from tagship.errors import UNCHANGED, Interrupted, Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.repository import Pushed, Tag
from tagship.release.inspect import Wish
from tagship.release.next_version import described
from tagship.release.remedies import Remedies


def push(app: App, wish: Wish, plan: ReleasePlan) -> Pushed | None:
    """Tag and push; None if somebody else took the version first."""
    # A failure leaves no tag of this run behind.
    new_tag = None if plan.exists else _make(app, wish, plan)
    tag = new_tag or app.repository.tag(str(plan.version))
    if tag is None:
        raise Refused(f"The tag {plan.tag} has gone.", remedy=f"Decide again: {wish.command}")
    try:
        answer = app.repository.push(plan.commit, plan.branch, tag)
    except KeyboardInterrupt as reason:
        state, remedy = _after_all(app, wish, plan, tag, new_tag)
        raise Interrupted("Interrupted during the push.", state=state, remedy=remedy) from reason
    except ServiceFailed as reason:
        state, remedy = _after_all(app, wish, plan, tag, new_tag)
        raise ServiceFailed(reason.what, state=state, remedy=remedy, evidence=reason.evidence) from reason
    if answer.ok:
        return answer
    if answer.landed or answer.unknown:
        raise _half_pushed(app, wish, plan, answer)
    _report_loss(app, wish, plan, tag, answer, local=_without(app, new_tag))
    return None


def _without(app: App, new_tag: Tag | None) -> str:
    """Delete the tag that this run made; say what became of it."""
    if new_tag is None:
        return "the local tag is kept"
    if app.repository.delete_tag(new_tag):
        return "the local tag is removed"
    return f"the local tag could not be removed (git tag --delete {new_tag.name})"


def _half_pushed(app: App, wish: Wish, plan: ReleasePlan, answer: Pushed) -> Refused:
    """Refuse after a push that one push URL may have taken."""
    # CI may ship it from there, so the tag is kept.
    problem, remedy = _problem(app, wish, plan, answer)
    state = f"{answer.state} The local tag is kept."
    if not answer.landed or len(answer.holds) == 1:
        return Refused(f"The push failed: {problem}.", state=state, remedy=remedy)
    urls = f"git remote get-url --push --all {app.settings.git.remote}"
    return Refused(
        f"Not pushed everywhere: {problem}.",
        state=f"{state} If CI listens there, it ships {plan.version}.",
        remedy=either(
            f"Fix the other push URL. They are listed by: {urls}",
            f"Then: {wish.spelled(version=str(plan.version), commit=plan.commit[:12])}",
        ),
    )


def _problem(app: App, wish: Wish, plan: ReleasePlan, answer: Pushed) -> tuple[str, str]:
    """Return what the refusal means, and what to do."""
    remote = app.settings.git.remote
    if not answer.rejected:
        return answer.message, f"Try the connection: git ls-remote --heads {remote}"
    return release.rejection(plan.branch, remote, answer.rejected, wish.command, answer.said)


def _make(app: App, wish: Wish, plan: ReleasePlan) -> Tag:
    """Make the tag; if that is interrupted, delete it."""
    name, version = plan.tag, str(plan.version)
    try:
        return app.repository.create_tag(version, plan.commit, plan.message)
    except Refused as reason:
        reason.remedy = either(reason.remedy, f"Then: {wish.spelled(version=version, commit=plan.commit[:12])}")
        raise
    except KeyboardInterrupt as reason:
        leftover = app.repository.tag(version)
        state = UNCHANGED
        if leftover and not app.repository.delete_tag(leftover):
            state = f"Nothing was pushed; the tag {name} was made here. To delete it: git tag --delete {name}"
        raise Interrupted(
            "Interrupted before the push.", state=state, remedy=f"When it is time: {wish.command}"
        ) from reason


def _report_loss(app: App, wish: Wish, plan: ReleasePlan, tag: Tag, answer: Pushed, *, local: str) -> None:
    """Say who took the version. Raise Refused if nobody did.

    `local` is what became of the local tag.
    """
    # Then the refusal is the remote's own.
    remote_tag = app.repository.remote_tag(tag.version)
    if remote_tag is None or remote_tag.oid == tag.oid:
        problem, remedy = _problem(app, wish, plan, answer)
        raise Refused(
            f"Not pushed: {problem}.", state=f"Neither the branch nor the tag was pushed, and {local}.", remedy=remedy
        )
    app.screen.warn(f"Somebody was quicker: {described(app, remote_tag)}.")
    if remote_tag.commit == plan.commit:
        app.screen.say("It is the same commit: that deployment ships what you have.")


def _after_all(app: App, wish: Wish, plan: ReleasePlan, tag: Tag, new_tag: Tag | None) -> tuple[str, str]:
    """Return state and remedy after a push that was cut off."""
    # The remote is asked whether the tag landed.
    remote, again = app.settings.git.remote, wish.spelled(version=tag.version, commit=plan.commit[:12])
    ask = f"git ls-remote {remote} refs/tags/{tag.name}"
    try:
        remote_tag = app.repository.remote_tag(tag.version)
    except (ServiceFailed, KeyboardInterrupt):
        state = f"Can't tell whether {tag.name} landed: {remote} does not answer. If it did, CI ships it."
        return f"{state} The local tag is kept.", either(f"Ask it again: {ask}", f"Then: {again}")
    if remote_tag and remote_tag.oid == tag.oid:
        return f"The push landed anyway: {tag.name} is on {remote}, and CI ships it.", f"Follow it: {again}"
    late = "A push that it received earlier may still land; then CI ships it."
    return (
        f"{remote} has no {tag.name} of yours yet, and {_without(app, new_tag)}. {late}",
        either(f"Ask it in a minute: {ask}", f"Then: {wish.command}"),
    )


def landed(app: App, plan: ReleasePlan, pushed: Pushed) -> str:
    """Say what the push changed."""
    # If the tag was there already, it started no run.
    remote = app.settings.git.remote
    if f"refs/tags/{plan.tag}" not in pushed.there:
        return f"Pushed {plan.tag} to {remote}."
    if plan.branch and f"refs/heads/{plan.branch}" not in pushed.there:
        return f"{plan.tag} is on {remote} already; pushed {plan.branch} alone."
    return f"{plan.tag} is on {remote} already: nothing was pushed."


@contextmanager
def after_the_push(app: App, remedies: Remedies) -> Iterator[None]:
    """Let no error claim that nothing changed after the push."""
    version, remote = remedies.plan.tag, app.settings.git.remote
    try:
        yield
    except KeyboardInterrupt as reason:
        raise Interrupted(
            "Interrupted while following.",
            state=f"{version} is on {remote}, and its deployment goes on: it does not need this terminal.",
            remedy=f"Look again: {remedies.look}",
        ) from reason
    except TagshipError as problem:
        if problem.state == UNCHANGED:
            problem.state = f"{version} is on {remote}, and CI may ship it; its state is unknown here."
            problem.remedy = either(problem.remedy, f"Then look again: {remedies.look}")
        raise
