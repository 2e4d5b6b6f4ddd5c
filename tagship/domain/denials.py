"""What a bucket's policy keeps everybody from doing: judged by what it denies, whatever its statements are called.

A small part of IAM's evaluation: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.
What it does not know (another operator, NotPrincipal, a principal that is named) it takes for no denial: a gap too many
is said rather than one too few.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.domain import layout

# Somebody whom no policy names, and an artifact and a deployment of no environment that there is.
NOBODY = "arn:aws:iam::000000000000:role/nobody"
ANYWHERE, ARTIFACT, ENTRY = "any-environment", "0.0.1-any", "20260101-000000-000000-000000"


@dataclass(frozen=True)
class _Request:
    """A request to S3 that nobody should get through with."""

    action: str
    key: str
    context: Mapping[str, str] = field(default_factory=dict)


def gaps(policy: Mapping[str, Any], bucket: str, app: str) -> Sequence[str]:
    """Say in words what a bucket's policy leaves open."""
    denials = [entry for entry in _list(policy.get("Statement", [])) if entry.get("Effect") == "Deny"]
    return [
        words
        for words, requests in _forbidden(app).items()
        if not all(any(_denies(denial, bucket, request) for denial in denials) for request in requests)
    ]


def _forbidden(app: str) -> dict[str, list[_Request]]:
    names = (
        layout.BUNDLE,
        layout.MANIFEST,
        layout.SIGNATURE,
        layout.signature_by("0" * 16),
        layout.PROVENANCE,
        layout.SBOM,
    )
    artifacts = [layout.artifact(app, ANYWHERE, ARTIFACT, name) for name in names]
    records = [layout.ledger_entry(app, ANYWHERE, ENTRY, 1, "healthy"), layout.mark(app, ANYWHERE, ENTRY)]
    return {
        "artifacts can be written over": list(_writes(artifacts)),
        "artifacts can be deleted by anybody": list(_deletions(artifacts)),
        "the ledger can be written over": list(_writes(records)),
        "the ledger can be deleted": list(_deletions(records)),
        "it can be spoken to without TLS": [_Request("s3:GetObject", artifacts[0], {"aws:SecureTransport": "false"})],
    }


def _writes(keys: Sequence[str]) -> Iterator[_Request]:
    """Make a write of each key as a whole, without If-None-Match."""
    return (_Request("s3:PutObject", key, {"s3:ObjectCreationOperation": "true"}) for key in keys)


def _deletions(keys: Sequence[str]) -> Iterator[_Request]:
    return (_Request(action, key) for key in keys for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"))


def _denies(statement: Mapping[str, Any], bucket: str, request: _Request) -> bool:
    """Tell whether a denial is about a request, whoever makes it."""
    everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    context = {"aws:SecureTransport": "true", "aws:PrincipalArn": NOBODY, **request.context}
    return (
        everybody
        and _named(statement, "Action", request.action.lower(), lower=True)
        and _named(statement, "Resource", f":s3:::{bucket}/{request.key}")
        and all(
            _holds(operator, context.get(key), _list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _named(statement: Mapping[str, Any], element: str, value: str, *, lower: bool = False) -> bool:
    """Tell whether an element covers a value, or its opposite does not.

    Resources are compared from `:s3:::` on: the partition is the account's.
    """
    patterns = _list(statement.get(element, statement.get(f"Not{element}", [])))
    plain = [str(pattern).lower() if lower else _without_partition(str(pattern)) for pattern in patterns]
    covered = any(_like(value, pattern) for pattern in plain)
    return covered if element in statement else bool(patterns) and not covered


def _without_partition(arn: str) -> str:
    return ":" + arn.split(":", 2)[2] if arn.startswith("arn:") and arn.count(":") > 2 else arn


def _holds(operator: str, actual: str | None, wanted: Sequence[Any]) -> bool:
    """Evaluate one condition. An operator that is not known holds never."""
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in wanted]
    match operator:
        case "Null":
            return (actual is None) == ("true" in texts)
        case "Bool" | "StringEquals":
            return actual is not None and actual in texts
        case "StringLike" | "ArnLike" | "ArnEquals":
            return actual is not None and any(_like(actual, text) for text in texts)
        case "StringNotEquals" | "StringNotLike" | "ArnNotLike" | "ArnNotEquals":
            return actual is None or not any(_like(actual, text) for text in texts)
    return False


def _like(value: str, pattern: str) -> bool:
    """Match IAM's wildcards: * and ?, and no brackets."""
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
