"""Environments of pull requests: refused if theirs is closed, and recorded before anything of them is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tagship.domain import commands, layout
from tagship.domain.preview import CLOSED, CLOSING, OPEN, PreviewRecord
from tagship.domain.text import either
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object
from tagship.ports.forge import PullRequest
from tagship.settings.previews import number_of

_GONE = {CLOSING: "being taken away", CLOSED: "gone"}


@dataclass(frozen=True)
class StoredPreview:
    """A preview's record as it is stored; `etag` is empty without one."""

    record: PreviewRecord
    etag: str = ""


def preview_number(app: App, environment: str) -> int:
    """Return the pull request of an environment; 0 if it is none's."""
    return number_of(environment) if app.settings.is_preview(environment) else 0


def environment_of(app: App, pr: str) -> str:
    """Name the environment of `--pr 51`. Raises UsageError."""
    if not app.settings.previews.environment:
        raise UsageError(
            "tagship.toml has no [previews.environment], so no pull request has an environment.",
            remedy="Add one; docs/previews.md says what it holds",
        )
    if not number_of(f"pr-{pr}"):
        raise UsageError(f"Invalid --pr {pr!r}: give the number of a pull request.", remedy="Such as: --pr 51")
    environment = f"pr-{pr}"
    if not app.settings.is_preview(environment):
        raise UsageError(
            f"tagship.toml defines an environment named {environment}, so it can't be a pull request's.",
            remedy=f"Rename it in tagship.toml, or see what runs there: {commands.status(environment)}",
        )
    return environment


# -- changing one ------------------------------------------------------------------------------------------------------


def require_open(app: App, environment: str, commit: str = "") -> None:
    """Refuse a pull request that is closed; record the rest as open.

    Asked under the lease: who closes it waits for that, and takes away what was recorded. If `commit` is given, it has
    to be at the pull request's head: jobs of several pushes may run in another order than these came.
    """
    number = preview_number(app, environment)
    if not number:
        return
    pull = pull_request(app, number)
    if pull.state != OPEN:
        raise Refused(
            f"Pull request {number} is {pull.state}, so nothing is deployed to {environment}.",
            remedy=either(f"Take away what is there: {commands.preview_close(str(number))}", "Or open it again"),
        )
    if commit and pull.head and pull.head != commit:
        raise Refused(
            f"Pull request {number} is at {pull.head[:8]} now; this artifact was built from {commit[:8]}.",
            remedy=f"The job of {pull.head[:8]} deploys that; see what runs: {commands.status(environment)}",
        )
    _open(app, environment)


def require_living(app: App, environment: str) -> None:
    """Refuse to change a preview that was closed, or is being closed.

    The record decides. What begins something new asks the forge, too: `require_open`.
    """
    number = preview_number(app, environment)
    if not number:
        return
    record = read(app, environment).record
    if record.state in (CLOSING, CLOSED):
        finish = f"Have it end: {commands.preview_close(str(number))}" if record.state == CLOSING else ""
        raise Refused(
            f"{environment} is {record.state} since {record.since}: what it ran on is {_GONE[record.state]}.",
            remedy=either(finish, f"If pull request {number} is open, a push to it creates the preview again"),
        )


def pull_request(app: App, number: int) -> PullRequest:
    """Read a pull request. Raises Refused if nobody can be asked."""
    if app.forge is None:
        raise Refused(
            f"Can't tell whether pull request {number} is open: there is no token for GitHub.",
            remedy="Set GITHUB_TOKEN, or: gh auth login",
        )
    return app.forge.pull_request(number)


def _open(app: App, environment: str) -> None:
    """Record a preview as open, unless there are too many.

    Each is recorded before it counts the others: of two that begin at once, neither can miss the other.
    """
    before = read(app, environment)
    now = app.store.now().isoformat(timespec="seconds")
    is_new = not before.etag or not before.record.lives
    since = now if is_new else before.record.since
    etag = put(app, replace(before, record=by_us(app, before.record, OPEN, since=since, used=now)))
    if is_new:
        _check_limit(app, environment, etag)


def _check_limit(app: App, environment: str, etag: str) -> None:
    """Refuse a new preview beyond the limit, and take its record back."""
    limit = app.settings.previews.limit
    living = {name: record for name, record in records(app).items() if record.lives}
    if len(living) <= limit:
        return
    put(app, StoredPreview(by_us(app, living[environment], CLOSED), etag))
    raise Refused(
        f"No more than previews.limit = {limit} previews may be open; open now: {len(living) - 1}.",
        remedy=either(f"Close those that are over: {commands.preview_sweep()}", "Or raise previews.limit"),
    )


# -- records -----------------------------------------------------------------------------------------------------------


def by_us(app: App, record: PreviewRecord, state: str, *, since: str = "", used: str = "") -> PreviewRecord:
    """Return a record in another state, as this process writes it."""
    since = since or app.store.now().isoformat(timespec="seconds")
    return replace(record, state=state, since=since, used=used or record.used, who=app.who, run=app.run_url)


def read(app: App, environment: str) -> StoredPreview:
    """Read a preview's record; one that begins now if there is none."""
    stored = app.store.get(layout.preview(app.settings.app, environment))
    if stored:
        return StoredPreview(_read(app, environment, stored), stored.etag)
    return StoredPreview(_unwritten(app, environment, app.store.now().isoformat(timespec="seconds")))


def find(app: App, environment: str) -> PreviewRecord | None:
    """Find a preview's record; None without one."""
    stored = read(app, environment)
    return stored.record if stored.etag else None


def records(app: App) -> Mapping[str, PreviewRecord]:
    """Read the record of every preview, by its environment."""
    prefix = layout.previews(app.settings.app)
    names = [entry.key.removeprefix(prefix).removesuffix(".json") for entry in app.store.list(prefix)]
    known = {name: find(app, name) for name in names if number_of(name)}
    return {name: record for name, record in known.items() if record}


def _read(app: App, environment: str, stored: Object) -> PreviewRecord:
    """Read a record's bytes.

    One that is damaged, or of another preview, counts as open since it was written: what it told of may be there.
    """
    record = PreviewRecord.read(stored.body)
    if record and (record.app, record.environment, record.number) == (
        app.settings.app, environment, number_of(environment),
    ):  # fmt: skip
        return record.as_stored(stored.modified)
    app.screen.warn(f"the record of {environment} can't be read, so it counts as open: {stored.key}")
    return _unwritten(app, environment, stored.modified.isoformat(timespec="seconds"))


def _unwritten(app: App, environment: str, at: str) -> PreviewRecord:
    return PreviewRecord(app.settings.app, environment, number_of(environment), OPEN, at, at, app.who, app.run_url)


def put(app: App, stored: StoredPreview) -> str:
    """Write a record over the one that was read; return its ETag.

    Raises ServiceFailed if somebody else wrote it meanwhile: the lease was lost.
    """
    key = layout.preview(app.settings.app, stored.record.environment)
    try:
        if stored.etag:
            return app.store.replace(key, stored.record.to_json(), stored.etag).etag
        return app.store.create(key, stored.record.to_json()).etag
    except Conflict as reason:
        raise ServiceFailed(
            f"Somebody else changed the record of {stored.record.environment} meanwhile: the lease was taken over.",
            state="Their record stands.",
            remedy=f"See who works on it: {commands.lock(stored.record.environment)}",
        ) from reason
