"""mark-bad: a version is bad until a person says otherwise."""

from __future__ import annotations

from tagship.domain.mark import Mark
from tagship.engine.marks import plan_mark, write_mark
from tagship.ports.app import App


def mark_bad(app: App, *, version: str = "", env: str = "", reason: str = "", dry_run: bool = False) -> Mark:
    """Say that a version is bad: it is not suggested, and deployed, promoted or gone back to only with --allow-bad."""
    mark, bad = plan_mark(app, "bad", version, env, reason)
    if bad:
        app.screen.say(f"{mark.artifact_id} is marked bad on {mark.environment} already: {bad.why}")
    return write_mark(app, mark, dry_run)
