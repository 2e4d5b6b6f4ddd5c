"""Container images: building them, and the registry they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tagship.domain.image import ImageStatus, Recipe
from tagship.domain.manifest import ImageRef
from tagship.ports.leftovers import Shelf

PLAIN = Recipe()


class Builder(Protocol):
    """Builds an image into a file, and pushes what is in one."""

    def build(
        self,
        context: Path,
        dockerfile: Path,
        repository: str,
        tag: str,
        *,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
        to: Path,
        recipe: Recipe = PLAIN,
    ) -> str:
        """Build an image into a file; return the id of its content.

        Raises Refused if the recipe's smoke command fails, ServiceFailed if the build does.
        """
        # No registry is asked, but for base images and caches, and nothing is pushed.

    def push(self, file: Path, image_id: str, repository: str, tag: str) -> ImageRef:
        """Push the image of a file; return the digest that was pushed.

        Raises NotAuthentic if the file holds another image under that name.
        """

    def identity(self, image: ImageRef) -> str:
        """Return the id of an image's content, as the registry has it."""


class Registry(Protocol):
    """Where images are."""

    def login(self, repository: str) -> None: ...

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """Find the image under a tag, with the registry's digest."""

    def status(self, image: ImageRef, *, scanned: bool = False) -> ImageStatus:
        """Ask whether the image of that digest is still there, and pullable.

        With `scanned`, what a scan of it found, too.
        """

    def platforms(self, image: ImageRef) -> Mapping[str, str]:
        """Map an image's platforms (`linux/arm64`) to their digests.

        Those are the image's own, unless it is an index.
        """

    def copy(self, image: ImageRef, repository: str) -> ImageRef:
        """Copy an image to another repository, under the same tag and digest.

        Raises ArtifactMissing, NotAuthentic if another image has the tag there.
        """

    def tag(self, image: ImageRef, tag: str) -> None:
        """Have a tag name this image, whatever it named before."""

    def lifecycle(self, repository: str) -> str:
        """Read a repository's lifecycle policy, JSON text; empty without one."""

    def shelf(self, repository: str, environments: Sequence[str]) -> Shelf:
        """Open what is stored in a repository, to be cleaned up.

        Its leftovers are images, their ids digests. Tags of untagged builds begin with one of these environments.
        """
