"""preview.sweep: close the environments of pull requests that are over, whatever became of their own jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from tagship.domain import commands, layout
from tagship.domain.preview import CLOSED, CLOSING, OPEN, PreviewRecord
from tagship.domain.stored import moment_of
from tagship.domain.text import counted, listed
from tagship.engine.preview_closing import close
from tagship.engine.previews import preview_number, read, records
from tagship.errors import UNCHANGED, Held, ServiceFailed, TagshipError, said_to_be_done
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.ports.forge import PullRequest
from tagship.release.previews import closed, tell_pull_request

FORGOTTEN = timedelta(days=30)  # after which the record of a closed preview goes, if nothing of it is left
SETTLES = timedelta(hours=1)  # that AWS goes on naming the tags of what was deleted


@dataclass(frozen=True)
class Swept:
    """One preview: why it goes, and what became of it.

    `state`: kept | planned | closed | was-closed | busy (somebody changes it: the next sweep looks again) | failed.
    """

    environment: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class SweptPreviews:
    """Every preview that was looked at; `forgotten` counts records that went."""

    previews: Sequence[Swept]
    forgotten: int = 0

    def as_data(self) -> dict[str, object]:
        return {"previews": [asdict(preview) for preview in self.previews], "forgotten": self.forgotten}


@dataclass(frozen=True)
class _Look:
    """What a sweep goes by: open pull requests, records, tags and artifacts."""

    app: App
    open_numbers: frozenset[int]
    known: Mapping[str, PreviewRecord]
    tagged: frozenset[str]
    stored: frozenset[str]

    def candidates(self) -> list[str]:
        """Name the previews of which something may be there.

        By their records, by artifacts without one, and by tags.
        """
        unknown = self.stored - set(self.known)
        living = {name for name, record in self.known.items() if record.lives}
        return sorted(living | unknown | self.tagged, key=lambda name: preview_number(self.app, name))

    def why(self, record: PreviewRecord) -> str:
        """Say why a preview goes; empty if it stays."""
        now, hours = self.app.store.now(), self.app.settings.previews.ttl
        if not record.lives:
            left = record.environment in self.tagged and now - moment_of(record.since) > SETTLES
            return "it was closed, and resources with its tags are left" if left else ""
        if record.number not in self.open_numbers:
            return self._of_closed(record)
        if record.state == CLOSING:
            return "its closing was cut off"
        return f"nobody deployed to it for {hours} h" if record.expired(now, hours) else ""

    def _of_closed(self, record: PreviewRecord) -> str:
        """Ask again: it may have been opened since all were listed."""
        pull = self.app.forge.pull_request(record.number) if self.app.forge else PullRequest(OPEN)
        return "" if pull.state == OPEN else f"pull request {record.number} is {pull.state}"


def preview_sweep(app: App, *, dry_run: bool = False) -> SweptPreviews:
    """Close previews whose pull request is closed, or that expired.

    Raises ServiceFailed if one could not be closed, or if GitHub can't be asked.
    """
    look = _looked(app)
    swept = [_swept(look, name, dry_run=dry_run) for name in look.candidates()]
    for preview in swept:
        app.screen.say(f"{preview.environment}: {preview.state}" + (f" ({preview.reason})" if preview.reason else ""))
    if not swept:
        app.screen.say("there are no previews")
    with said_to_be_done(lambda: "" if dry_run else "The previews are as said above."):
        forgotten = 0 if dry_run else _forget(look)
    if forgotten:
        app.screen.say(f"{counted(forgotten, 'record')} of previews that were closed long ago went")
    if dry_run:
        app.screen.say(UNCHANGED)
    failed = [preview.environment for preview in swept if preview.state == "failed"]
    if failed:
        raise ServiceFailed(
            f"{listed(failed)} could not be closed.",
            state="The others are as said above.",
            remedy=f"Fix that, then again: {commands.preview_sweep()}",
        )
    return SweptPreviews(swept, forgotten)


def _looked(app: App) -> _Look:
    """Ask GitHub, the bucket and AWS. Raises ServiceFailed without a token."""
    if app.forge is None:
        raise ServiceFailed(
            "Can't tell which pull requests are open: there is no token for GitHub.",
            remedy=f"Set GITHUB_TOKEN, then: {commands.preview_sweep()}",
        )
    top = f"{app.settings.app}/"
    folders = (entry.key.removeprefix(top).rstrip("/") for entry in app.store.list(f"{top}pr-", delimiter="/"))
    stored = frozenset(name for name in folders if preview_number(app, name))
    accounts = [account for account in app.accounts if account.settings.previews.environment]
    names = (name for account in accounts for name in account.foundation.tagged(app.settings.app))
    tagged = frozenset(name for name in names if preview_number(app, name))
    return _Look(app, frozenset(app.forge.open_pull_requests()), records(app), tagged, stored)


def _swept(look: _Look, environment: str, *, dry_run: bool) -> Swept:
    reason = ""
    try:
        reason = look.why(look.known.get(environment) or read(look.app, environment).record)
        if not reason or dry_run:
            return Swept(environment, "planned" if reason else "kept", reason)
        state = close(look.app, environment, wait=0, why=look.why)
        if state == CLOSED:
            tell_pull_request(look.app, closed(look.app, environment))
        return Swept(environment, state, reason)
    except Held as held:
        look.app.screen.say(f"{environment}: {held.what}")
        return Swept(environment, "busy", reason)
    except TagshipError as problem:
        look.app.screen.warn(f"{environment}: {problem.what} {problem.remedy}")
        return Swept(environment, "failed", reason)


def _forget(look: _Look) -> int:
    """Delete records of previews of which nothing is left.

    Deployments read all records: closed ones would slow them down for ever.
    """
    old = [
        name
        for name, record in look.known.items()
        if not record.lives and look.app.store.now() - moment_of(record.since) > FORGOTTEN
    ]
    gone = 0
    for name in old:
        stored = read(look.app, name)
        if name in look.stored | look.tagged or stored.record.lives:
            continue
        try:
            look.app.store.delete(layout.preview(look.app.settings.app, name), stored.etag)
            gone += 1
        except Conflict:  # it was opened again
            continue
    return gone
