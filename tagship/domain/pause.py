"""A change that waits for a person: where, until when, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pause:
    """One unit's wait.

    `operation` and `id` are what the platform calls it; `until` and `then` are for people.
    """

    unit: str
    operation: str
    id: str
    stage: str
    until: str
    then: str

    @property
    def words(self) -> str:
        """Say where it waits, and what ends that."""
        stage = f" after {self.stage}" if self.stage else ""
        return f"{self.unit} is paused{stage} until {self.until}, then: {self.then}"
