"""Makes moto's S3 strict: conditions are atomic, checksums are compared, and a race can answer 409.

Follows the S3 User Guide, "Prevent object overwrites with conditional writes"
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html) and "Checking object integrity"
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html). Stock moto checks a condition,
then writes, with nothing between two requests; it believes any checksum, forgets one that came without its algorithm's
name, knows no conditions on CopyObject, and denies a read by any statement of a bucket's policy, whatever its Condition
says. Does not model: limits on size, 503 Slow Down, signatures, conditions of policies, checksums of the parts of an
upload, CRC32C and CRC64NVME.

Its faults: `conflicts`, conditional writes that answer 409 and change nothing; `dropped`, ones that are done and never
answered.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import threading
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

from tagship.sandbox.aws import stock
from tagship.sandbox.faults import Faults
from tagship.sandbox.web import DROPPED
from tagship.sandbox.world import World


def install(world: World) -> None:
    """Replace the four operations of moto that write an object."""
    stock.replace(FakeBucket, "get_permission", _unconditional)
    for kind in ("conflicts", "dropped"):
        world.switches[kind] = functools.partial(world.faults.plan, kind)
    strict = _Strict(world.faults)
    strict.guard("put_object", strict.before_put)
    strict.guard("copy_object", strict.before_copy)
    strict.guard("delete_object", strict.before_delete)
    strict.guard("_key_response_post", strict.before_complete)


class _Answered(Exception):
    """An error to answer in place of the request's own answer.

    `answer` is the (status, headers, body) that moto takes.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        body = f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.answer = (status, {"content-type": "application/xml"}, body)


class _Headers(dict[str, str]):
    """Headers whose names are compared without case.

    moto reads them in several spellings.
    """

    def __init__(self, headers: Any) -> None:
        super().__init__((name.lower(), value) for name, value in headers.items())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


class _Strict:
    """The checks before a write.

    `response` is moto's, which has the request. One write happens at a time.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.writing = threading.RLock()

    def guard(self, name: str, check: Callable[..., None]) -> None:
        """Run `check` and the operation with no other write between them."""

        def around(original: Any) -> Any:
            @functools.wraps(original)
            def guarded(response: Any, *args: Any) -> Any:
                try:
                    with self.writing:
                        conditional = _is_conditional(response)
                        check(response, *args)
                        answer = original(response, *args)
                        dropped = conditional and self.faults.strikes("dropped", response.parse_key_name())
                        return _never_sent(*answer) if dropped else answer
                except _Answered as problem:
                    return problem.answer

            return guarded

        stock.replace(S3Response, name, around)

    def before_put(self, response: Any) -> None:
        _verify(response, response.body or b"")
        self._conditions(response, response.parse_key_name())

    def before_copy(self, response: Any) -> None:
        self._conditions(response, response.parse_key_name())
        wanted = response.headers.get("x-amz-copy-source-if-match")
        if not wanted:
            return
        bucket, key = unquote(response.headers.get("x-amz-copy-source").split("?")[0]).lstrip("/").split("/", 1)
        source = response.backend.get_object(bucket, key)
        if source is not None and source.etag.strip('"') != wanted.strip('"'):
            raise _precondition_failed()

    def before_delete(self, response: Any) -> None:
        self._conditions(response, response.parse_key_name())
        response.headers = _Headers(response.headers)
        response.headers.pop("if-match", None)  # checked here; moto would compare "*" with the ETag

    def before_complete(
        self, response: Any, _request: Any, _body: bytes, bucket: str, query: dict[str, Any], key: str
    ) -> None:
        if not query.get("uploadId"):
            return
        current = response.backend.get_object(bucket, key)
        again = current is not None and current.multipart and current.multipart.id == query["uploadId"][0]
        if not again:  # completing one's own upload twice succeeds
            self._conditions(response, key)

    def _conditions(self, response: Any, key: str) -> None:
        """Check If-Match and If-None-Match as S3 does."""
        match, none_match = response.headers.get("If-Match"), response.headers.get("If-None-Match")
        if not match and not none_match:
            return
        if self.faults.strikes("conflicts", key):
            raise _Answered(409, "ConditionalRequestConflict", "A conflicting operation occurred during the request.")
        if none_match and none_match != "*":
            raise _Answered(501, "NotImplemented", "A header you provided implies functionality not implemented")
        current = response.backend.get_object(response.bucket_name, key)
        if match and current is None:
            raise _Answered(404, "NoSuchKey", "The specified key does not exist.")
        taken = none_match and current is not None
        other = match and match != "*" and match.strip('"') != current.etag.strip('"')
        if taken or other:
            raise _precondition_failed()


def _is_conditional(response: Any) -> bool:
    return bool(response.headers.get("If-Match") or response.headers.get("If-None-Match"))


def _never_sent(status: int, headers: dict[str, Any], body: Any) -> tuple[int, dict[str, Any], Any]:
    """Mark an answer so that the server drops the connection instead."""
    return status, {**headers, DROPPED: "yes"}, body


def _precondition_failed() -> _Answered:
    return _Answered(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def _verify(response: Any, body: bytes) -> None:
    """Compare the checksums that came with a body."""
    # One that came without x-amz-sdk-checksum-algorithm is kept too.
    headers = response.headers
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
            response.headers = headers = _Headers(headers)
            headers["x-amz-sdk-checksum-algorithm"] = name.upper()


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
}


def _unconditional(_original: Any) -> Callable[[Any, str, str], Any]:
    """Judge by the statements of a bucket's policy that have no condition."""

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        from moto.iam.access_control import IAMPolicy, PermissionResult

        if bucket.policy is None:
            return PermissionResult.NEUTRAL
        policy = json.loads(bucket.policy)
        rows = [statement for statement in policy["Statement"] if "Condition" not in statement]
        return IAMPolicy(json.dumps({**policy, "Statement": rows})).is_action_permitted(action, resource)

    return get_permission
