"""mark-bad: a version is bad until a person says otherwise."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.mark import Mark
from tagship.engine.marks import plan_mark, write_mark
from tagship.engine.plan import facts
from tagship.engine.rollback_candidates import way_back
from tagship.errors import ServiceFailed
from tagship.ports.app import App


def mark_bad(app: App, *, version: str = "", env: str = "", reason: str = "", dry_run: bool = False) -> Mark:
    """Say that a version is bad.

    It is not suggested, and deployed, promoted or gone back to only with --allow-bad.
    """
    mark, bad = plan_mark(app, "bad", version, env, reason)
    if bad:
        app.screen.say(f"already: {bad.said_of(mark.artifact_id, mark.environment)}")
    write_mark(app, mark, dry_run)
    if mark.artifact_id == _serving(app, mark.environment):
        app.screen.warn(f"{mark.artifact_id} runs on {mark.environment}: a mark does not take it back")
        back = way_back(app, mark.environment, mark.artifact_id)
        app.screen.say(f"  to take it back: {back or commands.rollback(environment=mark.environment)}")
    return mark


def _serving(app: App, environment: str) -> str:
    """Read what runs; empty if the ledger doesn't answer.

    The mark is made by then.
    """
    try:
        return facts(app, environment).serving
    except ServiceFailed as reason:
        app.screen.warn(f"can't tell if it runs on {environment}: {reason.what}")
        return ""
