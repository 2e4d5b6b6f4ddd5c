"""What environments of every kind have in common in this process: an app, artifacts for it, and changes to them."""

from __future__ import annotations

import io
import itertools
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tagship.domain import layout
from tagship.domain.change import Change
from tagship.domain.deployment import new_id
from tagship.domain.manifest import BundleRef, Manifest, sha256
from tagship.domain.units import Report
from tagship.ports.target import Target
from tests.fakes.app import FakeApp

HEALTH = {"attempts": 1, "attempts_after_rollback": 1, "passes": 1}


@dataclass
class Place(FakeApp):
    """The ports that a kind is given."""

    aws: Any = None
    region: str = ""


@dataclass
class Deployable(ABC):
    """The environment dev of an app whose changes have fencing numbers that rise."""

    app: Place
    fences: Iterator[int] = field(default_factory=lambda: itertools.count(1), kw_only=True)

    @abstractmethod
    def connect(self) -> Target: ...

    @abstractmethod
    def publish(self, version: str, fault: Any = "") -> tuple[str, str]: ...

    @abstractmethod
    def serving(self) -> list[str]: ...

    @abstractmethod
    def remove(self) -> None: ...

    def short(self, unit: str) -> str:
        """What the tests call a unit."""
        return unit

    def store(self, version: str, **carries: Any) -> tuple[str, str]:
        """Store an artifact that carries that; returns its id and its manifest's SHA-256."""
        files = self.app.settings.files()
        bundle, key = bundled(files), layout.artifact("hello", "dev", version, layout.BUNDLE)
        self.app.store.create(key, bundle)
        manifest = Manifest(
            "hello", "dev", version, version, "0" * 40, "dev", version, "2026-11-20T12:00:00Z", "ada@laptop",
            BundleRef(key, sha256(bundle), len(bundle), "0" * 64),
            {path: sha256(content) for path, content in files.items()},
            **carries,
        )  # fmt: skip
        self.app.store.create(layout.artifact("hello", "dev", version, layout.MANIFEST), manifest.to_json())
        return version, sha256(manifest.to_json())

    def artifact(self, version: str) -> tuple[str, str]:
        """The id and the manifest's SHA-256 of what was stored before."""
        stored = self.app.store.get(layout.artifact("hello", "dev", version, layout.MANIFEST))
        assert stored
        return version, sha256(stored.body)

    def change(self, artifact: tuple[str, str], action: str = "deploy", fence: int = 0) -> Change:
        """A change of a deployment of its own, under the next fencing number."""
        id_ = new_id(self.app.clock.now())
        return Change(action, "hello", "dev", *artifact, id_, fence or next(self.fences))  # type: ignore[arg-type]

    def carry_out(self, change: Change, ticks: list[str] | None = None) -> dict[str, Report]:
        target = self.connect()
        units = target.units()
        shown = [] if ticks is None else ticks
        reports = target.finish(target.start(change, units), change, units, shown.append)
        return {self.short(report.unit): report for report in reports}

    def deploy(self, version: str, fault: Any = "", ticks: list[str] | None = None) -> dict[str, Report]:
        return self.carry_out(self.change(self.publish(version, fault)), ticks)


def bundled(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()
