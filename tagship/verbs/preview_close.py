"""preview.close: take a pull request's environment away."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.engine.previews import close, environment_of, find
from tagship.engine.scope import patience
from tagship.errors import UNCHANGED
from tagship.ports.app import App


@dataclass(frozen=True)
class ClosedPreview:
    """How it ended: closed, was-closed (by somebody before), or planned."""

    environment: str
    state: str

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def preview_close(app: App, *, pr: str = "", wait: str = "", dry_run: bool = False) -> ClosedPreview:
    """Take away what a pull request's environment runs on.

    It waits behind a deployment that runs, may be repeated, and goes on where it was cut off.
    """
    longest = patience(wait)
    environment = environment_of(app, pr or app.ci.pull_request)
    record = find(app, environment)
    if record and not record.lives:
        app.screen.say(f"{environment} is closed already")
        return ClosedPreview(environment, "was-closed")
    if dry_run:
        command = app.settings.previews.remove
        app.screen.say(f"would close {environment}" + (f", by {command[0]}" if command else ""))
        app.screen.say(UNCHANGED)
        return ClosedPreview(environment, "planned")
    state = close(app, environment, wait=longest)
    app.screen.say(f"{environment} is closed")
    return ClosedPreview(environment, state)
