"""Follow what a push started to its end: the run of CI if it can be asked, else the ledger of deployments.

A run counts only if its deployment reports how it ended (domain/annotation.py); a run that merely ended without an
error is not called healthy. What the environment says now decides (release/serving).
"""

from __future__ import annotations

from tagship.domain.forge import page, unreachable
from tagship.ports.app import App
from tagship.ports.forge import Forge, Run
from tagship.release.ending import ending_of
from tagship.release.ledger import follow_in_the_ledger
from tagship.release.push import after_the_push
from tagship.release.run import find_run, follow_to_its_end, notices_of
from tagship.release.serving import Following, last_word


def follow(app: App, following: Following) -> tuple[str, str]:
    """Wait for the end of what the push started.

    Returns ("healthy", the run's URL), or ("pushed", "") if nobody can be asked. Raises the error of the exit code
    that the deployment ended with.
    """
    with after_the_push(app, following.remedies):
        forge = app.forge
        if forge:
            return follow_run(app, forge, following)
        if app.signed_in:
            return follow_in_the_ledger(app, following), ""
    say_where_to_look(app)
    return "pushed", ""


def follow_run(app: App, forge: Forge, following: Following, run: Run | None = None) -> tuple[str, str]:
    """Follow a run to its end, and say what serves then."""
    # Without a run, wait for one to begin.
    with app.screen.live() as show:
        show("waiting for CI to begin")
        run = run or find_run(app, forge, following.remedies, app.settings.ci.appears_within)
        app.screen.say(run.url)
        ended = follow_to_its_end(app, forge, following.remedies, run, show)
    ending = ending_of(following.remedies, ended, notices_of(app, forge, following.remedies, ended))
    if ending.problem:
        raise ending.problem
    return last_word(app, following, sentence=ending.said, when=ended.updated), run.url


def say_where_to_look(app: App) -> None:
    """Say that nothing can be followed, and what would change that."""
    where = app.settings.ci.repository or app.repository.remote_url()
    why, remedy = unreachable(where)
    app.screen.say(
        f"The run can't be followed from here: {why} and there are no AWS credentials. Look at {page(where)}"
    )
    app.screen.say(f"To follow next time: {remedy}.")
