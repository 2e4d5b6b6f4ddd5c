"""Signatures of manifests: ECDSA P-256 with SHA-256, DER-encoded, as `openssl dgst -sha256 -verify` reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws
from tagship.domain import commands
from tagship.errors import NotAuthentic, SettingsError
from tagship.ports.account import Signer

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

RAW_LIMIT = 4096  # bytes that KMS takes as a RAW message (KMS API Reference, Sign)
GENERATE = "openssl ecparam -name prime256v1 -genkey -noout -out"


def signer(key: str, aws: Aws) -> Signer:
    """Return the signer of a setting: `kms:<key>` or a PEM file's path."""
    return KmsSigner(aws, key.removeprefix("kms:")) if key.startswith("kms:") else PemSigner(Path(key))


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
            raise _unusable("signing.key", self.path, _because(reason), f"{GENERATE} {self.path}") from reason
        if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise _unusable("signing.key", self.path, "it is not a P-256 key", f"{GENERATE} {self.path}")
        return key


@dataclass(frozen=True)
class PemVerifier:
    """Verifies with the pinned public key."""

    path: Path

    def verify(self, raw: bytes, signature: bytes, where: str) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key().verify(signature, raw, ECDSA(SHA256()))
        except InvalidSignature as reason:
            raise NotAuthentic(
                f"The signature of {where} does not match: the file, its signature or the key was changed.",
                remedy=f"Do not deploy it. Publish the commit under a new number: {commands.deploy_dev()}",
            ) from reason

    def public_key(self) -> str:
        self._key()  # raises where it is none
        return self.path.read_text("utf-8")

    def _key(self) -> EllipticCurvePublicKey:
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        derive = f"openssl ec -in <private key> -pubout -out {self.path}"
        try:
            key = load_pem_public_key(self.path.read_bytes())
        except (OSError, ValueError) as reason:
            raise _unusable("signing.public_key", self.path, _because(reason), derive) from reason
        if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise _unusable("signing.public_key", self.path, "it is not a P-256 key", derive)
        return key


def _because(reason: Exception) -> str:
    return (reason.strerror or "") if isinstance(reason, OSError) else "it is not a PEM key without a password"


def _unusable(setting: str, path: Path, why: str, make: str) -> SettingsError:
    return SettingsError(
        f"{setting} cannot be used: {path}: {why}.", remedy=f"Correct {setting} in tagship.toml, or make one: {make}"
    )
