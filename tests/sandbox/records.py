"""Signed records in a bucket that is a folder: resets of fencing numbers and boot pointers, right or forged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain import layout
from tagship.domain.fence import FenceReset
from tagship.domain.sealed import seal
from tests.sandbox.bundles import release_key

EVIL = ec.generate_private_key(ec.SECP256R1())


def sealed(values: dict[str, Any], key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Sign as the release key does, or as another."""
    return seal(values, lambda body: (key or release_key()).sign(body, ec.ECDSA(hashes.SHA256())))


def reset(start: int, **changes: Any) -> dict[str, Any]:
    """The values of a reset of dev."""
    at = "2026-11-20T12:00:00+00:00"
    return {**FenceReset("hello", "dev", start, at, "ada@laptop", "the numbers ran away").as_data(), **changes}


def put_reset(bucket: Path, raw: bytes) -> None:
    path = bucket / layout.fence("hello", "dev")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
