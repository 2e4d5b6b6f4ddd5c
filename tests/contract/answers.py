"""Answers of AWS that nobody gave, for what happens before a request is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

XML = {  # protocol -> an error as it writes it
    "query": "<ErrorResponse><Error><Code>{code}</Code><Message>planned</Message></Error></ErrorResponse>",
    "ec2": "<Response><Errors><Error><Code>{code}</Code><Message>planned</Message></Error></Errors></Response>",
    "rest-xml": "<Error><Code>{code}</Code><Message>planned</Message></Error>",
}


def answer(request: Any, status: int, code: str, protocol: str = "json") -> Any:
    """An error of that code, as an API of that protocol answers it."""
    from botocore.awsrequest import AWSResponse

    body = _body(code, protocol)

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield body

        def read(self, *_: Any) -> bytes:
            return body

    headers = {"x-amzn-ErrorType": code, "smithy-protocol": "rpc-v2-cbor"}
    return AWSResponse(request.url, status, headers, Raw())


def _body(code: str, protocol: str) -> bytes:
    if protocol in XML:
        return XML[protocol].format(code=code).encode()
    error = {"__type": code, "message": "planned"}
    if protocol.endswith("cbor"):
        return b"\xa2" + b"".join(_cbor(text) for pair in error.items() for text in pair)
    return json.dumps(error).encode()


def _cbor(text: str) -> bytes:
    """A text of at most 255 bytes (RFC 8949, 3.1)."""
    return bytes([0x78, len(text)]) + text.encode()
