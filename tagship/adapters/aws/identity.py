"""Who asks, as AWS knows them (GetCallerIdentity, STS API reference): it needs no permission."""

from __future__ import annotations

from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.errors import ServiceFailed


def account(aws: Aws) -> str:
    """Return the id of these credentials' account.

    Raises ServiceFailed.
    """
    client: Any = aws.client("sts")
    with aws.translated("asking AWS which account this is"):
        return str(client.get_caller_identity()["Account"])


def caller(aws: Aws) -> str:
    """Return the ARN of these credentials; empty if STS is silent."""
    client: Any = aws.client("sts")
    try:
        with aws.translated("asking AWS whose credentials these are"):
            return str(client.get_caller_identity()["Arn"])
    except ServiceFailed:
        return ""
