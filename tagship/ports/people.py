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
    """Shows the present phase, each time it is called.

    `Screen.live` yields it.
    `took` is given for a phase that is over: the seconds that it took, as whoever ran it says.
    """

    def __call__(self, phase: str, /, took: float | None = None) -> None: ...


class Screen(Protocol):
    """What a person or a log reads.

    Lines go to stdout; with `--json`, they go to stderr.
    A line that can't be written stops nothing: `lost` is why, and empty if all was written.
    """

    @property
    def lost(self) -> str: ...

    def say(self, text: str = "") -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows below their columns' names.

        A row of one cell is a note on the row above, and has the whole width.
        """

    def data(self, value: object) -> None:
        """Print one JSON document on stdout, for `--json`."""

    def document(self, text: str) -> None:
        """Print text on stdout as it is, such as a script."""

    def directive(self, line: str) -> None:
        """Print a line for CI's runner, which obeys it."""
        # Anything else that is printed is made inert.

    def live(self, title: str = "") -> AbstractContextManager[Progress]:
        """Show phases as they pass."""
        # Ticked in place on a terminal, one timestamped line each in a log.

    def aside(self) -> AbstractContextManager[None]:
        """Keep still while a person is asked something."""


class Prompt(Protocol):
    """Questions to a person. Ctrl-C raises Interrupted.

    `possible` is false without a terminal or under CI: verbs then say which flag they need.
    """

    @property
    def possible(self) -> bool: ...

    def choose(self, question: str, choices: Mapping[str, str]) -> str:
        """Ask for one of `choices`; the first is preselected."""
        # Each value maps to what is shown.

    def text(self, question: str, default: str, problem: Callable[[str], str]) -> str:
        """Ask for text; `problem` says what is wrong with it."""
        # As it is typed; empty: nothing.

    def confirm(self, question: str) -> bool: ...
