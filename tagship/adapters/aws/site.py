"""A static set's destination: objects of a bucket, and a CloudFront distribution in front of it.

PutObject carries the SHA-256, which S3 compares. CreateInvalidation with a CallerReference that was used for the same
paths returns that invalidation (CloudFront API Reference, InvalidationBatch), so that a repetition costs nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.static_set import StaticFile
from tagship.errors import ServiceFailed

TAGS = "cache-tag"  # of an object's metadata
TAGS_HEADER = f"x-amz-meta-{TAGS}"  # that a distribution's CacheTagConfig has to name
BATCH = 1000  # keys of one DeleteObjects (S3 API Reference)


@dataclass(frozen=True)
class AwsSite:
    """A bucket's keys under a prefix; see tagship.ports.site.Site."""

    aws: Aws
    bucket: str
    prefix: str = ""
    distribution: str = ""

    def put(self, path: str, body: bytes, file: StaticFile) -> None:
        client: Any = self.aws.client("s3")
        headers: dict[str, Any] = {"CacheControl": file.cache_control} if file.cache_control else {}
        if file.tags:  # S3 answers with it as the header TAGS_HEADER
            headers["Metadata"] = {TAGS: ",".join(file.tags)}
        with self.aws.translated(f"writing s3://{self.bucket}/{self.prefix}{path}"):
            client.put_object(
                Bucket=self.bucket,
                Key=f"{self.prefix}{path}",
                Body=body,
                ContentType=file.content_type,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(file.sha256)).decode(),
                **headers,
            )

    def delete(self, paths: Sequence[str]) -> None:
        client: Any = self.aws.client("s3")
        for start in range(0, len(paths), BATCH):
            objects = [{"Key": f"{self.prefix}{path}"} for path in paths[start : start + BATCH]]
            with self.aws.translated(f"deleting from s3://{self.bucket}/{self.prefix}"):
                answer = client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
            for row in answer.get("Errors", ()):
                raise ServiceFailed(
                    f"s3://{self.bucket}/{row['Key']} could not be deleted: {row['Code']}.",
                    remedy="Allow the deploying role s3:DeleteObject on the bucket",
                )

    def knows_tags(self) -> bool:
        if not self.distribution:
            return False
        client: Any = self.aws.client("cloudfront")
        with self.aws.translated(f"asking whether the distribution {self.distribution} keeps cache tags"):
            chosen = client.get_distribution_config(Id=self.distribution)["DistributionConfig"]
        name: str = chosen.get("CacheTagConfig", {}).get("HeaderName", "")
        return name.lower() == TAGS_HEADER

    def invalidate(self, paths: Sequence[str], reference: str) -> str:
        if not self.distribution:
            return ""
        client: Any = self.aws.client("cloudfront")
        items = {"Quantity": len(paths), "Items": list(paths)}
        with self.aws.translated(f"invalidating paths of the distribution {self.distribution}"):
            answer = client.create_invalidation(
                DistributionId=self.distribution,
                InvalidationBatch={"Paths": items, "CallerReference": reference},
            )
        return str(answer["Invalidation"]["Id"])
