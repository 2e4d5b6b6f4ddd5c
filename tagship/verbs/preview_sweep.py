"""preview.sweep: close the environments of pull requests that are over, whatever became of their own jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands, layout
from tagship.domain.preview import CLOSING, PreviewRecord
from tagship.domain.text import listed
from tagship.engine.previews import close, preview_number, records
from tagship.errors import UNCHANGED, ServiceFailed, TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class Swept:
    """One preview: why it goes, and what became of it.

    `state`: kept | planned | closed | was-closed | failed.
    """

    environment: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class SweptPreviews:
    """Every preview that was looked at."""

    previews: Sequence[Swept]

    def as_data(self) -> dict[str, object]:
        return {"previews": [asdict(preview) for preview in self.previews]}


def preview_sweep(app: App, *, dry_run: bool = False) -> SweptPreviews:
    """Close previews whose pull request is closed, or that expired.

    Raises ServiceFailed if one could not be closed, or if GitHub can't be asked.
    """
    open_numbers = _open_numbers(app)
    swept = [_swept(app, record, open_numbers, dry_run=dry_run) for record in _candidates(app).values()]
    for preview in swept:
        app.screen.say(f"{preview.environment}: {preview.state}" + (f" ({preview.reason})" if preview.reason else ""))
    if not swept:
        app.screen.say("there are no previews")
    if dry_run:
        app.screen.say(UNCHANGED)
    failed = [preview.environment for preview in swept if preview.state == "failed"]
    if failed:
        raise ServiceFailed(
            f"{listed(failed)} could not be closed.",
            state="The others are as said above.",
            remedy=f"Fix that, then again: {commands.preview_sweep()}",
        )
    return SweptPreviews(swept)


def _open_numbers(app: App) -> frozenset[int]:
    if app.forge is None:
        raise ServiceFailed(
            "Which pull requests are open is not known: there is no token to ask GitHub with.",
            remedy=f"Set GITHUB_TOKEN, then: {commands.preview_sweep()}",
        )
    return frozenset(app.forge.open_pull_requests())


def _candidates(app: App) -> Mapping[str, PreviewRecord]:
    """Find what is recorded, and artifacts that no record tells of."""
    known = dict(records(app))
    top = f"{app.settings.app}/"
    for entry in app.store.list(f"{top}pr-", delimiter="/"):
        environment = entry.key.removeprefix(top).rstrip("/")
        number = preview_number(app, environment)
        if number and environment not in known and not app.store.get(layout.preview(app.settings.app, environment)):
            now = app.store.now().isoformat(timespec="seconds")
            known[environment] = PreviewRecord(app.settings.app, environment, number, "open", now, now, app.who)
    return {name: record for name, record in sorted(known.items()) if record.lives}


def _swept(app: App, record: PreviewRecord, open_numbers: frozenset[int], *, dry_run: bool) -> Swept:
    reason = _why(app, record, open_numbers)
    if not reason or dry_run:
        return Swept(record.environment, "planned" if reason else "kept", reason)
    try:
        return Swept(record.environment, close(app, record.environment, wait=0), reason)
    except TagshipError as problem:
        app.screen.warn(f"{record.environment}: {problem.what} {problem.remedy}")
        return Swept(record.environment, "failed", reason)


def _why(app: App, record: PreviewRecord, open_numbers: frozenset[int]) -> str:
    if record.number not in open_numbers:
        return f"pull request {record.number} is not open"
    if record.state == CLOSING:
        return "its closing was cut off"
    hours = app.settings.previews.ttl
    return f"nobody deployed to it for {hours} h" if record.expired(app.store.now(), hours) else ""
