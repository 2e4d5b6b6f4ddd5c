"""What AWS asks for storage, in USD a GB and month: an estimate, for the price depends on region, tier and discounts.

The list prices of us-east-1 for the first tier (https://aws.amazon.com/s3/pricing/, https://aws.amazon.com/ecr/pricing/),
as they were in March 2026. ECR stores a layer once that several images share, so less is saved than their sizes say.
"""

from __future__ import annotations

GB = 1e9  # bytes
S3_STANDARD = 0.023
ECR_STANDARD = 0.10
WHENCE = "an estimate by list prices of us-east-1, March 2026"
