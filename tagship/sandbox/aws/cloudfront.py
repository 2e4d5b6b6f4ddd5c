"""CloudFront's invalidations, as far as moto takes them for something else; distributions are moto's.

Follows https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_InvalidationBatch.html: a CallerReference that
was used before answers with the invalidation that it made if the paths are the same ones, and is an error if they are
not; and https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-by-tags.html: a distribution
keeps its CacheTagConfig. Does not model: caches, the time that an invalidation takes, how many may be in progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudfront.exceptions import CloudFrontException
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult

from tagship.sandbox.aws import stock
from tagship.sandbox.world import World

USED = "Your request contains a caller reference that was used for a previous invalidation batch of this distribution."


def _invalidating(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def create_invalidation(request: Any) -> ActionResult:
        batch = request._get_param("InvalidationBatch") or {}
        paths, reference = batch.get("Paths", {}).get("Items", []), batch.get("CallerReference")
        made = request.backend.invalidations.get(request._get_param("DistributionId"), [])
        for invalidation in made:
            if invalidation.caller_ref != reference:
                continue
            if sorted(invalidation.paths) != sorted(paths):
                raise CloudFrontException("InvalidArgument", USED)
            return ActionResult({"Invalidation": invalidation, "Location": invalidation.location})
        return original(request)

    return create_invalidation


def _tagging(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """Have a distribution's configuration keep what moto drops of it."""

    def create_distribution(request: Any) -> ActionResult:
        result = original(request)
        answer: Any = result.result
        chosen = (request._get_param("DistributionConfig") or {}).get("CacheTagConfig")
        if chosen:
            answer["Distribution"].distribution_config.cache_tag_config = chosen
        return result

    return create_distribution


def install(world: World) -> None:  # noqa: ARG001 (it has no switches)
    """Put what differs onto moto's class of responses."""
    stock.replace(CloudFrontResponse, "create_invalidation", _invalidating)
    stock.replace(CloudFrontResponse, "create_distribution", _tagging)
