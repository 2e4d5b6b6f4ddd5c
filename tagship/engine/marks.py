"""mark-good and mark-bad: a person's word about a version, which stands until a person says otherwise."""

from __future__ import annotations

from contextlib import suppress

from tagship.domain import commands
from tagship.domain.commands import BLANK
from tagship.domain.deployment import new_id
from tagship.domain.mark import Mark
from tagship.domain.standing import Bad, bad_versions, left_bad
from tagship.engine.freezing import is_blank
from tagship.engine.known import require_known
from tagship.engine.scope import named
from tagship.errors import UNCHANGED, TagshipError, UsageError
from tagship.ports.app import App

LONGEST = 500  # characters of a reason
LATE = 990_000  # of a second: the store's clock counts whole ones, and a mark comes after the deployment that it judges
AGAIN = {"good": commands.mark_good, "bad": commands.mark_bad}


def plan_mark(app: App, verdict: str, version: str, env: str, reason: str) -> tuple[Mark, Bad | None]:
    """Make the mark, and read the version's verdict; change nothing."""
    artifact_id, environment = named(app, version, env, "--version")
    why = " ".join(reason.split())
    if is_blank(why) or len(why) > LONGEST or not why.isprintable():
        raise UsageError(
            f"A reason is needed, on one line of at most {LONGEST} characters: people will read it.",
            remedy=f"Give it: {AGAIN[verdict](artifact_id, environment, BLANK)}",
        )
    history, marks = app.ledger.deployments(environment), app.ledger.marks(environment)
    require_known(app, environment, artifact_id, (history, marks))
    now = app.store.now()
    made = Mark(
        id=new_id(now.replace(microsecond=LATE + len(marks) % (1_000_000 - LATE))),
        verdict=verdict,
        at=now.isoformat(timespec="seconds"),
        app=app.settings.app,
        environment=environment,
        artifact_id=str(artifact_id),
        who=app.who,
        where=app.run_url,
        reason=why,
    )
    return made, bad_versions(history, marks).get(str(artifact_id))


def write_mark(app: App, mark: Mark, dry_run: bool) -> Mark:
    app.screen.say(told(mark, "would be" if dry_run else "is"))
    if dry_run:
        app.screen.say(UNCHANGED)
    else:
        app.ledger.mark(mark)
    return mark


def say_what_is_bad(app: App, environment: str) -> None:
    """Say which version the latest rollback marked bad, and what undoes that.

    A ledger that does not answer now hides nothing of what was done.
    """
    with suppress(TagshipError):
        for deployment in app.ledger.deployments(environment, 1)[-1:]:
            if left := left_bad(deployment):
                app.screen.say(f"{left} is marked bad on {environment} by this: nothing suggests or deploys it")
                app.screen.say(f"  if it is good after all: {commands.mark_good(left, environment, BLANK)}")


def told(mark: Mark, word: str = "is") -> str:
    """Describe a mark.

    `0.1.30-dev is good on dev now (ada@laptop: the cause was the database)`.
    """
    return f"{mark.artifact_id} {word} {mark.verdict} on {mark.environment} now ({mark.who}: {mark.reason})"
