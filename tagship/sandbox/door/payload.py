"""The body that was signed, checked: S3 names it by its hash, leaves it unsigned, or signs it chunk by chunk.

Follows "Signature calculations for the Authorization header: transferring payload in multiple chunks" of S3's API
reference (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and …-trailers.html).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from tagship.sandbox.door.keys import same
from tagship.sandbox.door.signatures import Forged, Request, Signer

UNSIGNED = ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
CHUNKED = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
NOTHING = sha256(b"").hexdigest()
TRAILER = b"x-amz-trailer-signature:"


def require_untouched(request: Request, signer: Signer) -> None:
    """Refuse a body that was not signed. Raises Forged."""
    named = request.header("x-amz-content-sha256")
    if request.stored and (named in UNSIGNED or not named):
        return
    if request.stored and named in CHUNKED:
        Chunks(request, signer).check(trailed=named == CHUNKED[1])
    elif named and not same(named, sha256(request.body).hexdigest()):
        raise Forged("The body is not the one whose hash was signed.")


@dataclass
class Chunks:
    """A body in signed chunks: each signature covers the one before."""

    request: Request
    signer: Signer

    def __post_init__(self) -> None:
        self._before = self.request.claimed.signature

    def check(self, *, trailed: bool) -> None:
        """Check every chunk's signature, and that of the trailer. Raises Forged."""
        body, size = io.BytesIO(self.request.body), 0
        for data, signature in _chunks(body):
            self._follow("PAYLOAD", f"{NOTHING}\n{sha256(data).hexdigest()}", signature)
            size += len(data)
        if str(size) != self.request.header("x-amz-decoded-content-length"):
            raise Forged("The chunks are not as long as was signed.")
        if trailed:
            lines = body.read().replace(b"\r\n", b"\n").strip(b"\n").split(b"\n")
            signature = lines.pop().removeprefix(TRAILER).decode("latin-1")
            self._follow("TRAILER", sha256(b"\n".join(lines) + b"\n").hexdigest(), signature)

    def _follow(self, kind: str, covered: str, signature: str) -> None:
        """Check one signature of the chain."""
        claimed = self.request.claimed
        scope = "/".join(claimed.scope[1:])
        text = f"AWS4-HMAC-SHA256-{kind}\n{claimed.stamp}\n{scope}\n{self._before}\n{covered}"
        if not same(signature, self.signer.of(text)):
            raise Forged("A chunk is not the one that was signed.")
        self._before = signature


def _chunks(body: io.BytesIO) -> Iterator[tuple[bytes, str]]:
    """Read `size;chunk-signature=…` and the data, up to the empty chunk."""
    while True:
        head = body.readline().strip().decode("latin-1")
        size, _, signature = head.partition(";chunk-signature=")
        try:
            data = body.read(int(size, 16))
        except ValueError as reason:
            raise Forged("The body is not in chunks.") from reason
        yield data, signature
        if not data:
            return
        body.readline()
