"""The buckets of an app whose environments are in several accounts, as one store: a key names its environment.

So whoever has a key reads and writes the right bucket, and nobody has to choose it. What is listed across environments
comes from each bucket; a bucket counts for its own environments alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tagship.errors import ServiceFailed
from tagship.ports.bucket import Object, Store


@dataclass(frozen=True)
class SeveralStores:
    """Stores by bucket, the app's own first; see tagship.ports.bucket.Store.

    `bucket_of` names the bucket of a key; empty for a key of no environment, which is in the app's own. `copies` are
    the buckets of regions that have copies of a bucket's artifacts: what is deleted goes there first.
    """

    stores: Mapping[str, Callable[[], Store]]
    bucket_of: Callable[[str], str]
    copies: Mapping[str, Sequence[Callable[[], Store]]] = field(default_factory=dict)

    def _of(self, key: str) -> Store:
        return self.stores[self.bucket_of(key) or next(iter(self.stores))]()

    def url(self, key: str) -> str:
        return self._of(key).url(key)

    def now(self) -> datetime:
        """Tell S3's time, by the first bucket that answers."""
        # One job may have credentials for one account alone.
        problems = list[ServiceFailed]()
        for store in self.stores.values():
            try:
                return store().now()
            except ServiceFailed as reason:
                problems.append(reason)
        raise problems[0]

    def get(self, key: str) -> Object | None:
        return self._of(key).get(key)

    def head(self, key: str) -> Object | None:
        return self._of(key).head(key)

    def download(self, key: str, to: Path) -> Object | None:
        return self._of(key).download(key, to)

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        return self._of(key).create(key, body, metadata)

    def copy(self, source: Object, key: str, metadata: Mapping[str, str]) -> None:
        """Copy within a bucket, or by way of a file."""
        store = self._of(key)
        if self._of(source.key) is store:
            store.copy(source, key, metadata)
            return
        with TemporaryDirectory() as folder:
            file = Path(folder) / "object"
            read = self._of(source.key).download(source.key, file)
            if read is None or read.etag != source.etag:
                problem = f"{self.url(source.key)} is gone, or has changed since it was read."
                raise ServiceFailed(problem, remedy="Run the same command again")
            store.create(key, file, metadata)

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        return self._of(key).replace(key, body, etag)

    def delete(self, key: str, etag: str) -> None:
        self._of(key).delete(key, etag)

    def delete_all(self, keys: Sequence[str]) -> Mapping[str, str]:
        by_bucket: dict[str, list[str]] = {}
        for key in keys:
            by_bucket.setdefault(self.bucket_of(key) or next(iter(self.stores)), []).append(key)
        failed: dict[str, str] = {}
        for bucket, own in by_bucket.items():
            left = dict[str, str]()
            for copies in self.copies.get(bucket, ()):
                left |= copies().delete_all(own)
            failed |= left | dict(self.stores[bucket]().delete_all([key for key in own if key not in left]))
        return failed

    def lifecycle(self, prefix: str) -> Sequence[Mapping[str, Any]]:
        return self._of(prefix).lifecycle(prefix)

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        bucket = self.bucket_of(prefix)
        if bucket:
            yield from self.stores[bucket]().list(prefix, delimiter, after)
            return
        listed = [self._own(name, prefix, delimiter, after) for name in self.stores]
        yield from heapq.merge(*listed, key=lambda entry: entry.key)

    def _own(self, bucket: str, prefix: str, delimiter: str, after: str) -> Iterator[Object]:
        """List what a bucket has, but for other buckets' environments."""
        own = partial(self._belongs, bucket)
        yield from filter(own, self.stores[bucket]().list(prefix, delimiter, after))

    def _belongs(self, bucket: str, entry: Object) -> bool:
        return (self.bucket_of(entry.key) or next(iter(self.stores))) == bucket
