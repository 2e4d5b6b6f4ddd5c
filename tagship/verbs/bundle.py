"""`bundle`: the commit, the host files, and the configuration of every environment as one reproducible tar.gz."""

from __future__ import annotations

import hashlib
import heapq
import io
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tagship import __version__, resources
from tagship.domain import layout
from tagship.domain.bundle import (
    DISK,
    GENERATED,
    GZIP_HEAD,
    VERSION,
    Archive,
    Built,
    HostFiles,
    Member,
    sums,
    why_not_in_a_bundle,
)
from tagship.domain.version import ArtifactId
from tagship.engine import hostfiles
from tagship.engine.artifacts import folder
from tagship.engine.handover import digest_of
from tagship.engine.scope import named
from tagship.engine.tagged import commit_of
from tagship.errors import UNCHANGED, Refused
from tagship.ports.app import App

BYTECODE = "__pycache__"
BATCH = 256 * 1024  # bytes compressed at a time; another number gives other bundles (ADR 0018)
AHEAD = 4  # batches that may wait to be compressed
GZIP = 31  # zlib's wbits for a 32 KiB window in gzip's frame


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
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(to.name + ".part")
    archive, whole = Archive(), hashlib.sha256()
    with part.open("wb") as file, closing(_plain(app, artifact_id, sources, archive)) as plain:

        def put(packed: bytes) -> None:
            whole.update(packed)
            file.write(packed)

        _compress(plain, app.settings.bundle.level, put)
    size = part.stat().st_size
    part.replace(to)
    host_files = _host_files(archive.files, sources)
    facts = (size, archive.sums_sha256, archive.unpacked, archive.files, host_files)
    return Built(str(artifact_id), sources.commit, whole.hexdigest(), *facts)


def _host_files(files: Mapping[str, str], sources: _Sources) -> HostFiles | None:
    """Record whose host files a bundle has; None if it has none."""
    prefix, generated = f"{resources.FOLDER}/", f"{layout.CONFIGURATION}/"
    names = sources.tagship or [path for path in files if path.startswith(prefix) and not path.startswith(generated)]
    if not sources.tagship and not sources.own:
        return None
    digest = hashlib.sha256(sums({path: files[path] for path in names})).hexdigest()
    return HostFiles("repository" if sources.own else "tagship", __version__, digest)


def _compress(plain: Iterator[bytes], level: int, put: Callable[[bytes], None]) -> None:
    """Compress a tar to gzip.

    Nothing of this machine, its Python or its zlib decides the bytes.
    """
    from zlib_ng import zlib_ng

    compressor = zlib_ng.compressobj(level, wbits=GZIP)
    compressor.compress(b"")  # its own header, dropped because it names this machine's operating system
    put(GZIP_HEAD)
    _read_ahead(_batches(plain), lambda batch: put(compressor.compress(batch)))
    put(compressor.flush())


def _read_ahead(batches: Iterator[bytes], handle: Callable[[bytes], None]) -> None:
    """Read the next batches while one is compressed.

    Compressing leaves the interpreter free; at most AHEAD batches wait.
    """
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(1) as compressing:
        for batch in batches:
            waiting.append(compressing.submit(handle, batch))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for future in waiting:
            future.result()


def _batches(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut a stream into pieces of exactly BATCH bytes.

    Where zlib-ng's input is cut decides its output.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= BATCH:
            yield bytes(held[:BATCH])
            del held[:BATCH]
    yield bytes(held)


def _plain(app: App, artifact_id: ArtifactId, of: _Sources, archive: Archive) -> Generator[bytes, None, None]:
    for member in _members(app, artifact_id, of):
        yield from archive.add(member)
    _check_required(app, archive, of.commit)
    yield from archive.finish()


def _members(app: App, artifact_id: ArtifactId, of: _Sources) -> Iterator[Member]:
    """Merge every file of the bundle but SHA256SUMS, in path order."""
    generated = {VERSION: f"{artifact_id}\n".encode()}
    for environment in app.settings.environments:
        generated |= app.target(environment).files()
    sources = (_of_commit(app, of), _of_tagship(of), _of_disk(app), _generated(generated))
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


def _of_tagship(of: _Sources) -> Iterator[Member]:
    for path in of.tagship:
        raw = resources.content(path)
        yield Member(path, resources.is_program(raw), len(raw), io.BytesIO(raw).read, f"tagship {__version__}")


def _generated(files: dict[str, bytes]) -> Iterator[Member]:
    for path in sorted(files):
        yield Member(path, False, len(files[path]), io.BytesIO(files[path]).read, GENERATED)


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
        raise Refused(f"{path} cannot be read: {reason.strerror}.", remedy=f"Look at it: ls -l {path}") from reason


def _walk(root: Path, top: str) -> Iterator[str]:
    """List the files under a built path, relative to the root.

    What Python compiled is left out: it names times, and Python writes over it on a host, which would be an alteration.
    Raises Refused for a link, a device, or nothing.
    """
    start = root / top
    if start.is_symlink() or not start.exists():
        raise Refused(
            f"bundle.built names {top}, but there is no such file or folder.", remedy=f"Build it first: ls {top}"
        )
    paths = [start] if start.is_file() else sorted(start.rglob("*"))
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Refused(
                f"{os.path.relpath(path, root)} is not a regular file: a bundle holds nothing else.",
                remedy="Copy what it points to in its place, or narrow bundle.built in tagship.toml",
            )
        if path.is_file() and BYTECODE not in path.parts:
            yield os.path.relpath(path, root)


def _check_required(app: App, archive: Archive, commit: str) -> None:
    """Refuse a bundle that lacks a file that units run."""
    for environment in app.settings.environments:
        for path in app.target(environment).required():
            if path not in archive.files:
                raise Refused(
                    f"Commit {commit[:8]} has no {path}, which {environment} runs from each bundle.",
                    remedy=f"Commit {path}, and name it under bundle.include in tagship.toml",
                )
