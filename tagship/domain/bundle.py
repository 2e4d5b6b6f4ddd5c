"""The bundle: the tar.gz that a host unpacks, the same bytes on any machine, on any day, under any umask.

Nothing is left to a library's version: the tar headers are written here, field by field, and so is gzip's.

- POSIX ustar: uid, gid 0 and no names; modes 0644 and 0755; one mtime for all; no entries for folders, so that a host's
  own umask decides about those. A path too long for ustar's 155 + 100 bytes gets a pax record of its own.
- gzip without name or time, operating system 255 (unknown).
- Paths in byte order, and SHA256SUMS last: hashes are computed while the bytes pass by.

What remains is zlib itself: implementations differ (zlib-ng, Intel's), so `differs_from_reference` asks.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from tagship.errors import Refused

VERSION = "VERSION"
SUMS = "SHA256SUMS"
BLOCK = 512
RECORD = 20 * BLOCK
CHUNK = 64 * 1024  # a pipe's buffer: while one chunk is compressed, git fills the next
GZIP_HEAD = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # RFC 1952: deflate, no flags, no time, unknown system

Read = Callable[[int], bytes]


@dataclass(frozen=True)
class Member:
    """One regular file of a bundle: its bytes come from `read(n)`, `size` of them. `origin` says where from."""

    path: str
    executable: bool
    size: int
    read: Read
    origin: str


@dataclass(frozen=True)
class Built:
    """What a bundle is: written beside it as bundle.json, and read by `publish`.

    Hashes are SHA-256 in hex; `size` is of the tar.gz, `unpacked` of all its files, in bytes.
    """

    artifact_id: str
    commit: str
    sha256: str
    size: int
    sums_sha256: str
    unpacked: int
    files: Mapping[str, str]

    def to_json(self) -> bytes:
        return (json.dumps({**vars(self), "files": dict(self.files)}, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Read bundle.json; raises Refused when it is not one."""
        try:
            value: dict[str, Any] = json.loads(raw)
            return cls(**value)
        except (ValueError, TypeError) as reason:
            raise Refused(
                "bundle.json is not what `inv bundle` writes.", remedy="Build it again: inv bundle"
            ) from reason


class Archive:
    """A tar as a stream: `add` and `finish` yield its bytes. Its memory does not grow with the files."""

    def __init__(self, mtime: int = 0) -> None:
        self.files: dict[str, str] = {}
        self.sums_sha256 = ""
        self.unpacked = 0  # bytes of all files
        self._mtime = mtime
        self._length = 0

    def add(self, member: Member) -> Iterator[bytes]:
        """The bytes of one file; raises Refused when it is not the size that it was said to be, or is there twice."""
        if member.path in self.files:
            raise Refused(
                f"{member.path} would be in the bundle twice; the second time from {member.origin}.",
                remedy=f"Rename or remove one of the two: git mv {member.path} …",
            )
        digest = hashlib.sha256()
        yield self._counted(header(member.path, member.size, 0o755 if member.executable else 0o644, self._mtime))
        left = member.size
        while left:
            chunk = member.read(min(CHUNK, left))
            if not chunk:
                raise _changed(member)
            left -= len(chunk)
            digest.update(chunk)
            yield self._counted(chunk)
        if member.origin == DISK and member.read(1):
            raise _changed(member)
        yield self._counted(bytes(-member.size % BLOCK))
        self.files[member.path] = digest.hexdigest()
        self.unpacked += member.size

    def finish(self) -> Iterator[bytes]:
        """SHA256SUMS and the end of the tar."""
        content = sums(self.files)
        self.sums_sha256 = hashlib.sha256(content).hexdigest()
        self.unpacked += len(content)
        yield self._counted(header(SUMS, len(content), 0o644, self._mtime) + content + bytes(-len(content) % BLOCK))
        yield bytes(2 * BLOCK + -(self._length + 2 * BLOCK) % RECORD)

    def _counted(self, plain: bytes) -> bytes:
        self._length += len(plain)
        return plain


