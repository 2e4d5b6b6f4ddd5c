"""Packages of an artifact: made by `build`, stored by `publish`, named in the manifest."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tagship.domain import layout
from tagship.domain.manifest import PackageRef
from tagship.domain.origin import Origin
from tagship.domain.package import LARGEST, BuiltPart, member
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.release.built import Work
from tagship.release.part_objects import stored, taken


def zipped(app: App, artifact_id: ArtifactId, name: str) -> BuiltPart:
    """Zip what a package's directory has."""
    directory = app.root / app.settings.packages[name].directory
    return _zipped(name, directory, folder(app, artifact_id) / layout.package(name))


def _zipped(name: str, directory: Path, to: Path) -> BuiltPart:
    """Zip the files of a directory, in path order."""
    files = list(_files(name, directory))
    _check_size(name, files)
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to, "w") as archive:
        for path in files:
            executable = bool(path.stat().st_mode & 0o100)
            entry = member(path.relative_to(directory).as_posix(), executable=executable)
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                shutil.copyfileobj(source, packed)
    with to.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return BuiltPart(digest, to.stat().st_size)


def _files(name: str, directory: Path) -> Iterator[Path]:
    """List files in path order. Raises Refused for links, or nothing."""
    paths = sorted(directory.rglob("*"), key=lambda path: path.relative_to(directory).as_posix())
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(
                f"{path} is not a regular file: a package holds nothing else.",
                remedy="Replace it with a copy of its target, or have the package's command leave it out",
            )
    if not any(path.is_file() for path in paths):
        raise Refused(
            f"{directory} has no files for the package {name}.",
            remedy=f"Fill it, or name what does: packages.{name}.command in tagship.toml",
        )
    yield from (path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def _check_size(name: str, files: Sequence[Path]) -> None:
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST:
        raise Refused(
            f"The package {name} has {size:,} bytes of files, and Lambda takes at most {LARGEST:,}.",
            remedy=f"Leave something out of packages.{name}.directory in tagship.toml",
        )


def store(app: App, work: Work, origin: Origin) -> Mapping[str, PackageRef]:
    """Create each package's object, or require that the existing one fits."""
    refs = work.package_refs(app)
    for name, ref in refs.items():
        if not stored(app, work, layout.package(name), ref.sha256, origin):
            raise taken(work, f"package {name}")
    return refs
