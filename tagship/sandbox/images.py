"""Images without a container engine: `build` unpacks what the Dockerfile copies, and hosts run it as plain processes.

Follows https://docs.docker.com/reference/dockerfile/ for FROM, ARG, ENV, WORKDIR, COPY, ADD, ENTRYPOINT and CMD. Does
not model: RUN and everything else, .dockerignore, and what a base image brings along; `build` says so, by line.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from tagship.domain import commands
from tagship.domain.image import ImageStatus, Recipe
from tagship.domain.manifest import ImageRef
from tagship.errors import ArtifactMissing, NotAuthentic, Refused
from tagship.ports.images import PLAIN
from tagship.sandbox.dockerfile import Image, read
from tagship.sandbox.image_shelf import SandboxShelf

PLATFORM = "linux/amd64"  # what an image is built for that asks for none


@dataclass(frozen=True)
class SandboxImages:
    """The Builder and the Registry of a sandbox: a folder."""

    folder: Path
    say: Callable[[str], None]

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
        """Unpack the image's files and keep them under their digest."""
        # Raises Refused for a Dockerfile that cannot be read.
        self.say(f"SANDBOX: no container engine and no registry is used; {repository}:{tag} stays on this machine.")
        partial = self.folder / f"{quote(repository, safe='')}-{quote(tag, safe='')}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        (partial / "root").mkdir(parents=True)
        image = read(_text(dockerfile), context, partial / "root", arguments, recipe.target)
        for line in image.passed_over:
            self.say(f"SANDBOX: not done: {line}")
        if recipe.smoke:
            self.say(f"SANDBOX: not run, for there is no container: {' '.join(recipe.smoke)}")
        digest = self._keep(partial, image, labels, recipe.platform or PLATFORM)
        to.write_text(json.dumps({"digest": digest}), "utf-8")
        return digest

    def push(self, file: Path, image_id: str, repository: str, tag: str) -> ImageRef:
        """Put the tag on the image that the file names."""
        digest = json.loads(file.read_text("utf-8"))["digest"]
        if digest != image_id or not self._image(digest).is_dir():
            raise NotAuthentic(
                f"{file.name} does not name the image {image_id}.", remedy=f"Build it: {commands.build()}"
            )
        image = ImageRef(repository, tag, digest)
        self.tag(image, tag)
        return image

    def identity(self, image: ImageRef) -> str:
        return image.digest

    def login(self, repository: str) -> None:
        """Log in nowhere: no registry is asked."""

    def find(self, repository: str, tag: str) -> ImageRef | None:
        place = self._place(repository, tag)
        return ImageRef(repository, tag, json.loads(place.read_text("utf-8"))["digest"]) if place.is_file() else None

    def status(self, image: ImageRef, *, scanned: bool = False) -> ImageStatus:  # noqa: ARG002 (nobody scans here)
        return ImageStatus("there" if self._image(image.digest).is_dir() else "missing")

    def platforms(self, image: ImageRef) -> Mapping[str, str]:
        """Name the platform that it was built for."""
        config = self._image(image.digest) / "config.json"
        return (
            {json.loads(config.read_text("utf-8")).get("platform", PLATFORM): image.digest} if config.is_file() else {}
        )

    def copy(self, image: ImageRef, repository: str) -> ImageRef:
        """Put the tag on the same image in another repository."""
        if self.status(image).state != "there":
            raise ArtifactMissing(
                f"{image.by_digest} is gone.", remedy=f"Ship the next version: {commands.deploy_dev()}"
            )
        existing = self.find(repository, image.tag)
        if existing and existing.digest != image.digest:
            raise NotAuthentic(
                f"{repository}:{image.tag} is {existing.digest} already, and not {image.digest}.",
                remedy=f"Ship the next version: {commands.deploy_dev()}",
            )
        self.tag(replace(image, repository=repository), image.tag)
        return replace(image, repository=repository)

    def tag(self, image: ImageRef, tag: str) -> None:
        place = self._place(image.repository, tag)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"digest": image.digest}), "utf-8")

    def lifecycle(self, repository: str) -> str:  # noqa: ARG002 (a folder has none)
        return ""

    def shelf(self, repository: str, environments: Sequence[str]) -> SandboxShelf:
        return SandboxShelf(self.folder, repository, environments)

    def _keep(self, partial: Path, image: Image, labels: Mapping[str, str], platform: str) -> str:
        """Move an unpacked image to its place; return its digest."""
        config = json.dumps(asdict(image) | {"labels": dict(labels), "platform": platform}, indent=2, sort_keys=True)
        (partial / "config.json").write_text(config, "utf-8")
        digest = f"sha256:{_hash(partial)}"
        shutil.rmtree(self._image(digest), ignore_errors=True)
        partial.rename(self._image(digest))
        return digest

    def _image(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")

    def _place(self, repository: str, tag: str) -> Path:
        return self.folder / "tags" / quote(repository, safe="") / f"{quote(tag, safe='')}.json"


def _text(dockerfile: Path) -> str:
    try:
        return dockerfile.read_text("utf-8")
    except OSError as reason:
        raise Refused(
            f"{dockerfile} cannot be read: {reason.strerror}.", remedy="Correct image.dockerfile in tagship.toml"
        ) from reason


def _hash(folder: Path) -> str:
    """Hash every file's path and bytes with SHA-256."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            total.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
