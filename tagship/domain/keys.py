"""Public keys as they are pinned: P-256 in PEM, known by an id. A file may hold several; the first one signs.

An environment has two purposes for keys. `release` signs manifests, which only CI does; `orders` signs what a person
writes as well: the boot pointer, and resets of the fencing numbers.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping

RELEASE, ORDERS = "release", "orders"
ID = r"^[0-9a-f]{16}$"
# Of every P-256 key: its DER up to the point's two numbers (RFC 5480). deploy/host/entry.sh puts it back.
P_256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"
_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----\s+(.*?)-----END PUBLIC KEY-----", re.S)


def key_id(pem: str) -> str:
    """Name a key: the first 16 hex digits of its DER's SHA-256."""
    return hashlib.sha256(base64.b64decode(_body(pem))).hexdigest()[:16]


def public_keys(text: str) -> dict[str, str]:
    """Read a file's keys, in its order: id -> PEM. Raises ValueError."""
    blocks = [match[0] for match in _BLOCK.finditer(text)]
    if not blocks:
        raise ValueError("no public key")
    try:
        return {key_id(block): block + "\n" for block in blocks}
    except binascii.Error as reason:
        raise ValueError("not base64") from reason


def compact(pem: str) -> str:
    """Return what tells one P-256 key from another, in base64. Raises ValueError."""
    body = _body(pem)
    if not body.startswith(P_256) or len(body) != 124:
        raise ValueError("not a P-256 key")
    return body.removeprefix(P_256)


def pinned(release: Iterable[str], orders: Iterable[str]) -> str:
    """Write PEM keys as a host pins them: a word each."""
    words = [f"{RELEASE}:{compact(pem)}" for pem in release] + [f"{ORDERS}:{compact(pem)}" for pem in orders]
    return " ".join(words)


def with_first(text: str, pem: str) -> str:
    """Write a file's text with that key first; the others stay."""
    others = {id_: block for id_, block in (public_keys(text) if text.strip() else {}).items() if id_ != key_id(pem)}
    return pem.strip() + "\n" + "".join(others.values())


def named(ids: Iterable[str]) -> str:
    """List ids for people; "none" without any."""
    return ", ".join(ids) or "none"


def not_believed(where: str, key: str, known: Mapping[str, str], revoked: Iterable[str]) -> str:
    """Say why what that key signed is not believed."""
    if key in revoked:
        return f"{where} is signed by the key {key}, which is revoked."
    return f"{where} is signed by the key {key}, which does not belong to this environment ({named(known)})."


def _body(pem: str) -> str:
    match = _BLOCK.search(pem)
    if not match:
        raise ValueError("no public key")
    return "".join(match[1].split())


def pem(der: bytes) -> str:
    """Write a public key as openssl reads it."""
    body = base64.encodebytes(der).decode().replace("\n", "")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----"]) + "\n"


def same_key(key: str, other: str) -> bool:
    """Compare two PEM keys; line breaks do not count."""
    return "".join(key.split()) == "".join(other.split())
