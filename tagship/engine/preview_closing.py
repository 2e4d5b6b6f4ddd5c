"""Take a pull request's environment away: recorded before, under the lease, and finished by whoever comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tagship.domain import commands
from tagship.domain.preview import CLOSED, CLOSING, PreviewRecord
from tagship.engine.exclusive import exclusive
from tagship.engine.previews import StoredPreview, by_us, put, read
from tagship.errors import ServiceFailed, said_to_be_done
from tagship.ports.account import ToolFailed
from tagship.ports.app import App
from tagship.settings.previews import filled, number_of

KEPT, WAS_CLOSED = "kept", "was-closed"


def close(
    app: App, environment: str, *, wait: float, why: Callable[[PreviewRecord], str] = lambda _: "asked for"
) -> str:
    """Take a preview away; say how it ended: closed, was-closed, or kept.

    It waits for a deployment that runs. `why` is asked under the lease, and keeps the preview by an empty answer: since
    somebody decided to close it, its pull request may have been opened again. Cut off, it is finished by the next run.
    """
    again = commands.preview_close(str(number_of(environment)))
    with exclusive(app, environment, f"closing {environment}", wait=wait, again=again):
        stored = read(app, environment)
        if not why(stored.record):
            return KEPT if stored.record.lives else WAS_CLOSED
        etag = put(app, replace(stored, record=by_us(app, stored.record, CLOSING)))
        with said_to_be_done(lambda: f"{environment} is recorded as closing: part of it may be gone, or all of it."):
            _remove(app, environment, again)
            put(app, StoredPreview(by_us(app, stored.record, CLOSED), etag))
    return CLOSED


def _remove(app: App, environment: str, again: str) -> None:
    """Run the team's own tool. Raises ServiceFailed."""
    number = number_of(environment)
    command = filled(app.settings.previews.remove, number)
    app.screen.say(f"removing {environment}: {' '.join(command)}")
    bucket = app.settings.account(environment).bucket
    names = {"ENVIRONMENT": environment, "PR_NUMBER": str(number), "DEPLOYMENT_BUCKET": bucket}
    try:
        app.infrastructure(environment).run(command, names)
    except ToolFailed as reason:
        raise ServiceFailed(
            f"{command[0]} failed with exit code {reason.code}, so {environment} is not closed.",
            state=f"{environment} is recorded as closing: part of it may be gone.",
            remedy=f"Fix that, then go on: {again}",
            evidence=reason.said,
        ) from reason
