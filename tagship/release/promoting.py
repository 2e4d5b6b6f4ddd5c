"""Carrying an artifact to the next environment: the very bytes, and a manifest of its own.

A host believes what its environment's key has signed for that environment, and nothing else. So the manifest is issued
again: it names the same bundle, packages, image and attestations by the same digests, the secrets of the environment
that it goes to, and the manifest that was believed in the one before, with its signature. Nothing is built.

Each object is created and none is overwritten, the manifest last: without it the artifact does not exist. So whoever
runs it again after a crash goes on from what is there, and arrives at the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.manifest import ImageRef, Manifest, PackageRef, Promoted, StaticRef, sha256
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import Stored, stored_manifest, verified
from tagship.engine.attested import check_named, require_all
from tagship.engine.github_attested import carry as carry_attestations
from tagship.engine.storing import said_to_be_stored
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.release.attesting import check_pair
from tagship.release.manifests import put_manifest
from tagship.release.secrets import resolved
from tagship.settings import own

ATTESTATIONS = (layout.PROVENANCE, layout.SBOM)


@dataclass(frozen=True)
class Passage:
    """An artifact that is to go from one environment to the next."""

    source: str
    to: str
    artifact_id: ArtifactId

    @property
    def command(self) -> str:
        return commands.promote(self.source, self.to, self.artifact_id)

    def key(self, app: App, name: str, *, onward: bool) -> str:
        """Spell an object's key, where it comes from or `onward`."""
        return layout.artifact(app.settings.app, self.to if onward else self.source, self.artifact_id, name)


def believed(app: App, promotion: Passage) -> Stored:
    """Read what is to be promoted, and verify all of it."""
    stored = signed(app, promotion)
    require_origin(app, promotion, stored.manifest)
    return stored


def signed(app: App, promotion: Passage) -> Stored:
    """Read what is to be promoted. Raises Refused if nobody signed it."""
    stored = verified(app, promotion.source, promotion.artifact_id)
    if not stored.signed:
        raise Refused(
            f"{promotion.artifact_id} is unsigned on {promotion.source}, and only signed artifacts are promoted.",
            remedy=f"Name keys under [signing], and ship the next version: {commands.deploy_dev(promotion.source)}",
        )
    return stored


def require_origin(app: App, promotion: Passage, manifest: Manifest) -> str:
    """Require its attestations, and what the next environment asks for."""
    return require_all(app, manifest, promotion.to)


def issued(app: App, promotion: Passage, source: Stored) -> Manifest:
    """Return the next environment's manifest: the stored one, or a new one.

    Raises Refused if there is another artifact under that id.
    """
    stored = stored_manifest(app, promotion.to, promotion.artifact_id)
    if stored is None:
        return _issued(app, promotion, source)
    if stored.promoted is None or stored.promoted.manifest_sha256 != source.manifest_sha256:
        raise Refused(
            f"{promotion.artifact_id} is taken in {promotion.to}: it was not promoted from {promotion.source}.",
            state="The objects stored under that id are unchanged.",
            remedy=f"See what ran: {commands.history(promotion.to, version=promotion.artifact_id)}",
        )
    return stored


def _issued(app: App, promotion: Passage, source: Stored) -> Manifest:
    was = source.manifest
    signature = app.store.get(promotion.key(app, layout.SIGNATURE, onward=False))
    came = Promoted(
        promotion.source,
        was.published,
        source.manifest_sha256,
        base64.b64encode(signature.body if signature else b"").decode(),
        was.signed_by,
    )
    images, host = _images(app, promotion, was), app.settings.environment(promotion.to).target.host_image
    images |= {"": images[host]} if host else {}
    packages = {
        name: replace(package, key=promotion.key(app, layout.package(name), onward=True))
        for name, package in _packages(app, promotion, was).items()
    }
    return replace(
        was,
        environment=promotion.to,
        bundle=replace(was.bundle, key=promotion.key(app, layout.BUNDLE, onward=True)),
        packages=packages,
        static=_static(app, promotion, was),
        image=images.get(""),
        images={name: image for name, image in images.items() if name},
        secrets=resolved(app, promotion.to),
        configuration_sha256=_configuration(app, promotion, was),
        signed_by=app.keys(promotion.to).id,
        promoted=came,
    )


