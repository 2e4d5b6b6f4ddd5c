"""A lock on a Terraform state, as Terraform's S3 backend writes it, and what tagship notes beside it.

With `use_lockfile` the lock is the object `<state key>.tflock`, created with If-None-Match: JSON with ID, Operation,
Info, Who ("user@host"), Version, Created and Path (Terraform 1.11, internal/states/statemgr/locker.go). It does not say
which CI run it belongs to, and Info is empty: so before a tool starts, tagship writes who is at work, from which
machine. A lock and a note belong together when they name the same machine and the note was there first, both times
being S3's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

SCHEMA = 1
SUFFIX = ".tflock"
LONGEST = 200  # characters of what others wrote that are shown
ID = re.compile(r"[0-9A-Za-z-]{1,64}")
RUN = re.compile(r"/actions/runs/([0-9]+)$")


class Unreadable(Exception):
    """An object in a lock's or note's place that is neither."""


@dataclass(frozen=True)
class StateLock:
    """Who holds a state.

    `operation` is plan, apply and so on; `created` is by the holder's own clock.
    """

    id: str
    operation: str
    who: str
    version: str
    created: str

    @property
    def host(self) -> str:
        """Return the machine, of "user@host"."""
        # The user is not compared: Go and Python ask for it in different places.
        return self.who.rpartition("@")[2]

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        value = _table(raw)
        id_ = value.get("ID")
        if not isinstance(id_, str) or not ID.fullmatch(id_):
            raise Unreadable("it has no ID")
        operation = _line(value.get("Operation")).removeprefix("OperationType").lower()
        return cls(
            id=id_,
            operation=operation or "unknown",
            who=_line(value.get("Who")),
            version=_line(value.get("Version")),
            created=_line(value.get("Created")),
        )


@dataclass(frozen=True)
class AtWork:
    """A note that somebody's tool works on an environment's state."""

    who: str
    host: str
    run_url: str
    artifact_id: str
    schema: int = SCHEMA

    @property
    def run_id(self) -> str:
        """Return the CI run's id; empty if there is none."""
        match = RUN.search(self.run_url)
        return match[1] if match else ""

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        value = _table(raw)
        if value.get("schema") != SCHEMA:
            raise Unreadable(f"it has schema {value.get('schema')!r}")
        return cls(
            who=_line(value.get("who")),
            host=_line(value.get("host")),
            run_url=_line(value.get("run_url")),
            artifact_id=_line(value.get("artifact_id")),
        )


@dataclass(frozen=True)
class Note:
    """A note as it is stored, and when S3 stored it."""

    work: AtWork
    key: str
    etag: str
    written: datetime


def may_hold(lock: StateLock, written: datetime, notes: Iterable[Note]) -> list[Note]:
    """Find the notes of runs that may hold a lock, latest first.

    If two runs work on one machine, nobody can know which of them holds the lock, so both count.
    """
    same_machine = [note for note in notes if note.work.host == lock.host and note.written <= written]
    return sorted(same_machine, key=lambda note: (note.written, note.key), reverse=True)


def _table(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError as reason:
        raise Unreadable("it is not JSON") from reason
    if not isinstance(value, dict):
        raise Unreadable("it is not a table")
    return value


def _line(value: object) -> str:
    """Cut somebody else's text to one short line."""
    text = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "?" for char in text[:LONGEST])
