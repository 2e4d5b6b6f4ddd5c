"""Lifecycle rules of buckets and repositories, as AWS writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tagship.adapters.aws.session import Aws


def bucket_rules(aws: Aws, bucket: str) -> Sequence[Mapping[str, Any]]:
    """Read a bucket's rules; none if it has none."""
    from botocore.exceptions import ClientError

    client: Any = aws.client("s3")
    with aws.translated(f"reading the lifecycle rules of {bucket}"):
        try:
            rules: Sequence[Mapping[str, Any]] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        except ClientError as reason:
            if reason.response.get("Error", {}).get("Code") != "NoSuchLifecycleConfiguration":
                raise
            return ()
    return rules


def image_policy(aws: Aws, account: str, name: str) -> str:
    """Read a repository's policy; empty if it has none."""
    client: Any = aws.client("ecr")
    with aws.translated(f"reading the lifecycle policy of {name}"):
        try:
            answer = client.get_lifecycle_policy(registryId=account, repositoryName=name)
        except client.exceptions.LifecyclePolicyNotFoundException:
            return ""
    return str(answer["lifecyclePolicyText"])
