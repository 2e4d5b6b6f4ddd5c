"""How a task ends: a script by the digest of its image, or what its process really does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

FORM = re.compile(r"(runs|never_healthy|cannot_pull|exits\((\d+)\))")


@dataclass(frozen=True)
class Ending:
    """How a task ends.

    `kind` is runs, never_healthy, cannot_pull or exits; `code` is the exit code of the last.
    """

    kind: str = "runs"
    code: int = 0

    @classmethod
    def read(cls, text: str) -> Ending:
        """Read `runs`, `exits(1)`, `never_healthy` or `cannot_pull`."""
        # Raises ValueError for anything else.
        match = FORM.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no ending: runs, exits(n), never_healthy or cannot_pull")
        return cls(match[1].partition("(")[0], int(match[2] or 0))


@dataclass(frozen=True)
class Place:
    """What a container's process needs to know."""

    id: str  # of the task, with the container's number unless it is the first
    container: str
    digest: str
    port: int = 0  # of the container, or 0
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()  # in place of the image's own


class Runner(Protocol):
    """Runs tasks, or pretends to."""

    def start(self, place: Place) -> None:
        """Begin to run it."""

    def look(self, place: Place) -> Ending | None:
        """Return how it is; None while that is not known yet."""

    def stop(self, place: Place) -> None:
        """End it."""

    def log(self, place: Place) -> list[str]:
        """Return the lines that it wrote."""

    def port(self, place: Place) -> int:
        """Return the port that it answers on, or 0."""


@dataclass
class Scripted:
    """Runs nothing: the script of a digest says how its tasks end."""

    scripts: dict[str, Ending] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)  # by digest: what a task of it writes

    def start(self, place: Place) -> None:
        """Run nothing."""

    def look(self, place: Place) -> Ending | None:
        return self.scripts.get(place.digest, Ending())

    def stop(self, place: Place) -> None:
        """End nothing."""

    def log(self, place: Place) -> list[str]:
        return self.lines.get(place.digest, [])

    def port(self, place: Place) -> int:  # noqa: ARG002 (nothing runs)
        return 0
