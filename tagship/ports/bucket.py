"""The bucket, and the records kept in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagship.domain.deployment import Deployment, Entry
from tagship.domain.freeze import Freeze, Frozen
from tagship.domain.lease import LeaseRecord, Seen
from tagship.domain.mark import Mark


@dataclass(frozen=True)
class Object:
    """An object as the store answered it. `now` is the store's own clock when it answered."""

    key: str
    etag: str
    size: int
    modified: datetime
    now: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""  # hex, of the whole object, where the store keeps it
    body: bytes = b""


class Conflict(Exception):
    """A conditional write lost: the object is there already, or is no longer the one that was read."""


class Store(Protocol):
    """One bucket. Writes are conditional. What the outside does wrong raises ServiceFailed, never a library's error."""

    @property
    def bucket(self) -> str: ...

    def now(self) -> datetime:
        """The store's own clock."""

    def get(self, key: str) -> Object | None: ...

    def head(self, key: str) -> Object | None: ...

    def download(self, key: str, to: Path) -> Object | None: ...

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        """Put an object that is not there yet, with its SHA-256; raises Conflict when it is."""

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        """Compare-and-swap; raises Conflict when the object is no longer `etag`."""

    def delete(self, key: str, etag: str) -> None:
        """Raises Conflict when the object is no longer `etag`."""

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        """Objects under a prefix in key order, a page at a time; with a delimiter, common prefixes too (as keys).

        `after`: only those whose keys come after it.
        """


class Leases(Protocol):
    """The lease of each environment, or of the group that it shares one with, changed only by compare-and-swap."""

    def look(self, environment: str) -> Seen | None: ...

    def take(
        self,
        environment: str,
        *,
        holder: str,
        run_url: str,
        ttl: int,
        deployment_id: str = "",
        above: int = 0,
        over: str = "",
        living: bool = False,
    ) -> LeaseRecord:
        """Raises LeaseHeld, naming the holder and the unlock command, when somebody else has it, alive or not.

        `over` is the deployment whose lease is taken once its heartbeat has expired (`living`: even if it has not). The
        fencing number is higher than any before it, and than `above`. The deployment's id is given where there is none.
        """

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        """Raises LeaseLost when the lease is no longer this one."""

    def release(self, record: LeaseRecord) -> None:
        """Frees this lease; one that is somebody else's by now is left alone."""

    def let_go(self, record: LeaseRecord) -> None:
        """Lets this lease expire at once, with what it has in flight still named in it; as `release` otherwise."""

    def break_(self, environment: str, deployment_id: str) -> None:
        """Frees the lease of that deployment; raises Refused when another holds it."""

    def mend(self, environment: str, damage: str) -> None:
        """Put a free lease in place of what LeaseUnreadable said of, by its `id`; raises Refused when it is gone.

        It keeps the fencing number that could still be read.
        """


class Freezes(Protocol):
    """Each environment's freeze, written by people; expiry is by the store's own clock."""

    def now(self) -> datetime: ...

    def look(self, environment: str) -> Frozen | None:
        """The freeze, ended or not; raises FreezeUnreadable for what is none."""

    def write(self, freeze: Freeze, over: str) -> None:
        """Put a freeze in place of the one of that ETag (empty: where there is none); raises Refused when that changed
        meanwhile."""

    def remove(self, frozen: Frozen) -> None:
        """Take away the freeze that was looked at; raises Refused when it changed meanwhile."""


class Ledger(Protocol):
    """The append-only record of deployments of each environment."""

    def append(self, entry: Entry) -> None: ...

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        """Oldest first; `limit` keeps the latest that many (0: all)."""

    def unreadable(self, environment: str) -> Sequence[str]:
        """Keys that the last `deployments` and `marks` could not read: they were passed over, and are still there."""

    def index(self, environment: str) -> int:
        """Index what came since the last time, where the last `deployments` saw that it is much; returns how many
        segments were written. It never fails what it follows: without an index, reading takes longer, and no more."""

    def rebuild_index(self, environment: str) -> int:
        """Write the index anew from the entries; returns how many segments it has."""

    def mark(self, mark: Mark) -> None:
        """Add a person's word about a version."""

    def marks(self, environment: str) -> Sequence[Mark]:
        """Oldest first."""
