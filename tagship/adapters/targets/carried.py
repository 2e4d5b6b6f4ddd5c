"""What an artifact carries for its units: its manifest, its image, and the variables in its bundle."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tagship.domain import commands, layout
from tagship.domain.bundle import variables_file
from tagship.domain.change import Change
from tagship.domain.image import in_region
from tagship.domain.manifest import ImageRef, Manifest, sha256
from tagship.domain.outputs import named_in, put
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.ports.bucket import Store

AGAIN = f"Publish the commit under a new number: {commands.deploy_dev()}"


@dataclass(frozen=True)
class Carried:
    """The artifact of a change, by its manifest's SHA-256.

    The engine verified that manifest's signature.
    """

    store: Store
    change: Change
    region: str = ""  # whose registry has its images; empty: that of the manifest
    outputs: Mapping[str, str] = field(default_factory=dict)  # of infrastructure, that variables may name

    @cached_property
    def manifest(self) -> Manifest:
        """Read the manifest. Raises NotAuthentic if it is another."""
        change = self.change
        key = layout.artifact(change.app, change.environment, change.artifact_id, layout.MANIFEST)
        return Manifest.from_json(self._read(key, change.manifest_sha256), key)

    def image(self, name: str = "") -> ImageRef:
        """Return an image; "" is the environment's own. Raises ArtifactMissing."""
        images = self.manifest.every_image
        if name not in images:
            words = f"image {name}" if name else "image"
            raise ArtifactMissing(f"{self.change.artifact_id} has no {words}.", remedy=AGAIN)
        image = images[name]
        return replace(image, repository=in_region(image.repository, self.region)) if self.region else image

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
        return {**self._named(variables_file(manifest.environment)), **own}

    def _named(self, path: str) -> Mapping[str, str]:
        """Read variables, and fill in the outputs that they name. Raises ArtifactMissing."""
        values: Mapping[str, str] = put(self._file(path), self.outputs)
        if missing := next(named_in(values), None):
            raise ArtifactMissing(
                f"The variable {missing[0]} of {self.change.artifact_id} refers to the output "
                f"{missing[1]}, which is unknown.",
                remedy="Name it in tagship.toml, then ship the next version",
            )
        return values

    def _file(self, path: str) -> Mapping[str, str]:
        """Read a file of the bundle; empty if it is not there."""
        bundle = self.manifest.bundle
        body = self._read(bundle.key, bundle.sha256)
        with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
            content = archive.extractfile(path) if path in self.manifest.files else None
            values: Mapping[str, str] = json.loads(content.read() if content else b"{}")
        return values

    def _read(self, key: str, digest: str) -> bytes:
        """Read an object. Raises NotAuthentic if its bytes are others."""
        stored = self.store.get(key)
        if stored is None or sha256(stored.body) != digest:
            raise NotAuthentic(f"{key} is not what was verified.", remedy=AGAIN)
        return stored.body
