"""The files of a commit: the blobs as they are committed, streamed from one `git cat-file`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from shlex import quote
from tempfile import TemporaryFile
from typing import IO

from tagship.adapters.git.process import CHUNK
from tagship.adapters.git.program import GitProgram
from tagship.domain.text import visible
from tagship.errors import Refused, UsageError
from tagship.ports.repository import Unfit

File = tuple[str, bool, int, Callable[[int], bytes]]
Files = Iterator[File]

# What a filter commits in a file's place begins so (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
STAND_INS = {
    b"version https://git-lfs.github.com/spec/": "Git LFS",
    b"version https://hawser.github.com/spec/": "Git LFS",
    b"version http://git-media.io/v/": "Git LFS",
    b"/annex/objects/": "git-annex",
    b"\0GITCRYPT\0": "git-crypt",
}
LONGEST = max(map(len, STAND_INS))


def stream(git: GitProgram, commit: str, paths: Sequence[str]) -> Files:
    """Yield path, executable, size and reader of each file, sorted.

    No filter and no line endings apply. Raises Unfit for what a bundle can't carry: links, submodules, and
    stand-ins for a file that is kept elsewhere.
    """
    entries = _entries(git, commit, paths)
    with TemporaryFile() as object_ids:
        object_ids.writelines(f"{oid}\n".encode() for _, _, oid in entries)
        object_ids.seek(0)
        with git.reading("cat-file", "--batch", stdin=object_ids) as blobs:
            for path, executable, _ in entries:
                header = blobs.stream.readline().split()  # id, type and size
                if len(header) != 3:
                    blobs.ended_well()
                    raise _cut_off(git, path)
                blob = Blob(blobs.stream, int(header[2]))
                _whole(blob, path)
                yield path, executable, int(header[2]), blob.read
                if not blob.skip():
                    raise _cut_off(git, path)
            blobs.ended_well()


def regular(git: GitProgram, commit: str) -> list[str]:
    """List the paths of a commit's regular files, sorted."""
    listing = git.must("ls-tree", "-r", "-z", commit)
    return sorted(line.partition("\t")[2] for line in filter(None, listing.split("\0")) if line.startswith("100"))


def _entries(git: GitProgram, commit: str, paths: Sequence[str]) -> list[tuple[str, bool, str]]:
    """List path, executable and object id of each file, sorted by path.

    Raises Unfit for what a bundle cannot carry.
    """
    whole = ["--full-tree"] if any(path.startswith("/") for path in paths) else []  # else those of git's own folder
    wanted = [path.removeprefix("/") for path in paths]
    listing = git.must("ls-tree", "-r", "-z", *whole, commit, "--", *wanted) if paths else ""
    entries = []
    for line in filter(None, listing.split("\0")):
        (mode, _, oid), path = line.split("\t")[0].split(), line.split("\t", 1)[1]
        if mode not in {"100644", "100755", "100664"}:
            kind = "a submodule" if mode == "160000" else "a symbolic link"
            raise Unfit(
                f"{visible(path)} is {kind}; a bundle carries regular files only.",
                remedy=f"Leave it out: {visible(path)}",
            )
        entries.append((path, mode == "100755", oid))
    for include in paths:
        bare = include.strip("/")
        if bare not in {"", "."} and not any(path == bare or path.startswith(bare + "/") for path, _, _ in entries):
            raise UsageError(f"{commit[:12]} has no file {include}.", remedy="Correct bundle.include in tagship.toml")
    return sorted(entries)


def _whole(blob: Blob, path: str) -> None:
    """Raise Unfit if the commit has a stand-in for the file."""
    head = blob.peek(LONGEST)
    for begin, keeper in STAND_INS.items():
        if head.startswith(begin):
            raise Unfit(
                f"{visible(path)} is kept by {keeper}: the commit has a stand-in for it, which a bundle would ship.",
                remedy="Take it out of bundle.include in tagship.toml; to ship the file on disk: bundle.built",
            )


def _cut_off(git: GitProgram, path: str) -> Refused:
    return Refused(
        f"git cat-file returned only a part of {visible(path)}.",
        remedy=f"Look at it: git -C {quote(str(git.root))} fsck",
    )


class Blob:
    """One file's bytes on the stream of `git cat-file --batch`."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size
        self._head = b""

    def peek(self, count: int) -> bytes:
        self._head = self._stream.read(min(count, self._left))
        return self._head

    def read(self, count: int) -> bytes:
        length = min(count, self._left) if count >= 0 else self._left
        got, self._head = self._head[:length], self._head[length:]
        got += self._stream.read(length - len(got))
        self._left -= len(got)
        return got

    def skip(self) -> bool:
        """Skip what is left and the newline; return whether all was there."""
        while self._left and self.read(CHUNK):
            pass
        return self._left == 0 and self._stream.read(1) == b"\n"
