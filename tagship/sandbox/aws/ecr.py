"""ECR that refuses what it has to, where stock moto does not.

Follows https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html: an image that an index of
the repository refers to is not deleted (ImageReferencedByManifestList). Does not model: subjects, archived images,
pulls, and the distribution API.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ecr.responses import ECRResponse

from tagship.domain.oci import INDEXES
from tagship.sandbox.aws import stock
from tagship.sandbox.world import World

CODE = "ImageReferencedByManifestList"


def install(world: World) -> None:  # noqa: ARG001 (moto keeps the images)
    """Replace moto's operation."""
    stock.replace(ECRResponse, "batch_delete_image", _deleting)


def _deleting(_original: Any) -> Callable[[Any], ActionResult]:
    def batch_delete_image(self: Any) -> ActionResult:
        name, registry, wanted = (self._get_param(key) for key in ("repositoryName", "registryId", "imageIds"))
        backend = self.ecr_backend
        referred = _referred(backend, name, registry)
        refused = [id_ for id_ in wanted if id_.get("imageDigest") in referred]
        allowed = [id_ for id_ in wanted if id_ not in refused]
        nothing: dict[str, Any] = {"imageIds": [], "failures": []}
        done = backend.batch_delete_image(name, registry, allowed) if allowed else nothing
        reason = "Requested image referenced by manifest list"
        done["failures"] += [{"imageId": id_, "failureCode": CODE, "failureReason": reason} for id_ in refused]
        return ActionResult(done)

    return batch_delete_image


def _referred(backend: Any, name: str, registry: str | None) -> set[str]:
    """List the digests that indexes of a repository refer to."""
    images = backend.describe_images(name, registry)
    indexes = [json.loads(image.image_manifest) for image in images if image.image_manifest_media_type in INDEXES]
    return {inner["digest"] for index in indexes for inner in index.get("manifests", ())}
