"""The key pairs of a sandbox: files in its folder, a pair for each that the settings name, whoever names them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship.domain.keys import ORDERS, RELEASE
from tagship.settings import Settings, Signing
from tagship.settings.previews import PREVIEWS
from tagship.settings.tables import PLACE

DEFAULT = "123456789012"  # the account of a sandbox, as moto has it


@dataclass(frozen=True)
class Pair:
    """The two PEM files of a pair, and what KMS calls it.

    `kms` is alias/<name> or an id; empty: KMS does not hold it.
    """

    private: Path
    public: Path
    kms: str = ""


Place = tuple[str, str]  # an account and a region


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


def pairs(folder: Path, settings: Settings) -> Mapping[Pair, Sequence[Place]]:
    """List every pair that the settings need, with whose KMS holds it."""
    held: dict[Pair, dict[Place, None]] = {}
    for account in settings.accounts:
        within, place = settings.within(account), (account.account or DEFAULT, account.region)
        names = [*within.environments, *([PREVIEWS] if within.previews.environment else [])]
        for name, purpose in [(name, purpose) for name in names for purpose in (RELEASE, ORDERS)]:
            held.setdefault(pair_of(folder, settings.signing, name, purpose), {})[place] = None
    return {pair: list(places) for pair, places in held.items()}


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
