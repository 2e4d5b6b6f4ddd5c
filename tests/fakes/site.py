"""A static set's destination in memory, and artifacts that have sets."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tagship.domain import layout
from tagship.domain.content_types import content_type
from tagship.domain.manifest import Manifest, StaticRef, sha256
from tagship.domain.static_set import StaticFile, StaticSet
from tagship.errors import ServiceFailed
from tests.fakes.app import FakeApp


@dataclass
class FakeSite:
    """`before` and `after` are called with (verb, path) around each effect: a test crashes there."""

    objects: dict[str, tuple[bytes, StaticFile]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    tagged: bool = False
    unasked: str = ""  # why it can't be asked about tags
    invalidations: list[tuple[Sequence[str], str]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda _verb, _path: None
    after: Callable[[str, str], None] = lambda _verb, _path: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, path: str, body: bytes, file: StaticFile) -> None:
        with self._lock:
            self.before("put", path)
            assert hashlib.sha256(body).hexdigest() == file.sha256, "S3 compares it"
            self.objects[path] = body, file
            self.puts.append(path)
            self.after("put", path)

    def delete(self, paths: Sequence[str]) -> None:
        self.before("delete", paths[0])
        for path in paths:
            self.objects.pop(path, None)
        self.after("delete", paths[0])

    def knows_tags(self) -> bool:
        if self.unasked:
            raise ServiceFailed(self.unasked, remedy="Allow it")
        return self.tagged

    def invalidate(self, paths: Sequence[str], reference: str) -> str:
        self.before("invalidate", paths[0])
        used = next((asked for asked, before in self.invalidations if before == reference), tuple(paths))
        assert used == tuple(paths), f"CloudFront refuses {reference}, which was used for {used}"
        self.invalidations.append((tuple(paths), reference))
        self.after("invalidate", paths[0])
        return f"I{len(self.invalidations)}"

    def serves(self, files: Mapping[str, bytes]) -> bool:
        """Whether each of these files is served as it is."""
        return all(self.objects.get(path, (b"", None))[0] == body for path, body in files.items())


def publish_set(app: FakeApp, version: str, files: Mapping[str, bytes], environment: str = "dev") -> None:
    """Have a published artifact name a static set `site`, signed anew."""
    rules = app.settings.static["site"]
    raw, listed = io.BytesIO(), {}
    with zipfile.ZipFile(raw, "w") as archive:
        for path, body in files.items():
            archive.writestr(zipfile.ZipInfo(path), body)
            listed[path] = StaticFile(sha256(body), content_type(path), rules.cache_control(path), rules.tags(path))
    made, zipped = StaticSet(listed).to_json(), raw.getvalue()
    where = {name: layout.artifact("hello", environment, version, name) for name in NAMES}
    ref = StaticRef(where[layout.static("site")], sha256(zipped), len(zipped), sha256(made))
    manifest = Manifest.from_json(app.store.objects.pop(where[layout.MANIFEST]).body, version)
    app.store.objects.pop(where[layout.SIGNATURE])
    signed = replace(manifest, static={"site": ref}).to_json()
    app.store.create(where[layout.static("site")], zipped)
    app.store.create(where[layout.static_files("site")], made)
    app.store.create(where[layout.SIGNATURE], app.signer.sign(signed))
    app.store.create(where[layout.MANIFEST], signed)


NAMES = (layout.MANIFEST, layout.SIGNATURE, layout.static("site"), layout.static_files("site"))
