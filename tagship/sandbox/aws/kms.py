"""Makes moto's KMS sign as AWS does, and gives it the sandbox's keys.

Follows https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html. Stock moto hashes a DIGEST once more, so that
what it signs does not verify, and takes a message of any length. Does not model: key policies and grants, key states on
Sign, and digests of other algorithms than ECDSA_SHA_256.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey

from tagship.sandbox.aws import stock
from tagship.sandbox.world import World

RAW_LIMIT = 4096  # bytes of a RAW message
DIGEST_LENGTH = 32  # bytes of a SHA-256


class _Digest(bytes):
    """A message that is a hash already."""


def install(world: World) -> None:
    """Sign a DIGEST as it is, and hold the settings' keys."""
    # A message of a wrong length is refused.
    stock.replace(KmsResponse, "_get_param", _checking)
    stock.replace(ECDSAPrivateKey, "sign", _signing)
    for pair, places in world.pairs.items():
        for account, region in places if pair.kms else ():
            _hold(pair.private, pair.kms, account, region)


def _checking(get: Any) -> Any:
    def read(self: KmsResponse, param_name: str, if_none: Any = None) -> Any:
        value = get(self, param_name, if_none)
        if param_name != "Message" or not isinstance(value, bytes):
            return value
        kind = get(self, "MessageType") or "RAW"
        _refuse_length(kind, len(value))
        return _Digest(value) if kind == "DIGEST" else value

    return read


def _signing(sign: Any) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.hashes import SHA256

    def signed(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        if not isinstance(message, _Digest) or signing_algorithm != "ECDSA_SHA_256":
            return cast("bytes", sign(self, message, signing_algorithm))
        return self.private_key.sign(bytes(message), ECDSA(Prehashed(SHA256())))

    return signed


def _refuse_length(kind: str, length: int) -> None:
    if kind == "RAW" and length > RAW_LIMIT:
        raise ValidationException(f"Value at 'message' failed to satisfy constraint: at most {RAW_LIMIT} bytes.")
    if kind == "DIGEST" and length != DIGEST_LENGTH:
        raise ValidationException("Digest is invalid length for algorithm ECDSA_SHA_256.")


def _hold(private_key: Path, name: str, account: str, region: str) -> None:
    """Put a PEM file's P-256 key behind a name of KMS."""
    # An alias, or an id.
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    backend = stock.backend("kms", region, account)
    key = backend.create_key(None, "SIGN_VERIFY", "ECC_NIST_P256", "A key of the sandbox's", None)
    pair = cast("ECDSAPrivateKey", key.private_key)
    pair.private_key = cast("EllipticCurvePrivateKey", load_pem_private_key(private_key.read_bytes(), None))
    if name.startswith("alias/"):
        backend.create_alias(key.id, name)
    else:
        backend.keys[name] = backend.keys.pop(key.id)
