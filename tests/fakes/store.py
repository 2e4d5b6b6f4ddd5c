"""A bucket in memory, as strict as S3 about conditions, and as coarse about time (whole seconds)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship.errors import ServiceFailed
from tagship.ports.bucket import Conflict, Object
from tagship.ports.people import Clock


class MemoryStore:
    """`before` and `after` are called with (verb, key) around every write: a test crashes or races there.

    `writes` holds the (verb, key) of every write that took effect, in order.
    """

    def __init__(self, bucket: str = "hello-artifacts", clock: Clock | None = None) -> None:
        self.bucket = bucket
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] = lambda _verb, _key: None
        self.after: Callable[[str, str], None] = lambda _verb, _key: None
        self.rules: list[Mapping[str, Any]] = []
        self._clock = clock
        self._lock = threading.RLock()

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def now(self) -> datetime:
        return self._now()

    def _now(self) -> datetime:
        return (self._clock.now() if self._clock else datetime.now(UTC)).replace(microsecond=0)

    def get(self, key: str) -> Object | None:
        found = self.objects.get(key)
        return replace(found, now=self._now()) if found else None

    def head(self, key: str) -> Object | None:
        found = self.get(key)
        return replace(found, body=b"") if found else None

    def download(self, key: str, to: Path) -> Object | None:
        found = self.get(key)
        if found:
            to.write_bytes(found.body)
        return self.head(key)

    def create(self, key: str, body: bytes | Path, metadata: Mapping[str, str] | None = None) -> Object:
        raw = body.read_bytes() if isinstance(body, Path) else body
        return self._write("create", key, raw, metadata or {}, lambda there: there is None)

    def copy(self, source: Object, key: str, metadata: Mapping[str, str]) -> None:
        there = self.objects.get(source.key)
        if there is None or there.etag != source.etag:
            raise ServiceFailed(f"{source.key} is gone, or has changed since it was read.", remedy="Run it again")
        self._write("copy", key, there.body, metadata, lambda other: other is None)

    def replace(self, key: str, body: bytes, etag: str) -> Object:
        return self._write("replace", key, body, {}, lambda there: there is not None and there.etag == etag)

    def delete(self, key: str, etag: str) -> None:
        self.before("delete", key)
        with self._lock:
            there = self.objects.get(key)
            if there is None or there.etag != etag:
                raise Conflict(key)
            del self.objects[key]
            self.writes.append(("delete", key))
        self.after("delete", key)

    def delete_all(self, keys: Sequence[str]) -> Mapping[str, str]:
        for start in range(0, len(keys), 1000):
            batch = keys[start : start + 1000]
            self.before("delete_all", batch[0])
            with self._lock:
                gone = [key for key in batch if self.objects.pop(key, None)]
                self.writes += [("delete", key) for key in gone]
            self.after("delete_all", batch[0])
        return {}

    def lifecycle(self, prefix: str) -> Sequence[Mapping[str, Any]]:
        return self.rules

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        last = ""
        for key in sorted(one for one in self.objects if one.startswith(prefix) and one > after):
            shown = _shown(key, prefix, delimiter)
            if shown != last:
                found = self.objects[key]
                folder = shown != key
                yield Object(
                    shown, "" if folder else found.etag, 0 if folder else found.size, found.modified, self._now()
                )
            last = shown

    def _write(
        self, verb: str, key: str, body: bytes, metadata: Mapping[str, str], allowed: Callable[[Object | None], bool]
    ) -> Object:
        self.before(verb, key)
        with self._lock:
            if not allowed(self.objects.get(key)):
                raise Conflict(key)
            now = self._now()
            etag = f'"{hashlib.md5(body).hexdigest()}"'
            digest = hashlib.sha256(body).hexdigest()
            self.objects[key] = Object(key, etag, len(body), now, now, dict(metadata), digest, body)
            self.writes.append((verb, key))
        self.after(verb, key)
        return replace(self.objects[key], body=b"")


def _shown(key: str, prefix: str, delimiter: str) -> str:
    """The key as a listing shows it: cut after the first delimiter that follows the prefix."""
    rest = key[len(prefix) :]
    return prefix + rest[: rest.index(delimiter) + len(delimiter)] if delimiter and delimiter in rest else key
