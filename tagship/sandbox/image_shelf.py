"""The images of a sandbox's repository, for cleaning up: one folder an image, one file a tag."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from tagship.domain.leftovers import Leftover
from tagship.domain.stored_images import StoredImage, image_leftovers, moving


@dataclass(frozen=True)
class SandboxShelf:
    """One repository of a sandbox.

    An image that another repository has too stays, but for its tags here.
    """

    folder: Path
    repository: str
    environments: Sequence[str]
    price: float = 0.0

    @property
    def noun(self) -> str:
        return f"image of {self.repository}"

    @property
    def _tags(self) -> Path:
        return self.folder / "tags" / quote(self.repository, safe="")

    def look(self) -> Sequence[Leftover]:
        return image_leftovers(self._stored(), {}, self.environments)

    def _stored(self) -> list[StoredImage]:
        tags: dict[str, list[Path]] = {}
        for file in sorted(self._tags.glob("*.json")):
            tags.setdefault(_digest(file), []).append(file)
        return [
            StoredImage(
                digest,
                [unquote(file.stem) for file in files],
                _size(self._image(digest)),
                datetime.fromtimestamp(max(file.stat().st_mtime for file in files), UTC),
            )
            for digest, files in tags.items()
        ]

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:  # noqa: ARG002 (tags say it)
        return moving(self._stored(), self.environments)

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        for leftover in leftovers:
            for file in self._tags.glob("*.json"):
                if _digest(file) == leftover.id:
                    file.unlink(missing_ok=True)
            if not any(_digest(file) == leftover.id for file in (self.folder / "tags").rglob("*.json")):
                shutil.rmtree(self._image(leftover.id), ignore_errors=True)
        return {}

    def _image(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")


def _digest(file: Path) -> str:
    return str(json.loads(file.read_text("utf-8"))["digest"])


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
