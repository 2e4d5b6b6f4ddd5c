"""`bundle`: the commit, the host files, and the configuration of every environment as one reproducible tar.gz."""

from __future__ import annotations

import heapq
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import BinaryIO

from tagship import __version__
from tagship.domain import layout
from tagship.domain.bundle import DISK, Archive, Built, Member, why_not_in_a_bundle
from tagship.domain.version import ArtifactId
from tagship.engine import hostfiles
from tagship.engine.artifacts import folder
from tagship.engine.handover import digest_of
from tagship.engine.scope import named
from tagship.engine.tagged import commit_of
from tagship.errors import UNCHANGED, Refused
from tagship.ports.app import App
from tagship.release.packing import generated, host_files, of_tagship, packed

BYTECODE = "__pycache__"


def bundle(app: App, *, artifact: str = "", env: str = "", dry_run: bool = False) -> Built | None:
    """Build .tagship/build/<artifact id>/deploy-bundle.tar.gz, and bundle.json beside it.

    CI gets one output, `built`: the digest of everything that was built, for `publish --built` in another job.
    Raises Refused for what cannot be in a bundle: links, submodules, names that sha256sum would escape, a path twice.
    """
    artifact_id, _ = named(app, artifact, env)
    commit = commit_of(app, artifact_id)
    sources = _sources(app, commit)
    app.screen.say(f"bundle {artifact_id}: {_said(app, sources, commit)}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return None
    to = folder(app, artifact_id) / layout.BUNDLE
    built = _write(app, artifact_id, sources, to)
    (to.parent / "bundle.json").write_bytes(built.to_json())
    app.ci.output({"built": digest_of(to.parent)})
    app.screen.say(
        f"built {to.relative_to(app.root)}: {len(built.files)} files, {built.size:,} bytes, sha256 {built.sha256}"
    )
    return built


@dataclass(frozen=True)
class _Sources:
    """Paths of a commit and files of tagship."""

    commit: str
    paths: Sequence[str]
    tagship: Sequence[str]
    own: bool  # the commit has host files


def _sources(app: App, commit: str) -> _Sources:
    own = hostfiles.ejected(app, commit)
    return _Sources(commit, hostfiles.of_commit(app, own=own), hostfiles.of_tagship(app, own=own), own)


def _said(app: App, sources: _Sources, commit: str) -> str:
    """Name what goes into the bundle."""
    built = app.settings.bundle.built
    parts = [f"{', '.join(sources.paths)} of {commit[:8]}"] if sources.paths else []
    parts += [f"the host files of tagship {__version__}"] if sources.tagship else []
    parts += [f"{', '.join(built)} from {DISK}"] if built else []
    if not parts:
        return "the configuration of its environments alone"
    return ", with ".join([parts[0], " and ".join(parts[1:])] if parts[1:] else parts)


def _write(app: App, artifact_id: ArtifactId, sources: _Sources, to: Path) -> Built:
    """Stream the members into a file that appears only when whole."""
    archive = Archive()
    with closing(_plain(app, artifact_id, sources, archive)) as plain:
        digest, size = packed(plain, app.settings.bundle.level, to)
    whose = host_files(archive.files, sources.tagship, own=sources.own)
    facts = (size, archive.sums_sha256, archive.unpacked, archive.files, whose)
    committed = f"{app.repository.committed(sources.commit):%Y-%m-%dT%H:%M:%SZ}"
    return Built(str(artifact_id), sources.commit, digest, *facts, committed=committed)


def _plain(app: App, artifact_id: ArtifactId, of: _Sources, archive: Archive) -> Generator[bytes, None, None]:
    for member in _members(app, artifact_id, of):
        yield from archive.add(member)
    _check_required(app, archive, of.commit)
    yield from archive.finish()


def _members(app: App, artifact_id: ArtifactId, of: _Sources) -> Iterator[Member]:
    """Merge every file of the bundle but SHA256SUMS, in path order."""
    sources = (_of_commit(app, of), of_tagship(of.tagship), _of_disk(app), generated(app, artifact_id))
    for member in heapq.merge(*sources, key=lambda entry: entry.path):
        reason = why_not_in_a_bundle(member.path)
        if reason:
            shown = member.path.encode("unicode_escape", "surrogateescape").decode("ascii", "backslashreplace")
            raise Refused(
                f"{shown} (from {member.origin}) cannot be in a bundle: {reason}.",
                remedy="Rename it, or narrow bundle.include in tagship.toml",
            )
        yield member


def _of_commit(app: App, of: _Sources) -> Iterator[Member]:
    for path, executable, size, read in app.repository.files(of.commit, of.paths):
        yield Member(path, executable, size, read, f"commit {of.commit[:8]}")


def _of_disk(app: App) -> Iterator[Member]:
    """Read the built paths, which Git does not track.

    They are regular files, sorted.
    """
    for path in sorted({name for top in app.settings.bundle.built for name in _walk(app.root, top)}):
        with _opened(app.root / path) as file:
            status = os.fstat(file.fileno())
            yield Member(path, bool(status.st_mode & 0o100), status.st_size, file.read, DISK)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as reason:
        raise Refused(
            f"{path} cannot be read: {reason.strerror}.", remedy=f"Look at it: ls -l {quote(str(path))}"
        ) from reason


def _walk(root: Path, top: str) -> Iterator[str]:
    """List the files under a built path, relative to the root.

    What Python compiled is left out: it names times, and Python writes over it on a host, which would be an alteration.
    Raises Refused for a link, a device, or nothing.
    """
    start = root / top
    if start.is_symlink() or not start.exists():
        raise Refused(
            f"bundle.built names {top}, but there is no such file or folder.", remedy=f"Build it first: ls {quote(top)}"
        )
    paths = [start] if start.is_file() else sorted(start.rglob("*"))
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(
                f"{os.path.relpath(path, root)} is not a regular file: a bundle holds nothing else.",
                remedy="Replace it with a copy of its target, or narrow bundle.built in tagship.toml",
            )
        if path.is_file() and BYTECODE not in path.parts:
            yield os.path.relpath(path, root)


def _check_required(app: App, archive: Archive, commit: str) -> None:
    """Refuse a bundle that lacks a file that units run."""
    for environment in app.settings.environments:
        for path in app.unfilled(environment).required():
            if path not in archive.files:
                raise Refused(
                    f"Commit {commit[:8]} has no {path}, which {environment} runs from each bundle.",
                    remedy=f"Commit {path}, and name it under bundle.include in tagship.toml",
                )
