"""Time, and the person at the terminal: what they read and what they are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests have their own."""

    def now(self) -> datetime: ...  # aware, UTC

    def sleep(self, seconds: float) -> None: ...


class Progress(Protocol):
    """What `Screen.live` yields: call it with the present phase.

    `took` is given for a phase that is over: the seconds that it took, as whoever ran it says.
    """

    def __call__(self, phase: str, /, took: float | None = None) -> None: ...


class Screen(Protocol):
    """What a person or a log reads. Lines go to stdout; with `--json`, they go to stderr."""

    def say(self, text: str = "") -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...

    def data(self, value: object) -> None:
        """One JSON document on stdout: what `--json` prints."""

    def document(self, text: str) -> None:
        """Text on stdout as it is: a script, say."""

    def live(self, title: str = "") -> AbstractContextManager[Progress]:
        """Show phases as they pass: ticked in place on a terminal, one timestamped line each in a log."""


class Prompt(Protocol):
    """Questions. `possible` is false without a terminal or under CI: workflows then say which flag they wanted.

    Ctrl-C at a question raises Interrupted.
    """

    @property
    def possible(self) -> bool: ...

    def choose(self, question: str, choices: Mapping[str, str]) -> str:
        """One of `choices` (value → what is shown); the first is preselected."""

    def text(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        """Free entry; `problem` says, as it is typed, what is wrong with it (empty: nothing)."""

    def confirm(self, question: str) -> bool: ...
