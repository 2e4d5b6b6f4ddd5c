"""Look at a version that was pushed before: what became of it, what serves now, what to do if it failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tagship.domain.version import Version
from tagship.errors import TagshipError
from tagship.ports.app import App
from tagship.ports.forge import Forge, Run
from tagship.release.ending import ending_of
from tagship.release.follow import follow_run, say_where_to_look
from tagship.release.ledger import follow_in_the_ledger
from tagship.release.push import after_the_push
from tagship.release.remedies import Remedies
from tagship.release.run import find_run, notices_of, patiently, rerun
from tagship.release.serving import Following, last_word

RERUN, ANEW, LEAVE = "rerun", "anew", "leave"


@dataclass(frozen=True)
class Looked:
    """What became of a version that was pushed before.

    `outcome` is healthy, reported or pushed; `run` is the run's URL; `number` is the version to make instead.
    """

    outcome: str = ""
    run: str = ""
    number: Version | None = None


def look_again(app: App, remedies: Remedies) -> Looked:
    """Look at what an earlier push started, and go on from there.

    Raises the error that it ended with, if it is left so.
    """
    with after_the_push(app, remedies):
        forge = app.forge
        if forge:
            return _by_the_run(app, forge, remedies)
        if app.signed_in:
            return Looked(follow_in_the_ledger(app, Following(remedies, app.clock.now(), fresh=False)))
    say_where_to_look(app)
    return Looked("pushed")


def _by_the_run(app: App, forge: Forge, remedies: Remedies) -> Looked:
    run = find_run(app, forge, remedies, _patience(app, remedies))
    if run.state != "completed":
        return Looked(*follow_run(app, forge, Following(remedies, app.clock.now()), run))
    ended = patiently(app, remedies, run, lambda: forge.run(run.id))
    ending = ending_of(remedies, ended, notices_of(app, forge, remedies, ended), old=True)
    if ending.problem:
        return _failed(app, forge, remedies, ended, ending.problem)
    following = Following(remedies, app.clock.now(), fresh=False)
    return Looked(last_word(app, following, sentence=ending.said, when=ended.updated), run.url)


def _patience(app: App, remedies: Remedies) -> float:
    """Return how many seconds to wait for the run to begin."""
    # An old tag starts none.
    tag = app.repository.tag(str(remedies.plan.version))
    within = app.settings.ci.appears_within
    old = tag and tag.when and app.clock.now() - tag.when > timedelta(seconds=2 * within)
    return 0.0 if old else float(within)


def _failed(app: App, forge: Forge, remedies: Remedies, run: Run, problem: TagshipError) -> Looked:
    """Offer two ways on from a failed run, or raise its error."""
    if not remedies.wish.rerun and not remedies.wish.yes:
        chosen = _chosen(app, remedies, problem)
        if chosen == ANEW:
            return Looked(number=remedies.number)
        if chosen == LEAVE:
            raise problem
    app.screen.say(f"{problem.what} It is run again.")
    began = app.clock.now()
    latest = rerun(app, forge, remedies, run)
    return Looked(*follow_run(app, forge, Following(remedies, began), latest))


def _chosen(app: App, remedies: Remedies, problem: TagshipError) -> str:
    if not app.prompt.possible:
        return LEAVE
    if problem.evidence:
        app.screen.say(problem.evidence)
    app.screen.say(problem.what)
    app.screen.say(f"  {problem.state}")
    return app.prompt.choose(
        f"The run of {remedies.plan.version} failed. What now?",
        {
            RERUN: "run it again: its cause is gone",
            ANEW: f"ship this commit under a new number, {remedies.number}",
            LEAVE: "leave it",
        },
    )
