"""A registry of images and a builder that pushes to it, without a container engine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tagship.domain.manifest import ImageRef


@dataclass
class FakeImages:
    """Builder and Registry in one: what is built is what is found. `calls` holds what was asked for, in order."""

    stored: dict[tuple[str, str], ImageRef] = field(default_factory=dict)
    labelled: dict[str, Mapping[str, str]] = field(default_factory=dict)
    arguments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

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
        self.calls.append(f"build {context.name or '.'} {dockerfile.name} {repository}:{tag}")
        digest = "sha256:" + hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()
        image = ImageRef(repository, tag, digest)
        self.stored[repository, tag] = image
        self.labelled[digest], self.arguments[digest] = labels, arguments
        return image

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        return self.labelled[image.digest]

    def login(self, repository: str) -> None:
        self.calls.append(f"login {repository}")

    def find(self, repository: str, tag: str) -> ImageRef | None:
        return self.stored.get((repository, tag))
