"""Static sets of an artifact: made by `build`, stored by `publish`, named in the manifest."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.content_types import content_type
from tagship.domain.manifest import StaticRef, sha256
from tagship.domain.origin import Origin
from tagship.domain.package import member
from tagship.domain.static_set import StaticFile, StaticSet
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.release.built import Work
from tagship.settings import Static


def make(app: App, artifact_id: ArtifactId, commit: str, names: Sequence[str]) -> None:
    """Run each set's command; write its zip and list."""
    facts = {"VERSION": str(artifact_id), "COMMIT_SHA": commit}
    for name in names:
        chosen = app.settings.static[name]
        if chosen.command:
            app.screen.say(f"static set {name}: {' '.join(chosen.command)}")
            app.packager.run(chosen.command, app.root, facts)
        made = _zipped(name, chosen, app.root / chosen.directory, folder(app, artifact_id) / layout.static(name))
        (folder(app, artifact_id) / layout.static_files(name)).write_bytes(made.to_json())
        app.screen.say(f"built static set {name}: {len(made.files):,} files")


def _zipped(name: str, chosen: Static, directory: Path, to: Path) -> StaticSet:
    """Zip a directory's files, and note their hashes and headers."""
    to.parent.mkdir(parents=True, exist_ok=True)
    files: dict[str, StaticFile] = {}
    with zipfile.ZipFile(to, "w") as archive:
        for file in _files(name, directory):
            path, body = file.relative_to(directory).as_posix(), file.read_bytes()
            archive.writestr(member(path, executable=False), body)
            files[path] = StaticFile(sha256(body), content_type(path), chosen.cache_control(path))
    return StaticSet(files)


def _files(name: str, directory: Path) -> list[Path]:
    """List files in path order. Raises Refused for links, or nothing."""
    paths = sorted(directory.rglob("*"))
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(
                f"{path} is not a regular file: a static set holds nothing else.",
                remedy="Copy what it points to in its place, or have the set's command leave it out",
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
    refs = {}
    for name, ref in _refs(work).items():
        for key, digest in ((ref.key, ref.sha256), (ref.files_key, ref.files_sha256)):
            try:
                app.store.create(key, folder(app, work.artifact_id) / _local(key), origin.metadata())
            except Conflict:
                _check_same(app, work, name, key, digest)
        refs[name] = ref
    return refs


def check_stored(work: Work, stored: Mapping[str, StaticRef]) -> None:
    """Require that the stored sets are the built ones. Raises Refused."""
    mine = _refs(work)
    for name in sorted(mine.keys() | stored.keys()):
        if mine.get(name) != stored.get(name):
            raise _taken(work, name)


def _refs(work: Work) -> dict[str, StaticRef]:
    return {name: made.ref for name, made in work.static.items()}


def _local(key: str) -> str:
    return "/".join(key.split("/")[-2:])


def _check_same(app: App, work: Work, name: str, key: str, digest: str) -> None:
    head = app.store.head(key)
    if head is None or head.sha256 != digest:
        raise _taken(work, name)


def _taken(work: Work, name: str) -> Refused:
    return Refused(
        f"{work.artifact_id} is taken in {work.environment}: its static set {name} has other bytes there.",
        state="What is stored under that id stays as it is.",
        remedy=f"Ship under the next number: {commands.deploy_dev()}",
    )
