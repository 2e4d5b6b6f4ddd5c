"""Static sets of an artifact: made by `build`, stored by `publish`, named in the manifest."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tagship.domain import layout
from tagship.domain.content_types import content_type
from tagship.domain.manifest import StaticRef, sha256
from tagship.domain.origin import Origin
from tagship.domain.package import BuiltPart, member
from tagship.domain.static_set import StaticFile, StaticSet
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.release.built import Work
from tagship.release.part_objects import stored, taken
from tagship.settings import Static


def zipped(app: App, artifact_id: ArtifactId, name: str) -> BuiltPart:
    """Zip what a set's directory has, and list its files."""
    chosen, place = app.settings.static[name], folder(app, artifact_id)
    file = place / layout.static(name)
    listed = _zipped(name, chosen, app.root / chosen.directory, file).to_json()
    (place / layout.static_files(name)).write_bytes(listed)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return BuiltPart(digest, file.stat().st_size, sha256(listed))


def _zipped(name: str, chosen: Static, directory: Path, to: Path) -> StaticSet:
    """Zip a directory's files, and note their hashes and headers."""
    to.parent.mkdir(parents=True, exist_ok=True)
    files: dict[str, StaticFile] = {}
    with zipfile.ZipFile(to, "w") as archive:
        for file in _files(name, directory):
            path, body = file.relative_to(directory).as_posix(), file.read_bytes()
            archive.writestr(member(path, executable=False), body)
            files[path] = StaticFile(sha256(body), content_type(path), chosen.cache_control(path), chosen.tags(path))
    return StaticSet(files)


def _files(name: str, directory: Path) -> list[Path]:
    """List files in path order. Raises Refused for links, or nothing."""
    paths = sorted(directory.rglob("*"))
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(
                f"{path} is not a regular file: a static set holds nothing else.",
                remedy="Replace it with a copy of its target, or have the set's command leave it out",
            )
    files = [path for path in paths if path.is_file()]
    if not files:
        raise Refused(
            f"{directory} has no files for the static set {name}.",
            remedy=f"Fill it, or name what does: static.{name}.command in tagship.toml",
        )
    return files


def store(app: App, work: Work, origin: Origin) -> Mapping[str, StaticRef]:
    """Create each set's two objects, or require that the existing ones fit."""
    refs = work.static_refs
    for name, ref in refs.items():
        digests = (ref.sha256, ref.files_sha256)
        for part, digest in zip(layout.objects_of_set(name), digests, strict=True):
            if not stored(app, work, part, digest, origin):
                raise taken(work, f"static set {name}")
    return refs


def check_stored(work: Work, stored: Mapping[str, StaticRef]) -> None:
    """Require that the stored sets are the built ones. Raises Refused."""
    mine = work.static_refs
    for name in sorted(mine.keys() | stored.keys()):
        if mine.get(name) != stored.get(name):
            raise taken(work, f"static set {name}")
