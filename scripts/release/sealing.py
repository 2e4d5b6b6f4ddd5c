"""A release's provenance: SLSA's, as artifacts have it, carried by the tag's message beside the digests.

A tag names a commit, and its message what that commit builds: whoever builds it again can compare.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.release.dist import read_sums, written
from tagship.domain.attestation import opened, sealed, to_sign
from tagship.domain.provenance import Provenance
from tagship.errors import NotAuthentic, UsageError
from tagship.ports.account import Signer, Verifier

KEYS = "scripts/release/keys.pem"  # whose signatures of releases count; without the file, none is made
NAME = "provenance.json"
_ARMOR = re.compile(r"-----BEGIN DSSE ENVELOPE-----\n(.+?)\n-----END DSSE ENVELOPE-----", re.DOTALL)


def message(version: str, sums: Mapping[str, str], envelope: bytes = b"") -> str:
    """Write the tag's message: the digests of what it builds, and the envelope."""
    lines = [f"tagship {version}", "", written(sums).rstrip()]
    if envelope:
        body = textwrap.fill(base64.b64encode(envelope).decode(), 76)
        lines += ["", "-----BEGIN DSSE ENVELOPE-----", body, "-----END DSSE ENVELOPE-----"]
    return "\n".join(lines)


def envelope_of(text: str) -> bytes:
    """Take the envelope out of a tag's message; empty without one."""
    match = _ARMOR.search(text)
    return base64.b64decode(match[1]) if match else b""


@dataclass(frozen=True)
class Release:
    """A version, its commit, and what that builds: SHA-256 by file name."""

    version: str
    commit: str
    sums: Mapping[str, str]

    @property
    def subjects(self) -> dict[str, str]:
        return {name: f"sha256:{digest}" for name, digest in self.sums.items()}

    @property
    def place(self) -> str:
        return f"tagship/{self.version}"


def seal(release: Release, signer: Signer, verifier: Verifier, seconds: int) -> bytes:
    """Sign what a commit of that time builds. Raises NotAuthentic if `keys.pem` lacks the key."""
    built = datetime.fromtimestamp(seconds, UTC).isoformat()
    statement = Provenance(release.subjects, release.commit, release.place, "", "", built).statement()
    signature, key = signer.sign(to_sign(statement)), next(iter(verifier.public_keys()))
    verifier.verify(to_sign(statement), signature, "what was just signed", key)
    return sealed(statement, signature, key)


def check(text: str, release: Release, verifier: Verifier | None) -> bytes:
    """Hold a tag's message against what was built anew; returns its envelope.

    Raises NotAuthentic if it names other bytes, or (with `verifier`) no signature of a key that counts.
    """
    _compare(read_sums(text), release)
    envelope, tag = envelope_of(text), f"the tag {release.version}"
    if verifier is None:
        return envelope
    if not envelope:
        raise NotAuthentic(f"{tag} carries no signed provenance, and {KEYS} asks for it.", remedy=_ANEW)
    statement, signature, key = opened(envelope, tag)
    verifier.verify(to_sign(statement), signature, tag, key)
    if not Provenance.read(statement, tag).vouches(release.subjects, release.commit, release.place, ""):
        raise NotAuthentic(f"The provenance of {tag} is about another build.", remedy=_ANEW)
    return envelope


_ANEW = "Release the next version: inv release"


def _compare(wanted: Mapping[str, str], release: Release) -> None:
    for name, digest in release.sums.items():
        if wanted.get(name) != digest:
            raise NotAuthentic(
                f"{name} has sha256 {digest} here; the tag {release.version} says {wanted.get(name, 'nothing')}.",
                state="Nothing was published.",
                remedy=f"Look at what differs, then release the next version: git show {release.version}",
            )


def required(root: Path, key: str) -> None:
    """Require a key if releases are signed, and none if not. Raises UsageError."""
    signs = (root / KEYS).is_file()
    if key and not signs:
        raise UsageError(
            f"--key signs, and {KEYS} is not there to verify it.",
            remedy=f"Commit its public half: openssl ec -in {key} -pubout -out {KEYS}",
        )
    if signs and not key:
        raise UsageError(f"{KEYS} is there: a release is signed.", remedy="Name the private key: --key FILE")
