"""Files to write into a repository: shown as differences, then written all together or not at all."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from tagship.errors import Interrupted, Refused, UsageError
from tagship.ports.people import Prompt

PART = ".tagship-part"  # the end of a name that a file has until it is whole


@dataclass(frozen=True)
class FileChange:
    """A file as it is, and as it should be.

    `before` is None for a new one.
    """

    path: str
    before: bytes | None
    after: bytes
    executable: bool = False

    @property
    def word(self) -> str:
        return "new" if self.before is None else "same" if self.before == self.after else "change"

    @property
    def difference(self) -> list[str]:
        """List the lines of a unified diff; none for binary files."""
        if b"\0" in self.after + (self.before or b""):
            return []
        before, after = ((raw or b"").decode("utf-8", "replace").splitlines() for raw in (self.before, self.after))
        old = "/dev/null" if self.before is None else f"a/{self.path}"
        return list(difflib.unified_diff(before, after, old, f"b/{self.path}", lineterm="", n=2))

    def as_data(self) -> dict[str, object]:
        return {"path": self.path, "change": self.word, "diff": self.difference}


def change(root: Path, path: str, after: bytes, *, executable: bool = False) -> FileChange:
    """Compare a file with what it should be. Raises Refused."""
    place = root / path
    if place.is_symlink() or (place.exists() and not place.is_file()):
        raise Refused(f"{path} is not a regular file.", remedy=f"Look at it: ls -ld {quote(path)}")
    return FileChange(path, place.read_bytes() if place.is_file() else None, after, executable)


def require_yes(prompt: Prompt, question: str, again: str) -> None:
    """Ask whether to write.

    Raises UsageError without a terminal, and Interrupted for a no.
    `again` is the command that needs no answer.
    """
    if not prompt.possible:
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again}")
    if not prompt.confirm(question):
        raise Interrupted("Not confirmed.", state="Nothing was written.", remedy=f"When it is time: {again}")


def write(root: Path, changes: Sequence[FileChange]) -> None:
    """Write every file that differs, or none.

    Each is written aside first. Raises Refused if one can't be, or has changed since it was shown.
    """
    wanted = [entry for entry in changes if entry.word != "same"]
    made: list[Path] = []
    done: list[FileChange] = []
    try:
        for entry in wanted:
            _put_aside(root, entry, made)
        for entry in wanted:
            _require_unchanged(root, entry)
            done.append(entry)
            (root / (entry.path + PART)).replace(root / entry.path)
    except BaseException as reason:
        _undo(root, done, made)
        if isinstance(reason, OSError):
            place = root / entry.path  # the system names no file if the disk is full
            folder = next(path for path in place.parents if path.is_dir())
            raise Refused(
                f"{place} cannot be written: {reason.strerror}.",
                state="Nothing was written.",
                remedy=f"Look at its folder: ls -ld {quote(str(folder))}",
            ) from reason
        raise


def _put_aside(root: Path, entry: FileChange, made: list[Path]) -> None:
    place = root / (entry.path + PART)
    for folder in _missing(place.parent):
        folder.mkdir()
        made.append(folder)
    made.append(place)
    place.write_bytes(entry.after)
    mode = (root / entry.path).stat().st_mode if entry.before is not None else place.stat().st_mode
    place.chmod(mode & 0o7777 | (mode & 0o444) >> 2 if entry.executable else mode & 0o7777)


def _missing(folder: Path) -> Iterator[Path]:
    """Yield the folders that are not there, the outermost first."""
    if not folder.is_dir():
        yield from _missing(folder.parent)
        yield folder


def _require_unchanged(root: Path, entry: FileChange) -> None:
    place = root / entry.path
    current = place.read_bytes() if place.exists() else None
    if current != entry.before:
        raise Refused(f"{entry.path} changed while you looked at it.", remedy="Run the command again")


def _undo(root: Path, done: Sequence[FileChange], made: Sequence[Path]) -> None:
    """Put back what was written, and take away what was made."""
    for entry in done:
        if entry.before is None:
            (root / entry.path).unlink(missing_ok=True)
        else:
            (root / entry.path).write_bytes(entry.before)
    for path in reversed(made):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif not path.is_dir():
            path.unlink(missing_ok=True)
