"""Accounts kept apart in S3: a bucket is its owner's, and another account gets what the bucket's policy grants.

Follows the S3 User Guide, "How Amazon S3 authorizes a request for a bucket operation" and "… for an object operation"
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html). Stock moto opens every
bucket to every account. EC2, SSM, KMS, IAM, Secrets Manager and CloudFormation are moto's, which keeps an account's
apart by the key that signs. Does not model: what the other account's own policies allow of it, ACLs, access points, and
conditions other than those of KNOWN: a statement with another one grants nothing. Functions and services of the sandbox
are kept apart by apart.py; its groups are one account's, whoever asks.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from moto.s3.responses import S3Response

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.identities import caller_of
from tagship.sandbox.world import World

KNOWN = ("ArnLike", "ArnEquals", "StringEquals", "StringLike", "StringLikeIfExists")
DENIED = (
    403,
    {"content-type": "application/xml"},
    "<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
)


def install(world: World) -> None:  # noqa: ARG001 (as every service is installed)
    """Refuse what an account asks of another one's bucket."""
    for name in ("_bucket_response", "_key_response"):
        stock.replace(S3Response, name, _guarded)


def _guarded(original: Any) -> Any:
    @functools.wraps(original)
    def guarded(response: Any, request: Any, full_url: str) -> Any:
        foreign = [asked for asked in _asked(response, request, full_url) if not _allowed(response, *asked)]
        return DENIED if foreign else original(response, request, full_url)

    return guarded


def _asked(response: Any, request: Any, full_url: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield bucket, key, action and listed prefix of a request."""
    # A copy asks for its source, too.
    bucket, key = response.bucket_name, response.parse_key_name() or ""
    query = parse_qs(urlsplit(full_url).query, keep_blank_values=True)
    yield bucket, key, _action(request.method, key, query), query.get("prefix", [""])[0]
    source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/")
    if source:
        yield (*source.partition("/")[::2], "s3:GetObject", "")


def _action(method: str, key: str, query: Mapping[str, Any]) -> str:
    """Name the IAM action."""
    # All that no policy of ours grants are one.
    if key and not query.keys() - {"versionId", "x-id", "partNumber"}:
        return {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject"}.get(method, "s3:DeleteObject")
    listed = not key and method in ("GET", "HEAD") and ("list-type" in query or not query)
    return "s3:ListBucket" if listed else "s3:Other"


def _allowed(response: Any, bucket: str, key: str, action: str, prefix: str) -> bool:
    owner, policy = stock.bucket_owner(bucket)
    account = response.current_account
    if not owner or owner == account:
        return True
    caller = caller_of(response.access_key)
    context = {"aws:PrincipalArn": caller, "aws:PrincipalAccount": account, "s3:prefix": prefix}
    asked = _Asked({"*", account, f"arn:aws:iam::{account}:root", caller}, action, _arn(bucket, key), context)
    effects = [
        statement["Effect"]
        for statement in json.loads(policy or '{"Statement": []}')["Statement"]
        if asked.by(statement)
    ]
    return "Allow" in effects and "Deny" not in effects


def _arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")


@dataclass(frozen=True)
class _Asked:
    """What is asked, as the statements of a policy name it."""

    principals: set[str]
    action: str
    resource: str
    context: Mapping[str, str]

    def by(self, statement: Mapping[str, Any]) -> bool:
        """Tell whether a statement means this."""
        named = statement.get("Principal", {})
        return (
            bool(self.principals & set(["*"] if named == "*" else _list(named.get("AWS", []))))
            and any(fnmatchcase(self.action, pattern) for pattern in _list(statement["Action"]))
            and any(fnmatchcase(self.resource, pattern) for pattern in _list(statement["Resource"]))
            and all(self._holds(kind, wanted) for kind, wanted in statement.get("Condition", {}).items())
        )

    def _holds(self, kind: str, wanted: Mapping[str, Any]) -> bool:
        if kind not in KNOWN:
            return False
        equal: Callable[[str, str], bool] = fnmatchcase if "Like" in kind else str.__eq__
        given = {name: value for name, value in self.context.items() if value}
        return all(
            any(equal(given.get(name, ""), value) for value in _list(values))
            or (kind.endswith("IfExists") and name not in given)
            for name, values in wanted.items()
        )


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