def _packages(app: App, promotion: Passage, was: Manifest) -> Mapping[str, PackageRef]:
    """Return all packages. Raises Refused if one was not built."""
    target = app.settings.environment(promotion.to).target
    missing = [name for name in target.packages if name not in was.packages]
    if missing:
        raise Refused(
            f"{promotion.to} runs the package {missing[0]}, and {promotion.artifact_id} was built without it.",
            remedy=f"Have {promotion.source} make it too, then ship: {commands.deploy_dev(promotion.source)}",
        )
    return was.packages


def _images(app: App, promotion: Passage, was: Manifest) -> dict[str, ImageRef]:
    """Return all images, as the next environment names them.

    Raises Refused if it runs one that was not built.
    """
    images = was.every_image
    for name, image in app.settings.images_of(promotion.to).items():
        if name not in images:
            words = f"the image {name}" if name else "an image"
            raise Refused(
                f"{promotion.to} runs {words}, and {promotion.artifact_id} was built without one.",
                remedy=f"Have {promotion.source} build it too, then ship: {commands.deploy_dev(promotion.source)}",
            )
        images[name] = _moved(images[name], image.repository)
    return images


def _moved(image: ImageRef, repository: str) -> ImageRef:
    """Name an image in another repository, and its first one."""
    if repository in ("", image.repository):
        return image
    came = image.pushed_to if image.pushed_to != repository else ""
    return replace(image, repository=repository, copied_from=came)


def _static(app: App, promotion: Passage, was: Manifest) -> Mapping[str, StaticRef]:
    """Return all static sets. Raises Refused if one was not built."""
    missing = [name for name in app.settings.static_sets(promotion.to) if name not in was.static]
    if missing:
        raise Refused(
            f"{promotion.to} serves the static set {missing[0]}, and {promotion.artifact_id} was built without it.",
            remedy=f"Have {promotion.source} serve it too, then ship: {commands.deploy_dev(promotion.source)}",
        )
    return {
        name: replace(ref, key=promotion.key(app, layout.static(name), onward=True)) for name, ref in was.static.items()
    }


def _configuration(app: App, promotion: Passage, was: Manifest) -> str:
    """Digest what the bundle carries. Raises Refused if that is nothing."""
    paths = sorted(app.unfilled(promotion.to).files())
    missing = [path for path in paths if path not in was.files]
    if missing:
        raise Refused(
            f"The bundle of {promotion.artifact_id} has no {missing[0]}: it was built before {promotion.to} was in "
            "tagship.toml.",
            remedy=f"Ship the next version, which has it: {commands.deploy_dev(promotion.source)}",
        )
    digests = [was.files[path] for path in paths]
    return digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode())


# -- the objects -------------------------------------------------------------------------------------------------------


def carry(app: App, promotion: Passage, source: Stored, manifest: Manifest) -> Manifest:
    """Create every object, the manifest last, and read all back."""
    with said_to_be_stored(app, promotion.to, promotion.artifact_id):
        for name, digest in _objects(source.manifest):
            _copy(app, promotion, name, digest)
        _copy_images(app, source.manifest, manifest)
        carry_attestations(app, source.manifest, promotion.to)
        _put_signature(app, promotion, manifest)
        key, remedy = promotion.key(app, layout.MANIFEST, onward=True), commands.deploy_dev(promotion.source)
        put_manifest(app, key, manifest.to_json(), _metadata(app, promotion), f"Ship the next version: {remedy}")
        stored = verified(app, promotion.to, promotion.artifact_id)
        check_named(app, stored.manifest)
    return stored.manifest


