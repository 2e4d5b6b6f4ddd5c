"""Container images: building them, and the registry they are in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tagship.domain.manifest import ImageRef


class Builder(Protocol):
    """Builds and pushes an image."""

    def build(
        self,
        context: Path,
        dockerfile: Path,
        repository: str,
        tag: str,
        *,
        labels: Mapping[str, str],
        arguments: Mapping[str, str],
    ) -> ImageRef:
        """Build and push an image; return the digest that was pushed."""

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        """Read the labels of an image in the registry."""


class Registry(Protocol):
    """Where images are."""

    def login(self, repository: str) -> None: ...

    def find(self, repository: str, tag: str) -> ImageRef | None:
        """Find the image under a tag, with the registry's digest."""
