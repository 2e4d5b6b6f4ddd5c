"""A signer and verifier without cryptography: the signature of bytes is their hash under a word."""

from __future__ import annotations

import hashlib
import itertools

from tagship.errors import NotAuthentic


class WordSigner:
    """Signs and verifies with a shared word. With `fresh`, no two signatures of the same bytes are alike."""

    def __init__(self, word: str = "release", *, fresh: bool = True) -> None:
        self.word = word
        self._nonces = (f"{n:08d}".encode() for n in itertools.count(1)) if fresh else itertools.repeat(b"00000000")

    def sign(self, raw: bytes) -> bytes:
        return self._signature(raw, next(self._nonces))

    def verify(self, raw: bytes, signature: bytes, where: str) -> None:
        if self._signature(raw, signature[:8]) != signature:
            raise NotAuthentic(f"The signature of {where} is not by the release key.", remedy="Publish it again.")

    def public_key(self) -> str:
        return f"-----BEGIN PUBLIC KEY-----\n{self.word}\n-----END PUBLIC KEY-----\n"

    def _signature(self, raw: bytes, nonce: bytes) -> bytes:
        return nonce + hashlib.sha256(nonce + self.word.encode() + raw).digest()
