"""Signatures of manifests: ECDSA P-256 with SHA-256, DER-encoded, as `openssl dgst -sha256 -verify` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws
from tagship.domain import commands
from tagship.domain.keys import not_believed, public_keys
from tagship.errors import NotAuthentic, SettingsError
from tagship.ports.account import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

AGAIN = f"Do not deploy it. Publish the commit under a new number: {commands.deploy_dev()}"
RAW_LIMIT = 4096  # bytes that KMS takes as a RAW message (KMS API Reference, Sign)
SETTING = "signing."  # and key or public_key
GENERATE = "openssl ecparam -name prime256v1 -genkey -noout -out"


def signer(key: str, aws: Aws, setting: str = SETTING) -> Signer:
    """Return the signer of a setting: `kms:<key>` or a PEM file's path."""
    if key.startswith("kms:"):
        return KmsSigner(aws, key.removeprefix("kms:"))
    return PemSigner(Path(key), setting)


@dataclass(frozen=True)
class KmsSigner:
    """Signs in KMS with an ECC_NIST_P256 key, which never leaves it."""

    aws: Aws
    key: str

    def sign(self, raw: bytes) -> bytes:
        with self.aws.translated(f"signing with kms:{self.key}"):
            answer = self.aws.client("kms").sign(KeyId=self.key, **message(raw), SigningAlgorithm="ECDSA_SHA_256")
            return answer["Signature"]


def message(raw: bytes) -> dict[str, Any]:
    """Return KMS's arguments for the bytes, or for their SHA-256."""
    # KMS takes no more than RAW_LIMIT bytes; both forms sign `raw`.
    if len(raw) <= RAW_LIMIT:
        return {"Message": raw, "MessageType": "RAW"}
    return {"Message": hashlib.sha256(raw).digest(), "MessageType": "DIGEST"}


@dataclass(frozen=True)
class PemSigner:
    """Signs with a local private key."""

    path: Path
    setting: str = SETTING

    def sign(self, raw: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._key().sign(raw, ECDSA(SHA256()))

    def _key(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as reason:
            raise self._unusable(_because(reason)) from reason
        if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise self._unusable("it is not a P-256 key")
        return key

    def _unusable(self, why: str) -> SettingsError:
        return _unusable(f"{self.setting}key", self.path, why, f"{GENERATE} {self.path}")


@dataclass(frozen=True)
class PemVerifier:
    """Verifies with the public keys of a file that are not revoked."""

    path: Path
    revoked: frozenset[str] = frozenset()
    setting: str = SETTING

    def verify(self, raw: bytes, signature: bytes, where: str, key: str = "") -> None:
        known = self.public_keys()
        if key and key not in known:
            raise NotAuthentic(not_believed(where, key, known, self.revoked), remedy=AGAIN)
        if not any(_signed(pem, raw, signature) for id_, pem in known.items() if key in {"", id_}):
            raise NotAuthentic(
                f"The signature of {where} does not match: the file, its signature or the key was changed.",
                remedy=AGAIN,
            )

    def public_keys(self) -> Mapping[str, str]:
        derive = f"openssl ec -in <private key> -pubout -out {self.path}"
        try:
            known = public_keys(self.path.read_text("utf-8"))
            usable = all(map(_loaded, known.values()))
        except (OSError, ValueError) as reason:
            raise _unusable(f"{self.setting}public_key", self.path, _because(reason), derive) from reason
        if not usable:
            raise _unusable(f"{self.setting}public_key", self.path, "it is not a P-256 key", derive)
        believed = {id_: pem for id_, pem in known.items() if id_ not in self.revoked}
        if not believed:
            raise _unusable(f"{self.setting}public_key", self.path, "every key in it is revoked", derive)
        return believed


def _loaded(pem: str) -> EllipticCurvePublicKey | None:
    """Read a P-256 key; None if it is another kind. Raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode())
    return key if isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1" else None


def _signed(pem: str, raw: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    key = _loaded(pem)
    try:
        if key:
            key.verify(signature, raw, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return key is not None


def _because(reason: Exception) -> str:
    return (reason.strerror or "") if isinstance(reason, OSError) else "it is not a PEM key without a password"


def _unusable(setting: str, path: Path, why: str, make: str) -> SettingsError:
    return SettingsError(
        f"{setting} cannot be used: {path}: {why}.", remedy=f"Correct {setting} in tagship.toml, or make one: {make}"
    )
