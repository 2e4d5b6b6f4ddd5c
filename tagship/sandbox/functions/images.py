"""The images that functions of a sandbox run: those that its own `build` keeps; see tagship.sandbox.images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Images:
    """The folder of a sandbox's images."""

    folder: Path

    def digest(self, address: str) -> str:
        """Resolve an address by tag or digest; empty without the image."""
        repository, at, digest = address.partition("@")
        if not at:
            repository, _, tag = address.rpartition(":")
            place = self.folder / "tags" / quote(repository, safe="") / f"{quote(tag, safe='')}.json"
            digest = str(json.loads(place.read_text("utf-8"))["digest"]) if place.is_file() else ""
        return digest if digest and self._place(digest).is_dir() else ""

    def config(self, digest: str) -> Any:
        """Read how an image starts: folder, variables, command."""
        return json.loads((self._place(digest) / "config.json").read_text("utf-8"))

    def architecture(self, digest: str) -> str:
        """Name the processors that an image was built for, as Lambda does."""
        return {"linux/arm64": "arm64"}.get(str(self.config(digest).get("platform", "")), "x86_64")

    def files(self, digest: str) -> Path:
        return self._place(digest) / "root"

    def _place(self, digest: str) -> Path:
        return self.folder / digest.replace(":", "-")
