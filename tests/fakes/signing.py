"""A signer and verifier without cryptography: the signature of bytes is their hash under a word."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Mapping

from tagship.domain.keys import P_256, key_id, not_believed
from tagship.errors import NotAuthentic


class WordSigner:
    """Signs with a word, and verifies with that and `older` ones. With `fresh`, no two signatures of the same bytes are
    alike.
    """

    def __init__(self, word: str = "release", *older: str, revoked: str = "", fresh: bool = True) -> None:
        self.word, self.older, self.revoked = word, older, revoked
        self._nonces = (f"{n:08d}".encode() for n in itertools.count(1)) if fresh else itertools.repeat(b"00000000")

    def sign(self, raw: bytes) -> bytes:
        return _signature(self.word, raw, next(self._nonces))

    def verify(self, raw: bytes, signature: bytes, where: str, key: str = "") -> None:
        known = self._known()
        if key and key not in known:
            raise NotAuthentic(not_believed(where, key, known, [self.revoked]), remedy="Publish it again.")
        words = [word for id_, word in known.items() if key in {"", id_}]
        if not any(_signature(word, raw, signature[:8]) == signature for word in words):
            raise NotAuthentic(f"The signature of {where} is not by the release key.", remedy="Publish it again.")

    def public_keys(self) -> Mapping[str, str]:
        return {id_: public(word) for id_, word in self._known().items()}

    def _known(self) -> dict[str, str]:
        known = {key_id(public(word)): word for word in (self.word, *self.older)}
        return {id_: word for id_, word in known.items() if id_ != self.revoked}


def public(word: str) -> str:
    """What stands for the public key of a word: no point of the curve, but as long as one."""
    body = P_256 + base64.b64encode(hashlib.sha512(word.encode()).digest()).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body[:64]}\n{body[64:]}\n-----END PUBLIC KEY-----\n"


def _signature(word: str, raw: bytes, nonce: bytes) -> bytes:
    return nonce + hashlib.sha256(nonce + word.encode() + raw).digest()
