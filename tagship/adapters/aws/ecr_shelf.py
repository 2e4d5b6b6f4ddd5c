"""The images of one repository of ECR, for cleaning up: listed by pages, indexes opened, deleted by digest.

ECR refuses to delete an image that an index refers to: so indexes go first
(https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tagship.adapters.aws.ecr_images import EcrImages
from tagship.domain.leftovers import Leftover
from tagship.domain.oci import INDEXES
from tagship.domain.storage_price import ECR_STANDARD
from tagship.domain.stored_images import StoredImage, image_leftovers, moving
from tagship.errors import ServiceFailed

PAGE = 1000  # images of one DescribeImages
BATCH = 100  # images of one BatchGetImage and BatchDeleteImage
AT_ONCE = 4  # requests
GONE = "ImageNotFound"
ANY: Any = {"imageStatus": "ANY"}  # archived ones too


@dataclass
class EcrShelf:
    """One repository; see tagship.ports.leftovers.Shelf."""

    images: EcrImages
    environments: Sequence[str]
    _spared: Mapping[str, str] = field(default_factory=dict, init=False)

    @property
    def noun(self) -> str:
        return f"image of {self.images.name}"

    @property
    def price(self) -> float:
        return ECR_STANDARD

    @property
    def _place(self) -> dict[str, str]:
        return {"registryId": self.images.account, "repositoryName": self.images.name}

    @property
    def _api(self) -> Any:
        return self.images.local.client("ecr")

    def look(self) -> Sequence[Leftover]:
        """List the images, and open the indexes among them."""
        stored = list(self._stored())
        indexes = [image.digest for image in stored if image.media_type in INDEXES]
        parts = [indexes[start : start + BATCH] for start in range(0, len(indexes), BATCH)]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            contents = {digest: inner for opened in workers.map(self._opened, parts) for digest, inner in opened}
        self._spared = moving(stored, self.environments)
        return image_leftovers(stored, contents, self.environments)

    def _stored(self) -> Iterator[StoredImage]:
        with self.images.aws.translated(f"listing the images of {self.images.name}"):
            pages = self._api.get_paginator("describe_images").paginate(
                **self._place, filter=ANY, PaginationConfig={"PageSize": PAGE}
            )
            for page in pages:
                for row in page["imageDetails"]:
                    times = [row[name] for name in ("imagePushedAt", "lastRecordedPullTime") if row.get(name)]
                    yield StoredImage(
                        row["imageDigest"],
                        tuple(row.get("imageTags", ())),
                        row.get("imageSizeInBytes", 0),
                        max(times, default=None),
                        row.get("imageManifestMediaType", ""),
                        row.get("subjectManifestDigest", ""),
                    )

    def _opened(self, digests: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Read what indexes refer to. Raises ServiceFailed."""
        with self.images.aws.translated(f"reading the indexes of {self.images.name}"):
            answer = self._api.batch_get_image(
                **self._place,
                imageIds=[{"imageDigest": digest} for digest in digests],
                acceptedMediaTypes=sorted(INDEXES),
            )
        opened = {
            row["imageId"]["imageDigest"]: [inner["digest"] for inner in json.loads(row["imageManifest"])["manifests"]]
            for row in answer.get("images", ())
        }
        # An archived index can't be read: what it refers to is not known, and might be taken for nobody's.
        for digest in digests:
            if digest not in opened:
                failed = [row for row in answer.get("failures", ()) if row["imageId"].get("imageDigest") == digest]
                why = failed[0].get("failureReason", failed[0].get("failureCode", "")) if failed else "no answer"
                raise ServiceFailed(
                    f"ECR did not give the index {digest} of {self.images.name}: {why}.",
                    remedy="If it is archived, restore it or delete it",
                )
        return list(opened.items())

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Name those that a tag spares; a registry knows no other use."""
        if not leftovers:
            return {}
        now = {image.digest: image for image in self._described([leftover.id for leftover in leftovers])}
        return {**self._spared, **moving(now.values(), self.environments)}

    def _described(self, digests: Sequence[str]) -> Iterator[StoredImage]:
        """Describe them anew: a tag may have come to one since."""
        wanted = set(digests)
        return (image for image in self._stored() if image.digest in wanted)

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Delete images with all their tags, those that refer to others first."""
        failures: dict[str, str] = {}
        for generation in _generations(leftovers):
            for start in range(0, len(generation), BATCH):
                failures |= self._deleted(generation[start : start + BATCH])
        return failures

    def _deleted(self, digests: Sequence[str]) -> dict[str, str]:
        wanted = [{"imageDigest": digest} for digest in digests]
        with self.images.aws.translated(f"deleting images of {self.images.name}"):
            answer = self._api.batch_delete_image(**self._place, imageIds=wanted)
        return {
            row["imageId"].get("imageDigest", ""): row.get("failureReason") or row.get("failureCode", "")
            for row in answer.get("failures", ())
            if row.get("failureCode") != GONE
        }


def _generations(leftovers: Sequence[Leftover]) -> list[list[str]]:
    """Group ids; each group comes after what refers to it."""
    depths: dict[str, int] = {}
    for leftover in leftovers:  # outer ones come first
        depths[leftover.id] = 1 + max((depths[whole] for whole in leftover.parts_of if whole in depths), default=-1)
    return [[id_ for id_, depth in depths.items() if depth == level] for level in sorted(set(depths.values()))]