class Gzip:
    """A gzip as a stream: one `feed` after another, then `finish`; each returns the packed bytes that are due."""

    def __init__(self, level: int) -> None:
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._due = GZIP_HEAD
        self._crc = 0
        self._length = 0

    def feed(self, plain: bytes) -> bytes:
        self._crc = zlib.crc32(plain, self._crc)
        self._length += len(plain)
        due, self._due = self._due, b""
        return due + self._deflate.compress(plain)

    def finish(self) -> bytes:
        end = self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little")
        return self._due + self._deflate.flush() + end


DISK = "the working folder"
GENERATED = "tagship"


def _changed(member: Member) -> Refused:
    return Refused(
        f"{member.path} changed while it was read.", remedy="Let nothing write there, and build it again: inv bundle"
    )


def sums(files: Mapping[str, str]) -> bytes:
    """As `sha256sum -c` reads it, in path order."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items())).encode()


def why_not_in_a_bundle(path: str) -> str:
    """The reason why a path cannot be in a bundle, in a few words; empty when it can."""
    if "\N{REPLACEMENT CHARACTER}" in path or any("\ud800" <= letter <= "\udfff" for letter in path):
        return "its name is not UTF-8"
    if not path.isprintable() or "\\" in path:
        return "its name has a line break, a control character or a backslash, which sha256sum would have to escape"
    if path.startswith("/") or any(part in {"", ".", ".."} for part in path.split("/")):
        return "it does not lie below the bundle's top"
    if path == SUMS:
        return "tagship itself writes a file of that name"
    return ""


# -- tar ---------------------------------------------------------------------------------------------------------------


def header(path: str, size: int, mode: int, mtime: int) -> bytes:
    """The header of a regular file, with a pax record before it where ustar cannot say its path."""
    name = path.encode()
    split = _split(name)
    if split:
        return _ustar(*split, size, mode, mtime=mtime, kind=b"0")
    record = _pax_record(b"path", name)
    pax = _ustar(b"", b"pax", len(record), 0o644, mtime=mtime, kind=b"x") + record + bytes(-len(record) % BLOCK)
    return pax + _ustar(b"", name[:100], size, mode, mtime=mtime, kind=b"0")


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Prefix and name as ustar has them (155 and 100 bytes, cut at a slash), or None."""
    if len(name) <= 100:
        return b"", name
    cut = name.find(b"/", len(name) - 101)
    return (name[:cut], name[cut + 1 :]) if 0 < cut <= 155 and len(name) - cut > 1 else None


def _pax_record(key: bytes, value: bytes) -> bytes:
    """`<length> <key>=<value>\\n`, the length counting its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def _ustar(prefix: bytes, name: bytes, size: int, mode: int, *, mtime: int, kind: bytes) -> bytes:
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0,  # uid
        b"%07o\0" % 0,  # gid
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,  # the checksum, counted as spaces
        kind,
        bytes(100),  # a link's target
        b"ustar\x0000",
        bytes(32 + 32),  # owner and group by name
        bytes(8 + 8),  # device numbers
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


# -- zlib --------------------------------------------------------------------------------------------------------------


def probe() -> bytes:
    """192 KiB, half text and half noise, the same everywhere: enough for several of deflate's blocks."""
    noise = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(2048))
    words = [b"release", b"rollback", b"healthy", b"dev", b"bundle", b"0.1.30", b"\n", b"the", b"of"]
    text = b" ".join(words[byte % len(words)] for byte in noise)
    return text[: 128 * 1024] + noise


def differs_from_reference(level: int) -> bool:
    """Whether this machine's zlib compresses otherwise than zlib 1.2.13 does, at that level."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(probe()) + compressor.flush()
    return hashlib.sha256(packed).hexdigest()[:16] != REFERENCE[level]


REFERENCE: dict[int, str] = {
    1: "e005d7afc593a285",
    2: "95dddc56bcb38807",
    3: "aab11721297f319b",
    4: "92a69ea03b9d1d5d",
    5: "6e6a2e81249838a0",
    6: "50f5cbee25314b90",
    7: "b0475731f7a75360",
    8: "e776d04484c352b3",
    9: "e776d04484c352b3",
}
"""The start of the SHA-256 of the probe as zlib 1.2.13 deflates it, by level."""
