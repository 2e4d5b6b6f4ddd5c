"""The files of an archive from before tagship, in the form of a bundle."""

from __future__ import annotations

import gzip
import heapq
import tarfile
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import IO

from tagship.domain.bundle import SUMS, Archive, Built, Member, why_not_in_a_bundle
from tagship.domain.version import ArtifactId
from tagship.engine import hostfiles
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App
from tagship.release.packing import generated, host_files, of_tagship, packed

ORIGIN = "the archive"
BYTECODE = "__pycache__"
MOST_RATIO, MOST_SLACK = 100, 104_857_600  # deploy/host/entry.sh has the same two
CHUNK = 1 << 20  # bytes


def repacked(app: App, artifact_id: ArtifactId, archive: Path, to: Path) -> Built:
    """Write a bundle of an archive's files and our own.

    A file of ours takes the place of one of the archive's under the same path.
    Raises NotAuthentic if it is no tar.gz, Refused for what cannot be in a bundle.
    """
    plain = archive.with_suffix("")
    try:
        _unzip(archive, plain)
        with tarfile.open(plain, "r:") as tar:
            return _written(app, artifact_id, tar, to)
    except (gzip.BadGzipFile, zlib.error, EOFError, ValueError, tarfile.TarError) as reason:  # no fault of this disk's
        raise NotAuthentic(
            f"The archive of {artifact_id} can't be read as a tar.gz: {reason}.", remedy="Take another version"
        ) from reason
    finally:
        plain.unlink(missing_ok=True)


def _unzip(archive: Path, to: Path) -> None:
    """Unpack a gzip file, but not one that would fill the disk.

    Raises ValueError, and OSError if there is no room.
    """
    left = archive.stat().st_size * MOST_RATIO + MOST_SLACK
    with gzip.open(archive) as zipped, to.open("wb") as unzipped:
        while chunk := zipped.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"it unpacks to more than {MOST_RATIO} times its size")
            unzipped.write(chunk)


def _written(app: App, artifact_id: ArtifactId, tar: tarfile.TarFile, to: Path) -> Built:
    names = hostfiles.of_tagship(app, own=False)
    ours = {member.path: member for member in (*of_tagship(names), *generated(app, artifact_id))}
    theirs = (member for path, member in sorted(_members(app, artifact_id, tar).items()) if path not in ours)
    bundle = Archive()

    def stream() -> Generator[bytes, None, None]:
        for member in heapq.merge(theirs, (ours[path] for path in sorted(ours)), key=lambda entry: entry.path):
            yield from bundle.add(member)
        yield from bundle.finish()

    with closing(stream()) as plain:
        digest, size = packed(plain, app.settings.bundle.level, to)
    whose = host_files(bundle.files, names, own=False)
    return Built(str(artifact_id), "", digest, size, bundle.sums_sha256, bundle.unpacked, bundle.files, whose)


def _members(app: App, artifact_id: ArtifactId, tar: tarfile.TarFile) -> dict[str, Member]:
    """Map each path to its file; the later of two counts."""
    entries = [entry for entry in tar if not entry.isdir()]
    folder = _folder(app, artifact_id, entries)
    members = [_member(tar, entry, _path(entry).removeprefix(folder)) for entry in entries]
    return {member.path: member for member in members if member.path != SUMS and BYTECODE not in member.path.split("/")}


def _folder(app: App, artifact_id: ArtifactId, entries: list[tarfile.TarInfo]) -> str:
    """Name the version's folder that holds all files, if any.

    No setting could name it, as it is another one for each version.
    """
    for name in (f"{app.settings.app}-{artifact_id}/", f"{artifact_id}/"):
        if entries and all(_path(entry).startswith(name) for entry in entries):
            return name
    return ""


def _path(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./")


def _member(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> Member:
    """Read a file; of a link to one, a copy is taken."""
    file = _opened(tar, entry)
    problem = "" if path == SUMS else why_not_in_a_bundle(path)
    if file is None:
        problem = "it is neither a file nor a link to one of the archive's files"
    if problem or file is None:
        shown = path.encode("unicode_escape", "surrogateescape").decode("ascii", "backslashreplace")
        raise Refused(f"{shown} of the archive can't be in a bundle: {problem}.", remedy="Take another version")
    size = file.seek(0, 2)
    file.seek(0)
    executable = bool(entry.mode & 0o100)  # of a symbolic link always: the archive has no other mode of it
    return Member(path, executable, size, file.read, ORIGIN)


def _opened(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes] | None:
    try:
        return tar.extractfile(entry)
    except (KeyError, RecursionError):  # a link to nowhere, or to itself
        return None
