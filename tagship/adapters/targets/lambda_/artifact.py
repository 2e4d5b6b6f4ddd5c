"""An artifact as functions need it: its packages, and the variables that its bundle carries."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tagship.domain import commands, layout
from tagship.domain.change import Change
from tagship.domain.lambda_.record import Label
from tagship.domain.manifest import ImageRef, Manifest, PackageRef, sha256
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.ports.bucket import Store
from tagship.settings.lambda_ import variables_file

AGAIN = f"Publish the commit under a new number: {commands.deploy_dev()}"


@dataclass(frozen=True)
class Artifact:
    """The artifact of a change, by its manifest's SHA-256.

    The engine verified that manifest's signature.
    """

    store: Store
    change: Change

    @property
    def label(self) -> Label:
        return Label(self.change.artifact_id, self.change.manifest_sha256)

    @cached_property
    def manifest(self) -> Manifest:
        """Read the manifest. Raises NotAuthentic if it is another."""
        change = self.change
        key = layout.artifact(change.app, change.environment, change.artifact_id, layout.MANIFEST)
        stored = self.store.get(key)
        if stored is None or sha256(stored.body) != change.manifest_sha256:
            raise NotAuthentic(f"{key} is not the manifest that was verified.", remedy=AGAIN)
        return Manifest.from_json(stored.body, key)

    def package(self, name: str) -> PackageRef:
        """Return a package. Raises ArtifactMissing."""
        if name not in self.manifest.packages:
            raise ArtifactMissing(f"{self.change.artifact_id} has no package {name}.", remedy=AGAIN)
        return self.manifest.packages[name]

    @property
    def image(self) -> ImageRef:
        """Return the image. Raises ArtifactMissing."""
        if self.manifest.image is None:
            raise ArtifactMissing(f"{self.change.artifact_id} has no image.", remedy=AGAIN)
        return self.manifest.image

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """Read the settings' variables of that time, and add tagship's own."""
        manifest = self.manifest
        own = {
            "VERSION": manifest.artifact_id,
            "COMMIT_SHA": manifest.commit,
            "BUILD_TIME": manifest.build_time,
            "ENVIRONMENT": manifest.environment,
        }
        return {**self._carried(variables_file(manifest.environment)), **own}

    def _carried(self, path: str) -> Mapping[str, str]:
        """Read a file of the bundle. Raises NotAuthentic if it is altered."""
        stored = self.store.get(self.manifest.bundle.key)
        if stored is None or sha256(stored.body) != self.manifest.bundle.sha256:
            raise NotAuthentic(f"{self.manifest.bundle.key} is not the bundle that the manifest names.", remedy=AGAIN)
        with tarfile.open(fileobj=io.BytesIO(stored.body), mode="r:gz") as archive:
            content = archive.extractfile(path) if path in self.manifest.files else None
            raw = content.read() if content else b"{}"
        values: Mapping[str, str] = json.loads(raw)
        return values
