"""An upload in signed chunks, made by hand: no client that Python has makes one over HTTP."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from tagship.sandbox.state import Running

KIND = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chunked(
    running: Running, path: str, chunks: Sequence[bytes], trailer: Mapping[str, str]
) -> tuple[dict[str, str], list[bytes]]:
    """Headers of a PUT, and its body: each chunk, the empty one, and the trailer."""
    at = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{at[:8]}/us-east-1/s3/aws4_request"
    headers = {
        "host": urlsplit(running.aws_url).netloc,
        "x-amz-content-sha256": KIND + "-TRAILER" * bool(trailer),
        "x-amz-date": at,
        "x-amz-decoded-content-length": str(sum(map(len, chunks))),
        **({"x-amz-trailer": ",".join(trailer)} if trailer else {}),
    }
    key = f"AWS4{running.keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")

    def sign(text: str) -> str:
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"PUT\n{path}\n\n{lines}\n{';'.join(headers)}\n{headers['x-amz-content-sha256']}"
    last = sign(f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{_hash(canonical.encode())}")
    claim = f"Credential={running.keys.access}/{scope}, SignedHeaders={';'.join(headers)}, Signature={last}"
    body = []
    for data in [*chunks, b""]:
        last = sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{at}\n{scope}\n{last}\n{_hash(b'')}\n{_hash(data)}")
        body.append(f"{len(data):x};chunk-signature={last}\r\n".encode() + data + (b"\r\n" if data else b""))
    lines = "".join(f"{name}:{value}\n" for name, value in trailer.items())
    last = sign(f"AWS4-HMAC-SHA256-TRAILER\n{at}\n{scope}\n{last}\n{_hash(lines.encode())}")
    ended = f"x-amz-trailer-signature:{last}\n" if trailer else ""
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {claim}"}, [
        *body,
        f"{lines}{ended}\n".replace("\n", "\r\n").encode(),
    ]
