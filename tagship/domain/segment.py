"""A segment of the ledger's index: copies of the entries of a range of deployments, in one object.

It is never a source of truth. A copy counts only if the listing has an object of that key and that ETag, so an entry
that was written later, or changed since, is read itself. A missing or damaged segment costs time and nothing else.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from tagship.domain.deployment import Entry, is_id

SCHEMA = 1
SIZE = 50  # deployments in a segment: a page of history is one or two of them
SUFFIX = ".json.gz"


@dataclass(frozen=True)
class Copy:
    """An entry, with its object's key and ETag."""

    key: str
    etag: str
    entry: Entry


def packed(copies: Iterable[Copy]) -> bytes:
    """Write a segment; the same copies give the same bytes."""
    # gzip writes no time.
    rows = [{"key": copy.key, "etag": copy.etag, "entry": asdict(copy.entry)} for copy in copies]
    return gzip.compress(json.dumps({"schema": SCHEMA, "entries": rows}).encode(), mtime=0)


def unpacked(raw: bytes) -> list[Copy] | None:
    """Read a segment's copies; None if unreadable or of a later schema."""
    try:
        value = json.loads(gzip.decompress(raw))
        if value["schema"] != SCHEMA:
            return None
        return [Copy(row["key"], row["etag"], Entry(**row["entry"])) for row in value["entries"]]
    except (ValueError, TypeError, KeyError, OSError, EOFError, zlib.error):
        return None


@dataclass(frozen=True)
class Span:
    """The range of deployment ids in a segment's key, both included."""

    key: str
    first: str
    last: str

    @classmethod
    def read(cls, key: str) -> Self | None:
        """Read the range; None if the key is not a segment's."""
        first, _, last = key.rpartition("/")[2].removesuffix(SUFFIX).partition("_")
        ids = is_id(first) and is_id(last) and first <= last
        return cls(key, first, last) if key.endswith(SUFFIX) and ids else None

    def holds(self, deployment_id: str) -> bool:
        return self.first <= deployment_id <= self.last


def begin_after(spans: Sequence[Span], limit: int) -> str:
    """Find the id after which the latest `limit` deployments begin.

    Empty: list from the start. Segments are full, so earlier ones than hold `limit` deployments need no look.
    """
    count = -(-limit // SIZE)
    return spans[-count - 1].last if limit and len(spans) > count else ""


def needed(spans: Iterable[Span], ids: Iterable[str]) -> list[Span]:
    """Choose the segments that hold any of these deployments."""
    wanted = sorted(ids)
    return [
        span
        for span in spans
        if wanted and span.first <= wanted[-1] and any(span.holds(deployment_id) for deployment_id in wanted)
    ]


def full(by_deployment: Mapping[str, Sequence[Copy]]) -> list[tuple[str, str, list[Copy]]]:
    """Group deployments into full segments, oldest first; leave out the rest.

    Each is its first id, its last id, and its copies.
    """
    ids = sorted(by_deployment)
    groups = [ids[at : at + SIZE] for at in range(0, len(ids) - SIZE + 1, SIZE)]
    return [
        (group[0], group[-1], [copy for deployment_id in group for copy in by_deployment[deployment_id]])
        for group in groups
    ]
