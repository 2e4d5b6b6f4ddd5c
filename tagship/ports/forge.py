"""Where CI runs, as it is asked from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    name: str
    state: str  # queued | in_progress | completed
    conclusion: str = ""  # success | failure | cancelled | skipped


@dataclass(frozen=True)
class Notice:
    """What a run's step said of itself: the title says which exit code, the message what happened."""

    level: str  # notice | warning | failure
    title: str
    message: str


@dataclass(frozen=True)
class Run:
    """One run of a workflow."""

    id: str
    url: str
    state: str
    conclusion: str = ""
    steps: Sequence[Step] = ()


class Forge(Protocol):
    """Where CI runs."""

    @property
    def where(self) -> str:
        """A page where a person can look."""

    def find_run(self, commit: str, tag: str) -> Run | None: ...

    def run(self, run_id: str) -> Run: ...

    def notices(self, run_id: str) -> Sequence[Notice]: ...

    def green(self, commit: str) -> str:
        """What CI says of a commit: success | failure | pending | none."""
