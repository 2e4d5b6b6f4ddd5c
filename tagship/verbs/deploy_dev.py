"""`deploy-dev`: tag a commit, push branch and tag in one piece, and follow what CI makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tagship.domain.release import ReleasePlan
from tagship.engine.signals import signals_interrupt
from tagship.errors import UNCHANGED, Interrupted, Refused, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Pushed
from tagship.release.inspect import Wish
from tagship.release.plan import confirm, planned, question, show
from tagship.release.push import after_the_push, landed, push
from tagship.release.remedies import Remedies

if TYPE_CHECKING:
    from datetime import datetime

    from tagship.release.again import Looked

ATTEMPTS = 5  # numbers to try when others take them first


@dataclass(frozen=True)
class Shipped:
    """How it ended: planned | pushed | healthy | reported.

    "reported" is an old run's word, which could not be checked.
    `run` is the URL of the run that was followed.
    """

    outcome: str
    plan: ReleasePlan
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
    verbose: bool = False,
    rerun: bool = False,
) -> Shipped:
    """Release a commit to an environment.

    Returns once the environment is healthy with it.
    """
    wish = Wish("deploy-dev", env, version, commit, yes, first, dry_run, verbose, rerun)
    with signals_interrupt():
        if follow and app.settings.sandbox:
            _ = app.forge  # a sandbox that is down is said before anything is pushed to it
        for _attempt in range(ATTEMPTS):
            with _before_the_push(wish):
                plan, facts = planned(app, wish)
                remedies = Remedies.of(wish, plan, facts)
                if dry_run:
                    return _only_shown(app, wish, plan)
                if not plan.pushed:
                    _require_no_rerun(wish, plan)
                    show(app, wish, plan)
                    confirm(app, wish, plan, question(plan, push=True))
            if plan.pushed:
                looked = _look_again(app, remedies, follow=follow)
                if not looked.number:
                    return Shipped(looked.outcome, plan, looked.run)
                wish = replace(wish, version=str(looked.number), anew=True)
                continue
            began = app.clock.now()
            if pushed := push(app, wish, plan):
                return _follow(app, remedies, began, pushed, follow=follow)
            wish = replace(wish, version="", anew=True)
    raise Refused(f"Others took {ATTEMPTS} versions in a row.", remedy=f"In a moment: {wish.command}")


def _only_shown(app: App, wish: Wish, plan: ReleasePlan) -> Shipped:
    """End a dry run: show the plan with its exact commands."""
    if plan.pushed:
        app.screen.say(f"{plan.tag} is on {app.settings.git.remote} already: there is nothing to push.")
    else:
        show(app, wish, plan)
    app.screen.say(UNCHANGED)
    return Shipped("planned", plan)


def _require_no_rerun(wish: Wish, plan: ReleasePlan) -> None:
    if wish.rerun:
        raise UsageError(
            f"{plan.tag} was not pushed yet, so it has no run to repeat.",
            remedy=f"Push it: {wish.spelled(version=wish.version, commit=wish.commit)}",
        )


def _look_again(app: App, remedies: Remedies, *, follow: bool) -> Looked:
    """Go on with a version that is on the remote already."""
    from tagship.release.again import Looked, look_again  # after the push: whoever only pushes does not pay for it

    plan = remedies.plan
    app.screen.say(f"{plan.tag} is this commit, and on {app.settings.git.remote} already: there is nothing to push.")
    return look_again(app, remedies) if follow else Looked("pushed")


def _follow(app: App, remedies: Remedies, began: datetime, pushed: Pushed, *, follow: bool) -> Shipped:
    with after_the_push(app, remedies):
        app.screen.say(landed(app, remedies.plan, pushed))
    if not follow:
        return Shipped("pushed", remedies.plan)
    from tagship.release.follow import follow as follow_release
    from tagship.release.serving import Following

    outcome, run = follow_release(app, Following(remedies, began))
    return Shipped(outcome, remedies.plan, run)


@contextmanager
def _before_the_push(wish: Wish) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as reason:
        raise Interrupted("Interrupted before the push.", remedy=f"When it is time: {wish.command}") from reason
