"""A registry of images and a builder that pushes to it, without a container engine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tagship.domain.image import ImageStatus, Recipe
from tagship.domain.manifest import ImageRef
from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.ports.images import PLAIN
from tagship.ports.leftovers import Shelf
from tests.fakes.leftovers import FakeShelf


@dataclass
class FakeImages:
    """Builder and Registry in one: what is pushed is what is found. `calls` holds what was asked for, in order."""

    stored: dict[tuple[str, str], ImageRef] = field(default_factory=dict)
    labelled: dict[str, Mapping[str, str]] = field(default_factory=dict)
    arguments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # by digest
    calls: list[str] = field(default_factory=list)
    platform: str = "linux/amd64"
    recipes: dict[str, Recipe] = field(default_factory=dict)  # by name
    policies: dict[str, str] = field(default_factory=dict)  # lifecycle, by repository
    shelves: dict[str, FakeShelf] = field(default_factory=dict)  # what is left in a repository
    states: dict[str, ImageStatus] = field(default_factory=dict)  # by digest, of those that are not just there

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
        self.recipes[f"{repository}:{tag}"] = recipe
        self.calls.append(f"build {context.name or '.'} {dockerfile.name} {repository}:{tag}")
        image_id = "sha256:" + hashlib.sha256(repr((repository, *sorted(labels.items()))).encode()).hexdigest()
        self.labelled[image_id], self.arguments[image_id] = labels, arguments
        to.write_text(image_id)
        return image_id

    def push(self, file: Path, image_id: str, repository: str, tag: str) -> ImageRef:
        self.calls.append(f"push {repository}:{tag}")
        if file.read_text() != image_id:
            raise NotAuthentic(f"{file.name} holds another image.", remedy="Build it again.")
        image = ImageRef(repository, tag, "sha256:" + hashlib.sha256(image_id.encode()).hexdigest())
        self.stored[repository, tag], self.ids[image.digest] = image, image_id
        return image

    def identity(self, image: ImageRef) -> str:
        return self.ids[image.digest]

    def login(self, repository: str) -> None:
        self.calls.append(f"login {repository}")

    def find(self, repository: str, tag: str) -> ImageRef | None:
        return self.stored.get((repository, tag))

    def status(self, image: ImageRef, *, scanned: bool = False) -> ImageStatus:
        there = any(stored.by_digest == image.by_digest for stored in self.stored.values())
        given = self.states.get(image.digest, ImageStatus("there" if there else "missing"))
        return given if scanned else replace(given, scan=None)

    def platforms(self, image: ImageRef) -> Mapping[str, str]:
        return {self.platform: image.digest}

    def copy(self, image: ImageRef, repository: str) -> ImageRef:
        self.calls.append(f"copy {image.by_digest} {repository}")
        if self.status(image).state != "there":
            raise ArtifactMissing(f"{image.by_digest} is gone.", remedy="Take another version.")
        copied = replace(image, repository=repository)
        existing = self.stored.setdefault((repository, image.tag), copied)
        if existing.digest != image.digest:
            raise NotAuthentic(f"{repository}:{image.tag} is another image.", remedy="Find out who pushed it.")
        return copied

    def tag(self, image: ImageRef, tag: str) -> None:
        self.calls.append(f"tag {image.by_digest} {tag}")
        self.stored[image.repository, tag] = replace(image, tag=tag)

    def lifecycle(self, repository: str) -> str:
        return self.policies.get(repository, "")

    def shelf(self, repository: str, environments: Sequence[str]) -> Shelf:
        return self.shelves.setdefault(repository, FakeShelf(f"image of {repository}", price=0.1))
