"""Answers of AWS that nobody gave, for what happens before a request is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def answer(request: Any, status: int, code: str) -> Any:
    """An error of that code, as an API that speaks JSON answers it."""
    from botocore.awsrequest import AWSResponse

    body = json.dumps({"__type": code, "message": "planned"}).encode()

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield body

        def read(self, *_: Any) -> bytes:
            return body

    return AWSResponse(request.url, status, {"x-amzn-ErrorType": code}, Raw())
