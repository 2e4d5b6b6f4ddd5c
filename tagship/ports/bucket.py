"""The bucket, and the records kept in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tagship.domain.chain import RawEntry
from tagship.domain.deployment import Deployment, Entry
from tagship.domain.freeze import Freeze, Frozen
from tagship.domain.lease import LeaseRecord, Seen
from tagship.domain.mark import Mark


@dataclass(frozen=True)
class Object:
    """An object as the store answered it.

    `now` is the store's own clock when it answered.
    """

    key: str
    etag: str
    size: int
    modified: datetime
    now: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""  # hex, of the whole object, where the store keeps it
    body: bytes = b""


class Conflict(Exception):
    """A conditional write lost: the object is there, or has changed."""


class Store(Protocol):
    """The app's bucket, or that of each environment; writes are conditional.

    A failure outside raises ServiceFailed, never a library's error.
    """

    def url(self, key: str) -> str:
        """Spell where an object is: `s3://bucket/key`."""

    def now(self) -> datetime:
        """Read the store's own clock."""

    def get(self, key: str) -> Object | None: ...

    def head(self, key: str) -> Object | None: ...

    def download(self, key: str, to: Path) -> Object | None: ...

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        """Put a new object, with its SHA-256. Raises Conflict if it exists."""

    def copy(self, source: Object, key: str, metadata: Mapping[str, str]) -> None:
        """Make a new object of the same bytes within the store.

        Raises Conflict if the key exists, ServiceFailed if the source is gone or another by now.
        """

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        """Compare and swap. Raises Conflict if the object is no longer `etag`."""

    def delete(self, key: str, etag: str) -> None:
        """Delete an object. Raises Conflict if it is no longer `etag`."""

    def delete_all(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Delete objects, many a request, whatever they are by now.

        Returns why, for each key whose object was not deleted. One that is gone already is no failure.
        """

    def lifecycle(self, prefix: str) -> Sequence[Mapping[str, Any]]:
        """Read the lifecycle rules of a prefix's bucket, as S3 writes them."""

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        """Yield objects under a prefix in key order, by pages.

        With a delimiter, common prefixes too (as keys). `after`: only those whose keys come after it.
        """


class Leases(Protocol):
    """The lease of each environment, or of its group.

    Leases are changed only by compare-and-swap.
    """

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
        """Take the lease. Raises LeaseHeld if somebody else has it.

        The error names the holder, alive or not, and the unlock command. `over` is the deployment whose lease is taken
        once its heartbeat has expired (`living`: even if it has not). The fencing number is higher than any before it,
        and than `above`. A deployment without an id gets one.
        """

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        """Renew the lease. Raises LeaseLost if it is no longer this one."""

    def release(self, record: LeaseRecord) -> None:
        """Free this lease; leave it alone if somebody else has it."""

    def let_go(self, record: LeaseRecord) -> None:
        """Let this lease expire at once.

        Its operations stay named in it. As `release` otherwise.
        """

    def break_(self, environment: str, deployment_id: str) -> None:
        """Free a deployment's lease. Raises Refused if another holds it."""

    def restart(self, environment: str, deployment_id: str, fence: int) -> None:
        """Write a free lease whose numbers go on from `fence`. Raises Refused.

        Over whatever is there: a damaged one, a number that no deployment led to, or the lease of that deployment.
        Refused means that another deployment has it, or that it changed meanwhile.
        """

    def mend(self, environment: str, damage: str) -> None:
        """Write a free lease over a damaged one. Raises Refused.

        The damage is named by LeaseUnreadable's `id`; Refused means that it is gone. The new lease keeps the fencing
        number that could still be read.
        """


class Freezes(Protocol):
    """Each environment's freeze, written by people.

    It expires by the store's own clock.
    """

    def now(self) -> datetime: ...

    def look(self, environment: str) -> Frozen | None:
        """Read the freeze, ended or not. Raises FreezeUnreadable."""

    def write(self, freeze: Freeze, over: str) -> None:
        """Write a freeze over the one of that ETag.

        An empty ETag: there is none. Raises Refused if that changed meanwhile.
        """

    def remove(self, frozen: Frozen) -> None:
        """Remove the freeze that was read. Raises Refused if it changed."""


class Ledger(Protocol):
    """The append-only record of deployments of each environment."""

    def append(self, entry: Entry) -> None:
        """Write an entry, which names those before it; see domain/chain."""

    def stored(self, environment: str) -> Sequence[RawEntry]:
        """Read every entry's object as it is, also what can't be read."""

    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        """Read deployments, oldest first.

        `limit` keeps the latest that many (0: all).
        """

    def tests(self, environment: str) -> Sequence[Entry]:
        """Read who said that a version passed its tests, oldest first."""

    def unreadable(self, environment: str) -> Sequence[str]:
        """List keys that the last reading skipped as unreadable.

        Of `deployments` and `marks`; the objects are still there.
        """

    def index(self, environment: str) -> int:
        """Index new entries if there are many; return how many segments.

        The last `deployments` saw how many there are. It never fails its caller: without an index, reading only takes
        longer.
        """

    def rebuild_index(self, environment: str) -> int:
        """Write the index again from the entries; return its segments' number."""

    def mark(self, mark: Mark) -> None:
        """Add a person's judgement of a version."""

    def marks(self, environment: str) -> Sequence[Mark]:
        """Read the marks, oldest first."""
