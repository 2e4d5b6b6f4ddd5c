"""Makes moto's S3 strict: conditions are atomic, checksums are compared, and a race can answer 409.

Stock moto checks a condition, then writes, with nothing between two requests; it believes any checksum, forgets one
that came without its algorithm's name, and knows no conditions on CopyObject. Real S3 is strict in all of these.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import random
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import unquote

from moto.s3.responses import S3Response

from tagship.sandbox import web

WRITING = threading.RLock()


class Faults:
    """What tests ask for: how many conditional writes of a key still answer 409 and change nothing (`conflicts`), how
    many are done and never answered (`dropped`), and how often, of 1, either happens to any key (`rates`).
    """

    conflicts: ClassVar[Counter[str]] = Counter()
    dropped: ClassVar[Counter[str]] = Counter()
    rates: ClassVar[dict[str, float]] = {}
    done: ClassVar[Counter[str]] = Counter()  # how many of each there were
    chance: ClassVar[random.Random] = random.Random(20261120)  # noqa: S311  (faults that repeat, no secret)

    @classmethod
    def conflict(cls, key: str) -> bool:
        return cls._now("conflicts", cls.conflicts, key)

    @classmethod
    def drop(cls, key: str) -> bool:
        return cls._now("dropped", cls.dropped, key)

    @classmethod
    def _now(cls, kind: str, left: Counter[str], key: str) -> bool:
        rate = cls.rates.get(kind, 0)
        if left[key] > 0:
            left[key] -= 1
        elif not (rate > 0 and cls.chance.random() < rate):
            return False
        cls.done[kind] += 1
        return True


class _Answered(Exception):
    """An error that is answered instead of the request's own answer, in the (status, headers, body) that moto takes."""

    def __init__(self, status: int, code: str, message: str) -> None:
        body = f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.answer = (status, {"content-type": "application/xml"}, body)


class _Headers(dict[str, str]):
    """Headers whose names are compared without case, as moto reads them in several spellings."""

    def __init__(self, headers: Any) -> None:
        super().__init__((name.lower(), value) for name, value in headers.items())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


def install() -> None:
    """Replace the four operations of moto that write an object."""
    _guard("put_object", _before_put)
    _guard("copy_object", _before_copy)
    _guard("delete_object", _before_delete)
    _guard("_key_response_post", _before_complete)


def _guard(name: str, check: Callable[..., None]) -> None:
    """Run `check` and the operation as one, with no other write between them."""
    original = getattr(S3Response, name)

    @functools.wraps(original)
    def guarded(self: Any, *args: Any) -> Any:
        try:
            with WRITING:
                conditional = _is_conditional(self)
                check(self, *args)
                answer = original(self, *args)
                if conditional and Faults.drop(self.parse_key_name()):
                    web.drop_answer()
                return answer
        except _Answered as problem:
            return problem.answer

    setattr(S3Response, name, guarded)


def _before_put(self: Any) -> None:
    body = self.body or b""
    _verify(self, body)
    _conditions(self, self.parse_key_name())


def _before_copy(self: Any) -> None:
    _conditions(self, self.parse_key_name())
    wanted = self.headers.get("x-amz-copy-source-if-match")
    if not wanted:
        return
    bucket, key = unquote(self.headers.get("x-amz-copy-source").split("?")[0]).lstrip("/").split("/", 1)
    source = self.backend.get_object(bucket, key)
    if source is not None and source.etag.strip('"') != wanted.strip('"'):
        raise _Answered(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def _before_delete(self: Any) -> None:
    _conditions(self, self.parse_key_name())
    self.headers = _Headers(self.headers)
    self.headers.pop("if-match", None)  # checked here; moto would compare "*" with the ETag


def _before_complete(self: Any, _request: Any, _body: bytes, bucket: str, query: dict[str, Any], key: str) -> None:
    if not query.get("uploadId"):
        return
    there = self.backend.get_object(bucket, key)
    again = there is not None and there.multipart and there.multipart.id == query["uploadId"][0]
    if not again:  # completing one's own upload twice succeeds
        _conditions(self, key)


def _is_conditional(self: Any) -> bool:
    return bool(self.headers.get("If-Match") or self.headers.get("If-None-Match"))


def _conditions(self: Any, key: str) -> None:
    """If-Match and If-None-Match, as S3 answers them."""
    match, none_match = self.headers.get("If-Match"), self.headers.get("If-None-Match")
    if not match and not none_match:
        return
    if Faults.conflict(key):
        raise _Answered(409, "ConditionalRequestConflict", "A conflicting operation occurred during the request.")
    if none_match and none_match != "*":
        raise _Answered(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
    there = self.backend.get_object(self.bucket_name, key)
    if match and there is None:
        raise _Answered(404, "NoSuchKey", "The specified key does not exist.")
    taken = none_match and there is not None
    other = match and match != "*" and match.strip('"') != there.etag.strip('"')
    if taken or other:
        raise _Answered(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def _verify(self: Any, body: bytes) -> None:
    """Compare the checksums that came with a body; keep one that came without x-amz-sdk-checksum-algorithm."""
    headers = self.headers
    if headers.get("Content-Md5") not in (None, _encoded(hashlib.md5(body, usedforsecurity=False).digest())):
        raise _Answered(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    for name, digest in _DIGESTS.items():
        given = headers.get(f"x-amz-checksum-{name}")
        if given is None:
            continue
        if given != _encoded(digest(body)):
            raise _Answered(
                400, "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum."
            )
        if not headers.get("x-amz-sdk-checksum-algorithm"):
            self.headers = headers = _Headers(headers)
            headers["x-amz-sdk-checksum-algorithm"] = name.upper()


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
}
