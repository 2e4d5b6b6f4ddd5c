"""Signed statements about an artifact: in-toto statements, each in a DSSE envelope.

https://github.com/in-toto/attestation, https://github.com/secure-systems-lab/dsse
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from tagship.domain import layout
from tagship.domain.manifest import ImageRef, Manifest, StaticRef
from tagship.errors import NotAuthentic

STATEMENT = "https://in-toto.io/Statement/v1"
SBOM = "https://cyclonedx.org/bom"  # the predicate of a bill of materials
PAYLOAD = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Statement:
    """What is said of an artifact's parts: `subjects` are name -> `sha256:…`."""

    subjects: Mapping[str, str]
    kind: str  # the predicate's type
    predicate: Mapping[str, Any]

    def to_json(self) -> bytes:
        """Write the in-toto statement, in bytes that never vary."""
        subjects = [
            {"name": name, "digest": dict([digest.split(":", 1)])} for name, digest in sorted(self.subjects.items())
        ]
        value = {"_type": STATEMENT, "subject": subjects, "predicateType": self.kind, "predicate": self.predicate}
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def read(cls, raw: bytes, where: str, kind: str) -> Self:
        """Read a statement of that kind. Raises NotAuthentic."""
        try:
            value = json.loads(raw)
            pairs = [(subject["name"], *subject["digest"].items()) for subject in value["subject"]]
            subjects = {name: f"{algorithm}:{digest}" for name, (algorithm, digest) in pairs}
            if (value["_type"], value["predicateType"]) != (STATEMENT, kind):
                raise unread(where)
            return cls(subjects, kind, dict(value["predicate"]))
        except (ValueError, TypeError, KeyError, AttributeError) as reason:
            raise unread(where) from reason


def subjects_of(
    place: str,
    bundle_sha256: str,
    images: Iterable[ImageRef],
    packages: Mapping[str, str] | None = None,
    static: Mapping[str, StaticRef] | None = None,
) -> dict[str, str]:
    """List an artifact's parts by name; `place` is app/environment/artifact id.

    `packages` are name -> SHA-256 of its zip files. A static set has two objects: its files, and their list.
    """
    files = {layout.BUNDLE: bundle_sha256} | {layout.package(name): sha for name, sha in (packages or {}).items()}
    for name, ref in (static or {}).items():
        files |= {layout.static(name): ref.sha256, layout.static_files(name): ref.files_sha256}
    parts = {f"{place}/{name}": f"sha256:{digest}" for name, digest in files.items()}
    return parts | {image.pushed_to: image.digest for image in images if not image.built_for}


def taken(images: Iterable[ImageRef]) -> dict[str, str]:
    """List images that were built for another artifact."""
    return {image.pushed_to: image.digest for image in images if image.built_for}


def subjects_of_manifest(manifest: Manifest) -> dict[str, str]:
    """List the parts that a manifest names."""
    packages = {name: package.sha256 for name, package in manifest.packages.items()}
    return subjects_of(
        place_of(manifest), manifest.bundle.sha256, manifest.every_image.values(), packages, manifest.static
    )


def place_of(manifest: Manifest) -> str:
    """Name the artifact as its attestations do."""
    return f"{manifest.app}/{manifest.published}/{manifest.artifact_id}"


def to_sign(statement: bytes) -> bytes:
    """Encode what is signed: DSSE's pre-authentication encoding."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement)


def sealed(statement: bytes, signature: bytes, key: str) -> bytes:
    """Write the envelope; `key` is the id of the key that signed."""
    payload, signed = (base64.b64encode(part).decode() for part in (statement, signature))
    value = {"payloadType": PAYLOAD, "payload": payload, "signatures": [{"keyid": key, "sig": signed}]}
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def opened(envelope: bytes, where: str) -> tuple[bytes, bytes, str]:
    """Return an envelope's statement, its signature and the key's id.

    None of them is verified. Raises NotAuthentic.
    """
    try:
        value: dict[str, Any] = json.loads(envelope)
        [signature] = value["signatures"]
        if value["payloadType"] != PAYLOAD:
            raise unread(where)
        payload, signed = (base64.b64decode(text, validate=True) for text in (value["payload"], signature["sig"]))
        return payload, signed, str(signature["keyid"])
    except (ValueError, TypeError, KeyError) as reason:
        raise unread(where) from reason


def unread(where: str) -> NotAuthentic:
    """Build the error of something that tagship did not write."""
    return NotAuthentic(f"{where} is not an attestation as tagship writes it.", remedy="Find out who put it there")
