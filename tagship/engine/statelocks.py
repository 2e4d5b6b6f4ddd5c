"""Locks on Terraform's states: who holds one, and whether they are still at work.

The lock is Terraform's own object; who is behind it, in which CI run, is what tagship noted beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from tagship.domain import commands, layout
from tagship.domain.statelock import SUFFIX, AtWork, Note, StateLock, Unreadable, may_hold
from tagship.domain.text import ago, moment
from tagship.errors import ServiceFailed
from tagship.ports.app import App

QUOTE = '"'  # around an ETag


@dataclass(frozen=True)
class StoredLock:
    """A lock as it is stored.

    `lock` is None if the object is no lock of Terraform's; `notes`: who may have it.
    """

    lock: StateLock | None
    url: str
    key: str
    etag: str
    written: datetime
    now: datetime
    notes: Sequence[Note] = ()


@dataclass(frozen=True)
class StateHolder:
    """An environment's state lock as a person asks for it.

    `state`: free | held | unreadable.
    `run` is what the forge says of the CI run: lives | ended | unknown; empty where the lock is nobody's CI run's, as
    far as was noted. `since` is ISO 8601 in UTC. Of what is unreadable, `id` names the damage.
    """

    environment: str
    state: str
    id: str = ""
    who: str = ""
    operation: str = ""
    since: str = ""
    heard: str = ""
    version: str = ""
    artifact: str = ""
    by: str = ""
    run_url: str = ""
    run: str = ""
    url: str = ""

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def has_state(app: App, environment: str) -> bool:
    infra = app.settings.environment(environment).infra
    return bool(infra.directory and not infra.command)


def find(app: App, environment: str) -> StoredLock | None:
    """Find the lock on an environment's state; None without one.

    With the notes of those who may have it.
    """
    bucket, key = app.state_place(environment)
    stored = app.state_store(environment).get(key + SUFFIX)
    if stored is None:
        return None
    try:
        lock = StateLock.from_json(stored.body)
    except Unreadable:
        lock = None
    notes = noted(app, environment)
    if lock:
        notes = list(may_hold(lock, stored.modified, notes))
    url = f"s3://{bucket}/{stored.key}"
    return StoredLock(lock, url, stored.key, stored.etag, stored.modified, stored.now, notes)


def noted(app: App, environment: str) -> list[Note]:
    """Read who said that they work on an environment's state.

    A note that cannot be read is passed over.
    """
    notes = []
    for listed in app.store.list(layout.at_work(app.settings.app, environment)):
        stored = app.store.get(listed.key)
        try:
            if stored:
                notes.append(Note(AtWork.from_json(stored.body), stored.key, stored.etag, stored.modified))
        except Unreadable as reason:
            app.screen.warn(f"{listed.key} can't be read ({reason}): its writer may be changing the state")
    return notes


def run_of(app: App, note: Note) -> str:
    """Ask the forge how a note's CI run stands.

    lives | ended | unknown; empty if the note is of no run.
    """
    if not note.work.run_id:
        return ""
    try:
        forge = app.forge
        state = forge.run(note.work.run_id).state if forge else ""
    except ServiceFailed:
        return "unknown"
    return {"": "unknown", "completed": "ended"}.get(state, "lives")


def read(app: App, environment: str, stored: StoredLock | None) -> StateHolder:
    """Interpret a lock; of several that may have it, name the latest."""
    if stored is None:
        return StateHolder(environment, "free")
    since, heard = stored.written.astimezone(UTC).isoformat(timespec="seconds"), ago(stored.now - stored.written)
    if stored.lock is None:
        damage = f"damaged-{stored.etag.strip(QUOTE)[:12]}"
        return StateHolder(environment, "unreadable", id=damage, since=since, heard=heard, url=stored.url)
    note = stored.notes[0] if stored.notes else None
    return StateHolder(
        environment=environment,
        state="held",
        id=stored.lock.id,
        who=stored.lock.who,
        operation=stored.lock.operation,
        since=since,
        heard=heard,
        version=stored.lock.version,
        artifact=note.work.artifact_id if note else "",
        by=note.work.who if note else "",
        run_url=note.work.run_url if note else "",
        run=run_of(app, note) if note else "",
        url=stored.url,
    )


def described(held: StateHolder) -> str:
    """Describe a state lock in one line.

    `root@vm holds the Terraform state of dev since 2026-11-20 16:58 UTC (apply, 12 min ago, …)`.
    """
    if held.state == "free":
        return f"nobody holds the Terraform state of {held.environment}"
    if held.state == "unreadable":
        return (
            f"{held.url} (since {moment(held.since)} UTC) is not a Terraform lock; it blocks the state until it is gone"
        )
    behind = f"for {held.artifact} by {held.by}" if held.artifact else ""
    run = f"{held.run_url} {_RUN[held.run]}" if held.run_url else ""
    facts = ", ".join(filter(None, [held.operation, held.heard, behind, run]))
    return f"{held.who} has held the Terraform state of {held.environment} since {moment(held.since)} UTC ({facts})"


_RUN = {"lives": "is running", "ended": "has ended", "unknown": "cannot be asked", "": ""}


def unlock_command(held: StateHolder) -> str:
    return commands.infra_unlock(held.environment, held.id)
