"""What `doctor` finds: one prerequisite each, how it is, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failing"]


@dataclass(frozen=True)
class Finding:
    """One prerequisite.

    `about` is its row's name, `words` what was seen; `fix` the command or the line that mends it, empty if it is ok.
    `safe`: the fix is a command that makes what is missing; it changes nothing that is in use, and deletes nothing.
    """

    about: str
    state: State
    words: str
    fix: str = ""
    safe: bool = False

    def as_data(self) -> dict[str, object]:
        data = {"about": self.about, "state": self.state, "words": self.words, "fix": self.fix}
        return {**data, "safe": self.safe}


def ok(about: str, words: str) -> Finding:
    return Finding(about, "ok", words)


def warning(about: str, words: str, fix: str = "", *, safe: bool = False) -> Finding:
    return Finding(about, "warning", words, fix, safe)


def failing(about: str, words: str, fix: str = "", *, safe: bool = False) -> Finding:
    return Finding(about, "failing", words, fix, safe)
