"""Container images: building them, and the registry they are in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tagship.domain.manifest import ImageRef


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
    ) -> str:
        """Build an image into a file; return the id of its content."""
        # No registry is asked, but for base images, and nothing is pushed.

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

    def holds(self, image: ImageRef) -> bool:
        """Tell whether the image of that digest is still there."""
