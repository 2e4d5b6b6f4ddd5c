"""What deployments leave beside their artifacts, kind by kind: listed, asked whether it is in use, and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from tagship.domain.leftovers import Leftover


class Shelf(Protocol):
    """One place where leftovers of one kind are, such as a function.

    tests/kinds/test_shelves.py holds each to:

    1 what is listed has the artifact that it is of, and what somebody else made has none
    2 `used` names whatever AWS would still run, launch or send calls to
    3 `delete` deletes no other, may be repeated, and says why what stays was not deleted
    """

    @property
    def noun(self) -> str:
        """Name what is here: "version of function shop"."""

    @property
    def price(self) -> float:
        """Return what a GB costs in USD a month."""

    def look(self) -> Sequence[Leftover]:
        """List what is here. Raises ServiceFailed."""

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Map ids of those in use to what uses them. Raises ServiceFailed."""
        # If it cannot be known of one, it raises: nothing is deleted then.

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Delete them, in that order; return why, for each that was not.

        What is gone already is no failure.
        """


@runtime_checkable
class Shelved(Protocol):
    """A target whose deployments leave something on AWS."""

    def shelves(self) -> Sequence[Shelf]: ...
