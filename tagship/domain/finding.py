"""What `doctor` finds: one prerequisite each, how it is, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failing"]


@dataclass(frozen=True)
class Finding:
    """One prerequisite.

    `about` is its row's name, `words` what was seen; `fix` the command or the line that mends it, empty if it is ok.
    """

    about: str
    state: State
    words: str
    fix: str = ""

    def as_data(self) -> dict[str, str]:
        return {"about": self.about, "state": self.state, "words": self.words, "fix": self.fix}


def ok(about: str, words: str) -> Finding:
    return Finding(about, "ok", words)


def warning(about: str, words: str, fix: str = "") -> Finding:
    return Finding(about, "warning", words, fix)


def failing(about: str, words: str, fix: str = "") -> Finding:
    return Finding(about, "failing", words, fix)
