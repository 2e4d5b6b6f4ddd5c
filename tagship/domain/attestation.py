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
from tagship.domain.manifest import ImageRef, Manifest, PackageRef, StaticRef
from tagship.errors import NotAuthentic

STATEMENT = "https://in-toto.io/Statement/v1"
SBOM = "https://cyclonedx.org/bom"  # the predicate of a bill of materials
PAYLOAD = "application/vnd.in-toto+json"
PART = "artifact:"  # before the place of a part that is no image, where a URI is asked for


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
    parts: Iterable[PartObject] = (),
) -> dict[str, str]:
    """List an artifact's parts by name; `place` is app/environment/artifact id.

    What was built for another artifact is not among them: see `taken`.
    """
    files = {layout.BUNDLE: bundle_sha256} | {part.name: part.sha256 for part in parts if not part.built_for}
    subjects = {f"{place}/{name}": f"sha256:{digest}" for name, digest in files.items()}
    return subjects | {image.pushed_to: image.digest for image in images if not image.built_for}


def taken(place: str, images: Iterable[ImageRef], parts: Iterable[PartObject] = ()) -> dict[str, str]:
    """List what was built for another artifact.

    Images by repository, other parts by their place.
    """
    above = place.rpartition("/")[0]
    others = {
        f"{PART}{above}/{part.built_for}/{part.name}": f"sha256:{part.sha256}" for part in parts if part.built_for
    }
    return {image.pushed_to: image.digest for image in images if image.built_for} | others


@dataclass(frozen=True)
class PartObject:
    """An object of a package or a static set.

    Its name below the artifact, and its SHA-256 (hex).
    """

    name: str
    sha256: str
    built_for: str = ""


def part_objects(packages: Mapping[str, PackageRef], static: Mapping[str, StaticRef]) -> list[PartObject]:
    """List the objects of packages and sets.

    A set has two: its files, and their list.
    """
    parts = [PartObject(layout.package(name), ref.sha256, ref.built_for) for name, ref in packages.items()]
    for name, made in static.items():
        parts.append(PartObject(layout.static(name), made.sha256, made.built_for))
        parts.append(PartObject(layout.static_files(name), made.files_sha256, made.built_for))
    return parts


def subjects_of_manifest(manifest: Manifest) -> dict[str, str]:
    """List the parts that a manifest names."""
    parts = part_objects(manifest.packages, manifest.static)
    return subjects_of(place_of(manifest), manifest.bundle.sha256, manifest.every_image.values(), parts)


def taken_by_manifest(manifest: Manifest) -> dict[str, str]:
    """List what a manifest names that was built for another artifact."""
    return taken(place_of(manifest), manifest.every_image.values(), part_objects(manifest.packages, manifest.static))


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
