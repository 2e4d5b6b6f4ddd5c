"""What an image would be made of, read from the disk as its build reads it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from tagship.domain.inputs import Ignored, Inputs, digest_of, why_never_the_same
from tagship.settings import Image

UNREAD = (".git", ".tagship")  # Git's own, and our own: another on each machine
NOTHING_IGNORED = Ignored()


def inputs_of(root: Path, image: Image) -> Inputs:
    """Digest an image's Dockerfile, context and arguments.

    Without a digest if the same inputs may make another image, or can't be read.
    """
    dockerfile, context = root / image.dockerfile, root / image.context
    try:
        text = dockerfile.read_text("utf-8")
        if why := why_never_the_same(text):
            return Inputs(why=why)
        files = dict(walked(context, _ignored(dockerfile, context)))
    except (OSError, UnicodeDecodeError) as reason:
        return Inputs(why=f"its inputs can't be read ({reason})")
    machine = image.platform or platform.machine()
    arguments = dict(image.arguments)
    return Inputs(digest_of(files, dockerfile=text, target=image.target, machine=machine, arguments=arguments))


def _ignored(dockerfile: Path, context: Path) -> Ignored:
    """Read the .dockerignore that counts: the Dockerfile's own, or the context's."""
    for place in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if place.is_file():
            return Ignored.read(place.read_text("utf-8"))
    return Ignored()


def walked(context: Path, ignored: Ignored = NOTHING_IGNORED) -> Iterator[tuple[str, str]]:
    """Yield each path below a folder, with what is there."""
    for folder, folders, names in os.walk(context):
        inner = Path(folder)
        links = [name for name in folders if (inner / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in UNREAD and name not in links)
        for name in sorted([*names, *links]):
            path = (inner / name).relative_to(context).as_posix()
            if name not in UNREAD and not ignored.has(path):
                yield path, content(inner / name)


def content(place: Path) -> str:
    """Describe a file by mode and SHA-256, a link by its end."""
    if place.is_symlink():
        return f"link {os.readlink(place)}"
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return f"{place.stat().st_mode & 0o777:o} {digest}"
