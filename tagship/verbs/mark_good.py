"""mark-good: a version that is marked bad is good after all."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.mark import Mark
from tagship.engine.marks import plan_mark, write_mark
from tagship.errors import Refused
from tagship.ports.app import App


def mark_good(app: App, *, version: str = "", env: str = "", reason: str = "", dry_run: bool = False) -> Mark:
    """Say that a version that is marked bad is good after all.

    It is suggested, deployed and promoted again.
    """
    mark, bad = plan_mark(app, "good", version, env, reason)
    if bad is None:
        raise Refused(
            f"{mark.artifact_id} is not marked bad on {mark.environment}.",
            remedy=f"See what is marked, and why: {commands.history(mark.environment)}",
        )
    app.screen.say(bad.said_of(mark.artifact_id, mark.environment))
    return write_mark(app, mark, dry_run)
