"""Manifests of container images, as registries keep them.

https://github.com/opencontainers/image-spec and https://github.com/opencontainers/distribution-spec. A manifest is
known by the SHA-256 of its very bytes: they are kept as they came, and read here, never written.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tagship.domain import commands
from tagship.errors import NotAuthentic, ServiceFailed

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
KNOWN = INDEXES | {OCI_MANIFEST, DOCKER_MANIFEST}
ATTESTATION = ("vnd.docker.reference.type", "attestation-manifest")  # what buildx notes on it, in an index
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
LARGEST = 4 * 1024 * 1024  # bytes of a manifest: registries take no larger ones


@dataclass(frozen=True)
class Descriptor:
    """What a manifest names: its digest, size in bytes and media type.

    `platform` is os/architecture, or empty; `elsewhere` is true for a layer that its own URLs have.
    """

    digest: str
    size: int
    media_type: str = ""
    platform: str = ""
    attestation: bool = False
    elsewhere: bool = False


@dataclass(frozen=True)
class RawManifest:
    """A manifest's bytes as they came, and their media type."""

    body: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """List the manifests of an index; empty for an image. Raises ServiceFailed."""
        return self._named("manifests") if self.is_index else ()

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """List an image's configuration and layers, each once. Raises ServiceFailed."""
        if self.is_index:
            return ()
        named = (*self._named("config"), *self._named("layers"))
        return tuple({blob.digest: blob for blob in named if not blob.elsewhere}.values())

    @property
    def configuration(self) -> Descriptor:
        """Return the descriptor of an image's configuration. Raises ServiceFailed."""
        return self._named("config")[0]

    @property
    def platforms(self) -> dict[str, str]:
        """Map the platforms of an index to their digests."""
        # An attestation has a platform, unknown/unknown, and is none.
        images = (child for child in self.children if not child.attestation)
        return {child.platform: child.digest for child in images if child.platform not in ("", "unknown/unknown")}

    def _named(self, member: str) -> tuple[Descriptor, ...]:
        try:
            value = json.loads(self.body)[member]
            return tuple(_descriptor(row) for row in (value if isinstance(value, list) else [value]))
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise ServiceFailed(
                f"The manifest {self.digest} ({self.media_type}) can't be read: it has no legal `{member}`.",
                remedy=f"Build the image again: {commands.build()}",
            ) from reason


def raw_manifest(body: bytes, header: str, expected: str, where: str) -> RawManifest:
    """Take a registry's answer. Raises NotAuthentic if it isn't `expected`.

    `header` is its Content-Type; `expected` a digest, or empty if the manifest was asked by tag.
    """
    manifest = RawManifest(body, _media_type(body, header, where))
    if expected and manifest.digest != expected:
        raise NotAuthentic(
            f"{where} answered another manifest than {expected}: its bytes have {manifest.digest}.",
            remedy="Find out what answers for the registry; then run the same command again",
        )
    return manifest


def _media_type(body: bytes, header: str, where: str) -> str:
    """Read the media type of the header, or of the manifest."""
    # OCI leaves `mediaType` optional in the body, and some stores serve application/json.
    named = header.partition(";")[0].strip()
    if named in KNOWN:
        return named
    try:
        value = json.loads(body)
        guess = OCI_INDEX if "manifests" in value else OCI_MANIFEST
        named = str(value.get("mediaType") or (guess if value.get("schemaVersion") == 2 else named))
    except (ValueError, AttributeError, TypeError):
        named = ""
    if named in KNOWN:
        return named
    raise ServiceFailed(
        f"{where} answered a manifest of an unknown kind ({named or 'no JSON'}).",
        remedy=f"Build the image with a current Docker: {commands.build()}",
    )


def _descriptor(row: Mapping[str, Any]) -> Descriptor:
    platform, annotations = row.get("platform") or {}, row.get("annotations") or {}
    parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
    digest = str(row["digest"])
    if not DIGEST.match(digest):
        raise ValueError(digest)
    return Descriptor(
        digest,
        int(row["size"]),
        str(row.get("mediaType", "")),
        "/".join(str(part) for part in parts if part),
        annotations.get(ATTESTATION[0]) == ATTESTATION[1],
        bool(row.get("urls")),
    )


# -- who may ask -------------------------------------------------------------------------------------------------------


def origin(url: str) -> tuple[str, str, int | None]:
    """Return a URL's scheme, host and port: who gets a credential."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:  # no number
        port = None
    return parts.scheme, parts.hostname or "", port


_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:\A|,)\s*(bearer|basic)\b", re.I)


@dataclass(frozen=True)
class Challenge:
    """What a registry asks of whoever showed no good credential.

    `scheme` is bearer or basic.
    """

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def challenge_of(header: str) -> Challenge | None:
    """Read a WWW-Authenticate header, the bearer's part of several; None if unknown.

    https://distribution.github.io/distribution/spec/auth/token/
    """
    starts = list(_SCHEME.finditer(header))
    ends = [*(match.start() for match in starts[1:]), len(header)]
    parts = {match[1].lower(): header[match.end() : end] for match, end in zip(starts, ends, strict=False)}
    if "bearer" in parts:
        given = {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(parts["bearer"])}
        return Challenge("bearer", given.get("realm", ""), given.get("service", ""), given.get("scope", ""))
    return Challenge("basic") if "basic" in parts else None
