"""A repository of a registry that is not cleaned up, because it has no way to list what is in use there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.leftovers import Leftover


@dataclass(frozen=True)
class UnseenShelf:
    """What is in it is neither listed nor deleted."""

    repository: str
    price: float = 0.0

    @property
    def noun(self) -> str:
        return f"image of {self.repository}"

    def look(self) -> Sequence[Leftover]:
        return ()

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        return {leftover.id: "images are cleaned up in ECR alone" for leftover in leftovers}
