"""preview.close: take a pull request's environment away."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tagship.domain.preview import CLOSED, OPEN, PreviewRecord
from tagship.engine.preview_closing import KEPT, WAS_CLOSED, close
from tagship.engine.previews import environment_of, find
from tagship.engine.scope import patience
from tagship.errors import UNCHANGED, TagshipError
from tagship.ports.app import App
from tagship.release.previews import closed, tell_pull_request
from tagship.settings.previews import filled, number_of

OF_PULL_REQUESTS = "pull_request"


@dataclass(frozen=True)
class ClosedPreview:
    """How it ended: closed, was-closed (by somebody before), kept, or planned.

    It is kept if a pull request's own job finds that open again.
    """

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
        app.screen.say(_WORDS[WAS_CLOSED].format(environment))
        return ClosedPreview(environment, WAS_CLOSED)
    if dry_run:
        command = filled(app.settings.previews.remove, number_of(environment))
        app.screen.say(f"would close {environment}, by: {' '.join(command)}")
        app.screen.say(UNCHANGED)
        return ClosedPreview(environment, "planned")
    try:
        state = close(app, environment, wait=longest, why=lambda record: _why(app, record))
    except TagshipError as problem:
        tell_pull_request(app, closed(app, environment, problem))
        raise
    if state == CLOSED:
        tell_pull_request(app, closed(app, environment))
    app.screen.say(_WORDS[state].format(environment))
    return ClosedPreview(environment, state)


_WORDS = {
    "closed": "{} is closed",
    WAS_CLOSED: "{} is closed already",
    KEPT: "{} is kept: its pull request is open again",
}


def _why(app: App, record: PreviewRecord) -> str:
    """Say why it goes; nothing if it stays.

    Somebody closed it already, or its pull request is open again: jobs of one may run in another order than its
    events. A person may close what is open.
    """
    if not record.lives:
        return ""
    if app.ci.trigger.event == OF_PULL_REQUESTS and app.forge and app.forge.pull_request(record.number).state == OPEN:
        return ""
    return "asked for"
