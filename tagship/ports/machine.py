"""The machine that a verb runs on, as far as `doctor` looks at it."""

from __future__ import annotations

from typing import Protocol


class Machine(Protocol):
    def version(self, tool: str) -> str:
        """Return the version that a program on PATH says it is.

        Such as 2.30.1; empty if there is no such program, or it does not say.
        """

    def run(self, command: str) -> int:
        """Run a command of ours in a shell; return its exit code."""
        # What it prints goes to stderr, and it may ask.
