"""The code that an artifact has for a function: a zip file in the bucket, or a container image by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tagship.adapters.targets.lambda_.artifact import Artifact
from tagship.adapters.targets.lambda_.calls import Calls
from tagship.adapters.targets.lambda_.described import IMAGE, ZIP, Configuration
from tagship.domain.manifest import ImageRef, PackageRef
from tagship.settings.lambda_ import Function

MADE_OF = {ZIP: "a zip file", IMAGE: "a container image"}


class Code(Protocol):
    """What a function is to run."""

    @property
    def sha256(self) -> str:
        """Return the SHA-256, in hex, of zip file or image manifest."""

    def why_unfit(self, now: Configuration) -> str:
        """Say why a function cannot have it; empty if it can."""

    def runs(self, calls: Calls, now: Configuration) -> bool:
        """Tell whether a version, or $LATEST, has it."""

    def update(self, calls: Calls, revision: str) -> None:
        """Begin to give it to $LATEST. Raises Raced, UnfitFunction."""


@dataclass(frozen=True)
class ZipCode:
    """A zip file, known by its SHA-256."""

    bucket: str
    package: PackageRef

    @property
    def sha256(self) -> str:
        return self.package.sha256

    def why_unfit(self, now: Configuration) -> str:
        return _why_unfit(now, ZIP)

    def runs(self, calls: Calls, now: Configuration) -> bool:  # noqa: ARG002 (an image is asked for)
        return now.code_sha256 == self.package.sha256

    def update(self, calls: Calls, revision: str) -> None:
        calls.update_code(self.bucket, self.package, revision)


@dataclass(frozen=True)
class ImageCode:
    """An image, known by what Lambda resolved its address to."""

    image: ImageRef

    @property
    def sha256(self) -> str:
        return self.image.by_platform.rpartition(":")[2]  # Lambda takes no index

    def why_unfit(self, now: Configuration) -> str:
        return _why_unfit(now, IMAGE)

    def runs(self, calls: Calls, now: Configuration) -> bool:
        return calls.whole(now.version).code_sha256 == self.sha256

    def update(self, calls: Calls, revision: str) -> None:
        calls.update_image(self.image.by_platform, revision)


def code_of(artifact: Artifact, bucket: str, function: Function) -> Code:
    """Return an artifact's code for a function. Raises ArtifactMissing."""
    if function.image:
        return ImageCode(artifact.image(function.image_name))
    return ZipCode(bucket, artifact.package(function.package))


def _why_unfit(now: Configuration, wanted: str) -> str:
    # https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html: a function stays what it was made of
    if now.packaged == wanted:
        return ""
    actual = MADE_OF.get(now.packaged, now.packaged)
    made = f"it was created for {actual}, and tagship.toml gives it {MADE_OF[wanted]}"
    return f"{made}: infrastructure has to create it again"
