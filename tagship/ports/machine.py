"""The machine that a verb runs on: its programs, and what runs the commands of a build there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Machine(Protocol):
    """What `doctor` looks at, and mends."""

    def version(self, tool: str) -> str:
        """Return the version that a program on PATH says it is.

        Such as 2.30.1; empty if there is no such program, or it does not say.
        """

    def run_verb(self, command: str) -> int:
        """Run a command of ours in a shell; return its exit code."""
        # What it prints goes to stderr, and it may ask.

    def attach(self, command: Sequence[str], variables: Mapping[str, str]) -> int:
        """Give the terminal to a program until it ends; return its code."""
        # Ctrl-C is the program's. `variables` are added to this process's own.


class Packager(Protocol):
    """Runs what a package is built by."""

    def run(self, command: Sequence[str], directory: Path, variables: Mapping[str, str]) -> None:
        """Run a build's command, which gets no credentials. Raises Refused."""
        # If it fails.

    def answer(self, command: Sequence[str], directory: Path) -> str:
        """Run a command that says a version; return all that it says.

        Empty if it fails, or does not end within seconds.
        """
