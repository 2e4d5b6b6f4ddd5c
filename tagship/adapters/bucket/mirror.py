"""An artifact in another region's bucket and registry, the very same: copied by digest, and compared at both ends.

Every object of an artifact is created and none is overwritten, the manifest last: whoever is cut off goes on from what
is there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.change import Change
from tagship.domain.image import in_region
from tagship.domain.manifest import Manifest, sha256
from tagship.errors import ArtifactMissing, NotAuthentic, ServiceFailed
from tagship.ports.bucket import Conflict, Object, Store
from tagship.ports.images import Registry

ATTESTATIONS = (layout.PROVENANCE, layout.SBOM)


@dataclass(frozen=True)
class Mirror:
    """A region that artifacts are copied to, from their first one."""

    source: Store
    to: Store
    registry: Registry
    region: str

    def carry(self, change: Change) -> None:
        """Copy what a change names. Raises NotAuthentic, ArtifactMissing, ServiceFailed."""
        top = layout.artifact(change.app, change.environment, change.artifact_id, "")
        key = f"{top}{layout.MANIFEST}"
        stored = self.source.get(key)
        if stored is None or sha256(stored.body) != change.manifest_sha256:
            raise NotAuthentic(
                f"{self.source.url(key)} is not what was verified.",
                remedy=f"Ship the next version: {commands.deploy_dev(change.environment)}",
            )
        manifest = Manifest.from_json(stored.body, key)
        for name, digest in self._objects(manifest, top):
            self._copy(name, digest)
        for image in dict.fromkeys(manifest.every_image.values()):
            repository = in_region(image.repository, self.region)
            if repository != image.repository:
                self.registry.copy(image, repository)
        for signature in self._signatures(top):
            self._copy(signature, "")
        self._bring_reset(layout.fence(change.app, change.environment))
        self._copy(key, change.manifest_sha256)

    def _bring_reset(self, key: str) -> None:
        """Copy the last reset of the fencing numbers, for hosts here."""
        reset = self.source.get(key)
        if reset is None:
            return
        copy = self.to.get(key)
        try:
            if copy is None:
                self.to.create(key, reset.body)
            elif copy.body != reset.body:
                self.to.replace(key, reset.body, copy.etag)
        except Conflict as reason:
            raise ServiceFailed(
                f"Somebody else wrote {self.to.url(key)} at this moment.", remedy="Run the same command again"
            ) from reason

    def _objects(self, manifest: Manifest, top: str) -> Iterator[tuple[str, str]]:
        """Yield the keys that a manifest names, each with its SHA-256."""
        yield manifest.bundle.key, manifest.bundle.sha256
        yield from ((key, digest) for _, key, digest in manifest.objects)
        attested = (manifest.provenance_sha256, manifest.sbom_sha256)
        yield from ((f"{top}{name}", digest) for name, digest in zip(ATTESTATIONS, attested, strict=True) if digest)

    def _signatures(self, top: str) -> list[str]:
        """List the signatures: that of its publishing, and those of later keys."""
        begin = f"{top}manifest"
        return [entry.key for entry in self.source.list(begin) if entry.key.endswith(".sig")]

    def _copy(self, key: str, digest: str) -> None:
        """Create the same object, unless it is there. Raises NotAuthentic."""
        copy = self.to.head(key)
        wanted = digest or self._digest(key)
        if copy is None:
            copy = self._created(key)
        if copy.sha256 != wanted:
            raise NotAuthentic(
                f"{self.to.url(key)} has other bytes than {self.source.url(key)}.",
                state="Nothing of it was overwritten, and nothing runs it.",
                remedy=f"Find out who put it there, then ship the next version: {commands.deploy_dev()}",
            )

    def _digest(self, key: str) -> str:
        head = self.source.head(key)
        return head.sha256 if head else ""

    def _created(self, key: str) -> Object:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "object"
            read = self.source.download(key, file)
            if read is None:
                raise ArtifactMissing(
                    f"{self.source.url(key)} is gone.",
                    remedy=f"Ship the next version: {commands.deploy_dev()}",
                )
            try:
                return self.to.create(key, file, _metadata(read))
            except Conflict:
                copy = self.to.head(key)
                return copy or read


def _metadata(read: Object) -> Mapping[str, str]:
    return dict(read.metadata)
