"""Copies an image from registry to registry, byte for byte: the digest at the end is the digest at the start.

Blobs first, then the manifests of an index, then the index: what a registry has is whole at any moment, and a copy that
died is gone on with. Attestations are manifests of an index too, and travel with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from tagship.adapters.oci.client import Passing, RegistryClient, chunks
from tagship.domain import commands
from tagship.domain.oci import Descriptor, RawManifest
from tagship.errors import ArtifactMissing, NotAuthentic

AT_ONCE = 6  # blobs; as many as docker and skopeo take


@dataclass(frozen=True)
class ImagePlace:
    """A repository of a registry: `name` is the API's."""

    client: RegistryClient
    name: str

    def __str__(self) -> str:
        return f"{self.client.host}/{self.name}"


@dataclass(frozen=True)
class Body:
    """A blob on its way: read once, and hashed as it goes."""

    parts: Iterator[bytes]
    size: int
    digest: str
    place: ImagePlace

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts.

        Raises NotAuthentic before the last one if the digest is another, Passing if a part is missing.
        """
        # The last part is held back: without it the other end never has a whole blob.
        whole, before, total = hashlib.sha256(), b"", 0
        for part in self.parts:
            whole.update(part)
            total += len(part)
            if total > self.size:
                break
            if before:
                yield before
            before = part
        if total < self.size:
            raise Passing(f"{self.place} ended after {total:,} of {self.size:,} bytes")
        if total > self.size or f"sha256:{whole.hexdigest()}" != self.digest:
            raise NotAuthentic(
                f"{self.place} has other bytes than {self.digest}, which is what an image names.",
                remedy=f"Build the image again: {commands.build()}",
            )
        yield before


@dataclass(frozen=True)
class Copying:
    """A copy of one image to another repository."""

    source: ImagePlace
    to: ImagePlace

    def copy(self, digest: str, tags: Sequence[str] = ()) -> RawManifest:
        """Copy the image of a digest, whole, then set tags.

        Raises ArtifactMissing, NotAuthentic.
        """
        manifest = self._manifest(digest)
        if not self.to.client.has(self.to.name, "manifests", digest):
            self._whole(manifest)
        for tag in tags:
            self._tag(tag, manifest)
        return manifest

    def point(self, digest: str, tag: str) -> None:
        """Have a tag name the image of a digest from now on.

        Raises ArtifactMissing.
        """
        manifest, client = self._manifest(digest), self.to.client
        existing = client.manifest(self.to.name, tag)
        if existing is None or existing.digest != digest:
            client.put_manifest(self.to.name, tag, manifest)

    def _tag(self, tag: str, manifest: RawManifest) -> None:
        """Set a tag that is free, or this image's already. Raises NotAuthentic."""
        existing = self.to.client.manifest(self.to.name, tag)
        if existing and existing.digest != manifest.digest:
            raise NotAuthentic(
                f"{self.to}:{tag} is {existing.digest} already, and not {manifest.digest}.",
                state="That tag stays as it is.",
                remedy=f"Find out who pushed it; then ship under the next number: {commands.deploy_dev()}",
            )
        if existing is None:
            self.to.client.put_manifest(self.to.name, tag, manifest)

    def _whole(self, manifest: RawManifest) -> None:
        children = [self._manifest(child.digest) for child in manifest.children]
        blobs = {blob.digest: blob for image in (*children, manifest) for blob in image.blobs}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._blob, sorted(blobs.values(), key=lambda blob: -blob.size)))
        for part in (*children, manifest):
            self.to.client.put_manifest(self.to.name, part.digest, part)

    def _manifest(self, digest: str) -> RawManifest:
        manifest = self.source.client.manifest(self.source.name, digest)
        if manifest is None:
            raise ArtifactMissing(
                f"{self.source}@{digest} is gone: the registry does not have it.",
                remedy=f"Take another version, or ship the commit under the next number: {commands.deploy_dev()}",
            )
        return manifest

    def _blob(self, blob: Descriptor) -> None:
        """Bring a blob to the other end: mounted, or sent."""
        client, name = self.to.client, self.to.name
        if client.has(name, "blobs", blob.digest):
            return
        same = self.source.client.host == client.host
        place = client.mounted(name, blob.digest, self.source.name if same else "")
        places = [place]  # an upload that failed can't be gone on with: each try after the first begins another

        def sent() -> None:
            url = places.pop() if places else client.mounted(name, blob.digest, "")
            self._send(blob, url)

        if place:
            client.patiently(sent, f"{name}/blobs/{blob.digest}")

    def _send(self, blob: Descriptor, url: str) -> None:
        with closing(self.source.client.blob(self.source.name, blob.digest)) as answer:
            body = Body(chunks(answer), blob.size, blob.digest, self.source)
            self.to.client.upload(self.to.name, url, blob.digest, body if blob.size else b"", blob.size)
