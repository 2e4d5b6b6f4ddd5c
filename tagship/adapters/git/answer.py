"""How a call of git ended, and what its words mean: git's own, the server's, a hook's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tagship.domain.text import visible

LONGEST = 600  # characters of other people's words in one sentence
LINES = 12  # of the server's lines that are kept

_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_PROGRESS = re.compile(
    r"(remote: )?((Enumerating|Counting|Compressing|Writing|Receiving|Unpacking|Resolving|Checking) [a-z ]+: "
    r"|Delta compression using |Total \d+ \(delta )"
)
_ASIDE = re.compile(r"(remote: )?\d\d:\d\d:\d\d\.\d{6} |\[GNUPG:\]")  # GIT_TRACE on standard error, and gpg's status
_PORCELAIN = re.compile(r"To |([+\-*!=]\t)?\S*:refs/\S+\t|Done$")
_GIT = re.compile(r"To |hint:|fatal: |error: failed to push some refs|error: atomic push failed|Everything up-to-date")


class Answer(NamedTuple):
    """How a git call ended; `ok` is exit 0."""

    status: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def words(self) -> str:
        """Return git's complaint on one line, without hints and advice."""
        # Nothing after a fatal line counts.
        complaints = [
            line.rstrip(".") for line in lines(self.err) if not line.startswith("hint:") and line != "remote:"
        ]
        last = next((number for number, line in enumerate(complaints, 1) if line.startswith("fatal:")), len(complaints))
        return visible("; ".join(complaints[max(last - 3, 0) : last])[:LONGEST]) or f"git ended with {self.status}"

    @property
    def said(self) -> Sequence[str]:
        """Return the server's own lines, without their `remote:` mark."""
        messages = (line.removeprefix("remote:").strip() for line in lines(self.err) if line.startswith("remote:"))
        return tuple(visible(line) for line in messages if line)[:LINES]

    @property
    def evidence(self) -> str:
        """Return the server's lines, if one sentence cannot hold them."""
        return "\n".join(f"remote: {line}" for line in self.said) if len(self.said) > 2 else ""


def decoded(words: bytes | bytearray) -> str:
    """Decode git's output and take its colours off."""
    # The user's configuration may force colours.
    return _COLOUR.sub("", words.decode(errors="replace"))


def lines(words: str) -> list[str]:
    """Return the lines that say something: no progress and no trace."""
    split = (line.strip() for line in re.split(r"[\r\n]", words))
    return [line for line in split if line and not _PROGRESS.match(line) and not _ASIDE.match(line)]


def not_gits(out: str, err: str) -> list[str]:
    """Return a push's lines that a hook or the server wrote."""
    return [
        *(line for line in lines(out) if not _PORCELAIN.match(line)),
        *(line for line in lines(err) if not _GIT.match(line) and line != "remote:"),
    ]


class Listener:
    """Passes a push's lines on as they come, except git's own."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._rest: dict[str, bytes] = {"out": b"", "err": b""}

    def out(self, data: bytes) -> None:
        self._hear("out", data)

    def err(self, data: bytes) -> None:
        self._hear("err", data)

    def _hear(self, pipe: str, data: bytes) -> None:
        *whole, self._rest[pipe] = re.split(rb"[\r\n]", self._rest[pipe] + data)
        for line in whole:
            text = decoded(line)
            for message in not_gits(text, "") if pipe == "out" else not_gits("", text):
                self._say(message)

    def end(self) -> None:
        self.out(b"\n")
        self.err(b"\n")
