"""Where an artifact comes from: the metadata of its bundle's object, and the part of the manifest that says so.

The bundle's object is created first and never changed, so its metadata decides: whoever publishes the same bytes
again, after a crash or in another run, reads the origin there and arrives at the same manifest, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self
from urllib.parse import quote, unquote

from tagship.domain.manifest import ImageRef

NOTHING = "-"  # S3 keeps a header without a value, but not every tool on the way does
LONGEST = 900  # characters: S3 takes 2 KB of metadata in all
PLAIN = " !#$&'()*+,/:;=?@[]"  # with letters, digits and _.-~; the rest is percent-encoded: S3 metadata is ASCII


@dataclass(frozen=True)
class Origin:
    """Where an artifact comes from.

    `build_time` is ISO 8601 in UTC; `image` is `repository:tag@sha256:…`; what does not apply is empty.
    """

    commit_sha: str
    branch: str
    build_time: str
    workflow_run_id: str = ""
    pr_number: str = ""
    builder: str = ""
    run_url: str = ""
    image: str = ""

    def metadata(self) -> dict[str, str]:
        """Write an object's metadata: `commit-sha`, `branch`, `build-time` and so on."""
        return {_key(f.name): quote(getattr(self, f.name) or NOTHING, safe=PLAIN) for f in fields(self)}

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> Self | None:
        """Read an object's metadata; None if a part is missing."""
        parts = {f.name: metadata.get(_key(f.name), "") for f in fields(cls)}
        if not all(parts.values()):
            return None
        return cls(**{name: "" if value == NOTHING else unquote(value) for name, value in parts.items()})


def _key(name: str) -> str:
    return name.replace("_", "-")


def written(images: Mapping[str, ImageRef]) -> str:
    """Write images on one line; empty if there are none.

    One without a name as it is, others as name=image. What is too long for S3's metadata by its SHA-256.
    """
    lines = [
        f"{name}{'=' if name else ''}{image.repository}:{image.tag}@{image.digest}"
        for name, image in sorted(images.items())
    ]
    line = ", ".join(lines)
    return line if len(line) <= LONGEST else f"{len(lines)} images, sha256:{hashlib.sha256(line.encode()).hexdigest()}"
