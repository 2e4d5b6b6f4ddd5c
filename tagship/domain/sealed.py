"""Signed records in one object: canonical JSON, with the signature of all its other lines as a line of its own.

One object, so that a record and its signature can't be of two writings. deploy/host/entry.sh takes the line out and
verifies the others by a key that is pinned for orders, the one that `key` names. What is signed says what kind of
record it is, so none passes for another.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tagship.domain.stored import ODD
from tagship.errors import NotAuthentic

SIGNATURE = "signature"


@dataclass(frozen=True)
class Sealed:
    """A record's values, the bytes that were signed, and their signature.

    The signature is empty if nobody signed it.
    """

    values: Mapping[str, Any]
    body: bytes
    signature: bytes = b""

    def to_json(self) -> bytes:
        """Write the object's bytes: the body with the signature in its place."""
        if not self.signature:
            return self.body
        return canonical({**self.values, SIGNATURE: base64.b64encode(self.signature).decode()})


def canonical(values: Mapping[str, Any]) -> bytes:
    """Write values as canonical JSON: a value a line, by name."""
    return (json.dumps(values, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()


def unsealed(raw: bytes) -> Sealed | None:
    """Read a signed record; None if it has another form."""
    # Another form could be read in two ways, here and by a host.
    try:
        values: dict[str, Any] = json.loads(raw)
        signature = base64.b64decode(values.pop(SIGNATURE, ""), validate=True)
        sealed = Sealed(values, canonical(values), signature)
    except (*ODD, AttributeError):
        return None
    return sealed if sealed.to_json() == raw else None


class Pinned(Protocol):
    """What verifies a signature; see tagship.ports.account."""

    def verify(self, raw: bytes, signature: bytes, where: str, key: str = "") -> None: ...


def seal(values: Mapping[str, Any], sign: Callable[[bytes], bytes] | None) -> bytes:
    """Sign a record's values; without a signer, write them as they are."""
    body = canonical(values)
    return Sealed(values, body, sign(body) if sign else b"").to_json()


def opened(raw: bytes, verifier: Callable[[], Pinned], where: str, *, unsigned: bool, again: str) -> Mapping[str, Any]:
    """Verify a record, and return its values. Raises NotAuthentic.

    One without a signature is believed if `unsigned` ones are; a signature that is there has to verify. `again` is the
    command that writes it again.
    """
    sealed = unsealed(raw)
    subject = f"{where[:1].upper()}{where[1:]}" if where.startswith("the ") else where
    if sealed is None:
        raise NotAuthentic(f"{subject} cannot be read.", remedy=f"Write it again: {again}")
    if sealed.signature:
        verifier().verify(sealed.body, sealed.signature, where, str(sealed.values.get("key", "")))
    elif not unsigned:
        raise NotAuthentic(f"{subject} is not signed.", remedy=f"Write it again: {again}")
    return sealed.values
