"""The bundle: the tar.gz that a host unpacks, the same bytes on any machine, on any day, under any umask.

- POSIX ustar: uid, gid 0 and no names; modes 0644 and 0755; one mtime for all; no entries for folders, so that a host's
  own umask decides about those. A path or size that ustar can't hold gets a pax record before its header.
- gzip without name or time, operating system 255 (unknown), compressed in verbs/bundle.py by the pinned
  zlib-ng (ADR 0018).
- Paths in byte order, and SHA256SUMS last: hashes are computed while the bytes pass by.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from shlex import quote
from typing import Any, Self

from tagship.domain import commands
from tagship.domain.layout import CONFIGURATION
from tagship.errors import Refused

VERSION = "VERSION"
SUMS = "SHA256SUMS"
BLOCK = 512
RECORD = 20 * BLOCK
CHUNK = 64 * 1024  # a pipe's buffer: while one chunk is compressed, git fills the next
GZIP_HEAD = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # RFC 1952: deflate, no flags, no time, unknown system
SHOWN = 5  # paths that an error names

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Member:
    """One regular file of a bundle.

    Its `size` bytes come from `read(n)`. `origin` says where from.
    """

    path: str
    executable: bool
    size: int
    read: Read
    origin: str


@dataclass(frozen=True)
class HostFiles:
    """Whose host files a bundle has: tagship's own, or the repository's.

    `tagship` is the version that built it; `digest` is the SHA-256 of their lines of SHA256SUMS.
    """

    source: str  # tagship | repository
    tagship: str
    digest: str


@dataclass(frozen=True)
class Built:
    """Facts about a bundle, for `publish`: its bundle.json.

    Hashes are SHA-256 in hex; `size` is of the tar.gz, `unpacked` of all its files, in bytes. `committed` is when the
    commit was made, ISO 8601 in UTC.
    """

    artifact_id: str
    commit: str
    sha256: str
    size: int
    sums_sha256: str
    unpacked: int
    files: Mapping[str, str]
    host_files: HostFiles | None = None
    committed: str = ""

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read bundle.json; raises Refused if it cannot be read."""
        try:
            value: dict[str, Any] = json.loads(raw)
            host_files = value.pop("host_files", None)
            return cls(**value, host_files=HostFiles(**host_files) if host_files else None)
        except (ValueError, TypeError, AttributeError) as reason:
            raise Refused(
                "bundle.json cannot be read: tagship did not write it.", remedy=f"Build it again: {commands.bundle()}"
            ) from reason


class Archive:
    """A tar as a stream: `add` and `finish` yield its bytes.

    Its memory does not grow with the files.
    """

    def __init__(self, mtime: int = 0) -> None:
        self.files: dict[str, str] = {}
        self.sums_sha256 = ""
        self.unpacked = 0  # bytes of all files
        self._mtime = mtime
        self._length = 0

    def add(self, member: Member) -> Iterator[bytes]:
        """Yield a file's tar bytes. Raises Refused if its size changed."""
        # Or if its path repeats.
        if member.path in self.files:
            raise Refused(
                f"{member.path} would be in the bundle twice; the second time from {member.origin}.",
                remedy=f"Rename or remove one of the two: git mv {quote(member.path)} …",
            )
        digest = hashlib.sha256()
        yield self._counted(header(member.path, member.size, 0o755 if member.executable else 0o644, self._mtime))
        remaining = member.size
        while remaining:
            chunk = member.read(min(CHUNK, remaining))
            if not chunk:
                raise _changed(member)
            remaining -= len(chunk)
            digest.update(chunk)
            yield self._counted(chunk)
        if member.origin == DISK and member.read(1):
            raise _changed(member)
        yield self._counted(bytes(-member.size % BLOCK))
        self.files[member.path] = digest.hexdigest()
        self.unpacked += member.size

    def finish(self) -> Iterator[bytes]:
        """Yield SHA256SUMS and the end of the tar."""
        content = sums(self.files)
        self.sums_sha256 = hashlib.sha256(content).hexdigest()
        self.unpacked += len(content)
        yield self._counted(header(SUMS, len(content), 0o644, self._mtime) + content + bytes(-len(content) % BLOCK))
        yield bytes(2 * BLOCK + -(self._length + 2 * BLOCK) % RECORD)

    def _counted(self, plain: bytes) -> bytes:
        self._length += len(plain)
        return plain


DISK = "the working folder"
GENERATED = "tagship"


def _changed(member: Member) -> Refused:
    return Refused(
        f"{member.path} changed while it was read.",
        remedy=f"Stop whatever writes there, then build it again: {commands.bundle()}",
    )


def sums(files: Mapping[str, str]) -> bytes:
    """Write the checksums as `sha256sum -c` reads them, in path order."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items())).encode()


def variables_file(environment: str) -> str:
    """Name the file of a bundle that has an environment's variables."""
    return f"{CONFIGURATION}/{environment}.json"


def variables_as_files(environment: str, variables: Mapping[str, str]) -> Mapping[str, bytes]:
    """Write an environment's variables as a bundle carries them, by file."""
    text = json.dumps(dict(variables), indent=2, sort_keys=True)
    return {variables_file(environment): f"{text}\n".encode()}


def difference(stored: Mapping[str, str], built: Mapping[str, str], configuration: str) -> str:
    """Say in one sentence how two bundles differ.

    Files are path to SHA-256; `configuration` is the folder of what tagship writes for each environment.
    """
    paths = sorted(path for path in stored.keys() | built.keys() if stored.get(path) != built.get(path))
    if not paths:
        return (
            "Every file has the same content: an executable bit differs, "
            "or the compression (bundle.level, or another version of tagship)."
        )
    start = (
        "Only the configuration differs"
        if all(path.startswith(f"{configuration}/") for path in paths)
        else "These files differ"
    )
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    named = ", ".join(path + _side(path, stored, built) for path in paths[:SHOWN])
    return f"{start}: {named}{more}."


def _side(path: str, stored: Mapping[str, str], built: Mapping[str, str]) -> str:
    if path not in built:
        return " (only in the stored one)"
    return "" if path in stored else " (only in this one)"


def why_not_in_a_bundle(path: str) -> str:
    """Say why a bundle cannot hold a path; empty if it can."""
    if "\N{REPLACEMENT CHARACTER}" in path or any("\ud800" <= letter <= "\udfff" for letter in path):
        return "its name is not UTF-8"
    if not path.isprintable() or "\\" in path:
        return "its name has a line break, a control character or a backslash, which sha256sum would have to escape"
    if path.startswith("/") or any(part in {"", ".", ".."} for part in path.split("/")):
        return "it is not below the bundle's top"
    if path == SUMS:
        return "tagship itself writes a file of that name"
    return ""


# -- tar ---------------------------------------------------------------------------------------------------------------


def header(path: str, size: int, mode: int, mtime: int) -> bytes:
    """Write a regular file's header."""
    # A pax record precedes it if ustar can't hold its path or size.
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.mtime = size, mode, mtime
    try:
        return entry.tobuf(tarfile.USTAR_FORMAT, "utf-8")
    except ValueError:
        return entry.tobuf(tarfile.PAX_FORMAT, "utf-8")