def _objects(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the names of an artifact's objects, each with its SHA-256."""
    yield layout.BUNDLE, manifest.bundle.sha256
    for name, package in manifest.packages.items():
        yield layout.package(name), package.sha256
    for name, ref in manifest.static.items():
        yield layout.static(name), ref.sha256
        yield layout.static_files(name), ref.files_sha256
    for name, digest in zip(ATTESTATIONS, (manifest.provenance_sha256, manifest.sbom_sha256), strict=True):
        if digest:
            yield name, digest


def _copy(app: App, promotion: Passage, name: str, digest: str) -> None:
    """Create the same object at the other end, held to its digest."""
    key = promotion.key(app, name, onward=True)
    head = app.store.head(key)
    if head is None:
        _create(app, promotion, name, digest)
        head = app.store.head(key)
    if head is None or head.sha256 != digest:
        raise NotAuthentic(
            f"{app.store.url(key)} has other bytes than {promotion.source} has.",
            state="Without a manifest it is not an artifact.",
            remedy=f"Find out who put it there, then ship the next version: {commands.deploy_dev(promotion.source)}",
        )


def _copy_images(app: App, source: Manifest, manifest: Manifest) -> None:
    """Have each image in the next environment's repository, by digest."""
    copies = {
        (image.by_digest, manifest.every_image[name].repository): image
        for name, image in source.every_image.items()
        if manifest.every_image[name].repository != image.repository
    }
    for (_, repository), image in copies.items():
        copied = app.registry.copy(image, repository)
        app.screen.say(f"{image.by_digest} is in {copied.repository}:{copied.tag}, the same bytes")


def _create(app: App, promotion: Passage, name: str, digest: str) -> None:
    place = own(app.root) / "promote" / promotion.to / promotion.artifact_id
    file = place / Path(name).name
    place.mkdir(parents=True, exist_ok=True)
    try:
        head = app.store.download(promotion.key(app, name, onward=False), file)
        if head is None or _digest(file) != digest:
            raise NotAuthentic(
                f"{name} of {promotion.artifact_id} on {promotion.source} is not what its manifest names.",
                remedy=f"Ship the next version: {commands.deploy_dev(promotion.source)}",
            )
        app.store.create(promotion.key(app, name, onward=True), file, head.metadata)
    except Conflict:
        app.screen.say(f"{name} is stored already; continuing from it")
    finally:
        shutil.rmtree(place)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _put_signature(app: App, promotion: Passage, manifest: Manifest) -> None:
    """Create the signature; one that is there has to verify the manifest."""
    raw, keys = manifest.to_json(), app.keys(promotion.to)
    signature = keys.signer.sign(raw)
    check_pair(keys, raw, signature)
    key = promotion.key(app, layout.SIGNATURE, onward=True)
    try:
        app.store.create(key, signature, _metadata(app, promotion))
    except Conflict:
        existing = app.store.get(key)
        _check_signature(app, promotion, raw, existing.body if existing else b"")


def _check_signature(app: App, promotion: Passage, raw: bytes, signature: bytes) -> None:
    keys = app.keys(promotion.to)
    try:
        keys.verifier.verify(raw, signature, f"the manifest of {promotion.artifact_id}", keys.id)
    except NotAuthentic as reason:
        raise Refused(
            f"An earlier promotion of {promotion.artifact_id} to {promotion.to} did not end, and a secret, a setting "
            "or the key has changed since.",
            state="The objects stored under that id are unchanged, but not an artifact: there is no manifest.",
            remedy=f"Ship the next version: {commands.deploy_dev(promotion.source)}",
        ) from reason


def _metadata(app: App, promotion: Passage) -> Mapping[str, str]:
    head = app.store.head(promotion.key(app, layout.BUNDLE, onward=True))
    return head.metadata if head else {}
