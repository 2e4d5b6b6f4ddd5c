"""The manifest: the signed JSON that names an artifact's parts. An artifact without one does not exist."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from tagship.domain import commands
from tagship.domain.bundle import HostFiles
from tagship.domain.secrets import SecretRef
from tagship.errors import NotAuthentic

SCHEMA = 1
# Older manifests lack them.
LATER = (
    "committed",
    "images",
    "irreversible",
    "legacy",
    "packages",
    "promoted",
    "provenance_sha256",
    "sbom_sha256",
    "signed_by",
    "static",
)


@dataclass(frozen=True)
class ImageRef:
    """A container image. The digest acts; the tag is a label.

    `platforms` are digests by platform (`linux/arm64`): those in the index that `digest` is, or the image's own alone.
    Empty: nobody noted it. `copied_from` is the repository that it was pushed to first, if it was copied since.
    `inputs` is the digest of what it is made of, if that is known. `built_for` is the artifact that it was built for,
    if that was another.
    """

    repository: str
    tag: str
    digest: str
    platforms: Mapping[str, str] = field(default_factory=dict, hash=False)
    copied_from: str = ""
    inputs: str = ""
    built_for: str = ""

    @property
    def by_digest(self) -> str:
        return f"{self.repository}@{self.digest}"

    @property
    def by_platform(self) -> str:
        """Name the image of its only platform, for who takes no index."""
        digests = set(self.platforms.values())
        return f"{self.repository}@{digests.pop() if len(digests) == 1 else self.digest}"

    @property
    def pushed_to(self) -> str:
        """Name the repository that it was pushed to first."""
        return self.copied_from or self.repository

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """Read an image of a manifest."""
        return cls(**value)

    def to_values(self) -> dict[str, Any]:
        """Write it as a manifest has it."""
        # An older tagship signed these bytes, if nothing is new.
        return {name: value for name, value in asdict(self).items() if value or name in ("repository", "tag", "digest")}


@dataclass(frozen=True)
class BundleRef:
    """The tar.gz that a host unpacks: key, sha256 (hex), size (bytes).

    `sums_sha256` is the sha256 of the bundle's own SHA256SUMS, so that a release kept on a host can be verified again
    without the tar.gz. `unpacked` is the sum of its files' sizes in bytes: a host unpacks no more (0: not known).
    """

    key: str
    sha256: str
    size: int
    sums_sha256: str
    unpacked: int = 0


@dataclass(frozen=True)
class PackageRef:
    """A zip file: key, sha256 (hex), size (bytes).

    `inputs` and `built_for` are as an image's.
    """

    key: str
    sha256: str
    size: int
    inputs: str = ""
    built_for: str = ""


@dataclass(frozen=True)
class Promoted:
    """Where a promoted artifact comes from.

    That is the manifest that was believed there, with its signature. `environment` is the one before, `published` the
    one that it was built and published for: its attestations are about that. `signature` is base64, of the manifest
    whose digest is `manifest_sha256`, by the key `signed_by`.
    """

    environment: str
    published: str
    manifest_sha256: str
    signature: str
    signed_by: str = ""


@dataclass(frozen=True)
class Legacy:
    """The archive from before tagship that an artifact was made of.

    `modified` is when it was stored, ISO 8601 in UTC. Nobody had signed it; who signed the manifest took it as it was.
    """

    key: str
    sha256: str
    modified: str


@dataclass(frozen=True)
class StaticRef:
    """A static set: the zip's key, sha256 (hex), size (bytes).

    `files_sha256` is that of the list of its files, which is beside it. `inputs` and `built_for` are as an image's.
    """

    key: str
    sha256: str
    size: int
    files_sha256: str
    inputs: str = ""
    built_for: str = ""

    @property
    def files_key(self) -> str:
        return self.key.removesuffix(".zip") + ".json"


@dataclass(frozen=True)
class Manifest:
    """What an artifact is, its origin, and the hash of every byte."""

    app: str
    environment: str
    artifact_id: str
    version: str
    commit: str
    branch: str
    tag: str
    build_time: str
    builder: str
    bundle: BundleRef
    files: Mapping[str, str]
    image: ImageRef | None = None  # the environment's own, or the one that its hosts run
    ci_run: str = ""
    ci_url: str = ""
    pull_request: str = ""
    configuration_sha256: str = ""
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)  # by variable
    host_files: HostFiles | None = None
    schema: int = SCHEMA
    provenance_sha256: str = ""  # of provenance.json; empty: nobody's, or from before every artifact had one
    sbom_sha256: str = ""  # of sbom.json
    packages: Mapping[str, PackageRef] = field(default_factory=dict)  # by the name that the settings have
    images: Mapping[str, ImageRef] = field(default_factory=dict)  # by the name that the settings have
    static: Mapping[str, StaticRef] = field(default_factory=dict)  # by the name that the settings have
    signed_by: str = ""  # the id of the key that signs these bytes; empty: nobody's, or from before keys had ids
    promoted: Promoted | None = None  # from the environment before
    legacy: Legacy | None = None  # what it was made of, if that is not a commit
    irreversible: bool = False  # its hook before_switch does what can't be undone
    committed: str = ""  # when the commit was made, by its own word: ISO 8601 in UTC; empty: not known

    @property
    def published(self) -> str:
        """Name the environment that it was built and published for."""
        return self.promoted.published if self.promoted else self.environment

    @property
    def every_image(self) -> dict[str, ImageRef]:
        """Return all images by name."""
        # "" is the environment's own, or the one that its hosts run.
        return {**({"": self.image} if self.image else {}), **self.images}

    @property
    def objects(self) -> list[tuple[str, str, str]]:
        """List its objects beside the bundle: what each is, key, and sha256."""
        parts = [(f"package {name}", package.key, package.sha256) for name, package in self.packages.items()]
        for name, ref in self.static.items():
            both = ((ref.key, ref.sha256), (ref.files_key, ref.files_sha256))
            parts += [(f"static set {name}", key, digest) for key, digest in both]
        return parts

    def to_json(self) -> bytes:
        """Write the canonical bytes, which are signed and stored."""
        # Two-space indent, sorted keys. Without these, the bytes are those that an older tagship signed.
        values = asdict(self)
        values["image"] = self.image.to_values() if self.image else None
        values["images"] = {name: image.to_values() for name, image in self.images.items()}
        values["packages"] = {name: _values(package) for name, package in self.packages.items()}
        values["static"] = {name: _values(ref) for name, ref in self.static.items()}
        for name in LATER:
            if not values[name]:
                del values[name]
        return (json.dumps(values, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes, where: str) -> Self:
        """Read a manifest. Raises NotAuthentic, which names `where` it was read."""
        try:
            value: dict[str, Any] = json.loads(raw)
            if value.get("schema") != SCHEMA:
                raise NotAuthentic(
                    f"{where} has manifest schema {value.get('schema')!r}; this tagship reads schema {SCHEMA}.",
                    remedy=f"Use the tagship that published it, or publish the commit again: {commands.deploy_dev()}",
                )
            image = value.pop("image", None)
            images = {name: ImageRef.read(ref) for name, ref in value.pop("images", {}).items()}
            bundle = BundleRef(**value.pop("bundle"))
            secrets = {name: SecretRef(**ref) for name, ref in value.pop("secrets", {}).items()}
            packages = {name: PackageRef(**ref) for name, ref in value.pop("packages", {}).items()}
            static = {name: StaticRef(**ref) for name, ref in value.pop("static", {}).items()}
            host_files = value.pop("host_files", None)
            promoted = value.pop("promoted", None)
            legacy = value.pop("legacy", None)
            value |= {
                "image": ImageRef.read(image) if image else None,
                "images": images,
                "bundle": bundle,
                "secrets": secrets,
                "packages": packages,
                "promoted": Promoted(**promoted) if promoted else None,
                "legacy": Legacy(**legacy) if legacy else None,
                "static": static,
            }
            return cls(**value, host_files=HostFiles(**host_files) if host_files else None)
        except (ValueError, TypeError, KeyError, AttributeError) as reason:
            raise NotAuthentic(
                f"{where} is not a manifest ({type(reason).__name__}).",
                remedy=f"Publish the commit under a new number: {commands.deploy_dev()}",
            ) from reason


def _values(part: PackageRef | StaticRef) -> dict[str, Any]:
    """Write a part as a manifest has it."""
    # As an older tagship did, if nothing is new.
    return {name: value for name, value in asdict(part).items() if value or name not in ("inputs", "built_for")}


def signer_of(raw: bytes) -> str:
    """Read which key a manifest names, before it is believed; empty: none."""
    try:
        return str(json.loads(raw).get("signed_by", ""))
    except (ValueError, AttributeError):
        return ""


def sha256(raw: bytes) -> str:
    """Hash bytes: SHA-256 in hex, as manifests and hosts write it."""
    return hashlib.sha256(raw).hexdigest()
