"""What a repository of images holds, read for cleaning up: which artifact an image is of, and what refers to it. Pure.

An index refers to its platforms' images, and an image to what has it as its subject: a signature, an SBOM. These have
no tag of their own and stay or go with it. A tag that is no artifact's id moves, or is somebody else's: an image that
has one stays.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tagship.domain.leftovers import Leftover
from tagship.domain.version import ArtifactId
from tagship.errors import UsageError

ABOUT = re.compile(r"sha256-(?P<hex>[0-9a-f]{64})(\.[a-z]+)?\Z")  # how cosign and oras tag what is about an image
LOOSE = 19  # characters of a digest that name an image to people


@dataclass(frozen=True)
class StoredImage:
    """An image as a registry lists it.

    `size` is in bytes; `used` when it was pushed or pulled last. `subject` is the digest of what it is about.
    """

    digest: str
    tags: Sequence[str]
    size: int
    used: datetime | None
    media_type: str = ""
    subject: str = ""


def image_leftovers(
    images: Sequence[StoredImage], contents: Mapping[str, Collection[str]], environments: Iterable[str]
) -> list[Leftover]:
    """Read images as leftovers; `contents` maps indexes to what they refer to.

    `environments` are those that a tag of an untagged build may begin with.
    """
    known, names = {image.digest for image in images}, tuple(environments)
    wholes: dict[str, list[str]] = {image.digest: [] for image in images}
    for index, inner in contents.items():
        for digest in inner:
            wholes.setdefault(digest, []).append(index)
    for image in images:
        wholes[image.digest] += [subject for subject in _subjects(image) if subject in known]
    return [_leftover(image, wholes[image.digest], names) for image in images]


def moving(images: Iterable[StoredImage], environments: Iterable[str]) -> dict[str, str]:
    """Map digests to the tag that spares them."""
    names, reasons = tuple(environments), dict[str, str]()
    for image in images:
        others = [tag for tag in image.tags if not ABOUT.match(tag) and not artifact_of(tag, names)]
        if others:
            reasons[image.digest] = f"the tag {others[0]} names it"
    return reasons


def artifact_of(tag: str, environments: Iterable[str]) -> str:
    """Read a tag as an artifact id; empty if it is none."""
    candidates = [tag, *(tag.removeprefix(f"{name}-") for name in environments if tag.startswith(f"{name}-"))]
    for candidate in candidates:
        try:
            return str(ArtifactId.parse(candidate))
        except UsageError:
            continue
    return ""


def _subjects(image: StoredImage) -> list[str]:
    tagged = [f"sha256:{about['hex']}" for tag in image.tags if (about := ABOUT.match(tag))]
    return [*([image.subject] if image.subject else []), *tagged]


def _leftover(image: StoredImage, wholes: Sequence[str], environments: Sequence[str]) -> Leftover:
    artifacts = [artifact for tag in image.tags if (artifact := artifact_of(tag, environments))]
    name = f"image {image.tags[0] if image.tags else image.digest[:LOOSE]}"
    parts_of = tuple(dict.fromkeys(wholes))
    loose = not artifacts and not parts_of and not [tag for tag in image.tags if not ABOUT.match(tag)]
    return Leftover(image.digest, name, tuple(artifacts), image.used, image.size, parts_of, loose=loose)
