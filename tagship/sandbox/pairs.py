"""The key pairs of a sandbox: files in its folder, a pair for each that the settings name, whoever names them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagship.domain.keys import ORDERS, RELEASE
from tagship.settings import Settings, Signing
from tagship.settings.previews import PREVIEWS
from tagship.settings.tables import PLACE


@dataclass(frozen=True)
class Pair:
    """The two PEM files of a pair, and what KMS calls it.

    `kms` is alias/<name> or an id; empty: KMS does not hold it.
    """

    private: Path
    public: Path
    kms: str = ""


def pair_of(folder: Path, signing: Signing | None, environment: str, purpose: str = RELEASE) -> Pair:
    """Locate the pair of an environment for a purpose."""
    own = signing is not None and signing.has_own(purpose)
    name, key = (ORDERS if own else RELEASE), ""
    if signing:
        key = signing.pair(environment, purpose)[0]
        if PLACE in (signing.order_key if own else signing.key):
            name = f"{environment}-{name}"
    files = folder / "keys" / f"{name}.key.pem", folder / "keys" / f"{name}.pub.pem"
    return Pair(*files, key.removeprefix("kms:") if key.startswith("kms:") else "")


def pairs(folder: Path, settings: Settings) -> Iterator[Pair]:
    """List every pair that the settings need; once each."""
    places = [*settings.environments, *([PREVIEWS] if settings.previews.environment else [])]
    purposes = [(name, purpose) for name in places for purpose in (RELEASE, ORDERS)]
    yield from dict.fromkeys(pair_of(folder, settings.signing, *purpose) for purpose in purposes)


def make(pair: Pair) -> None:
    """Make an ECDSA P-256 pair of PEM files, unless there is one."""
    # Only its owner can read the private one.
    if pair.private.is_file() and pair.public.is_file():
        return
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pair.private.parent.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(pair.private, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
    pair.public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
