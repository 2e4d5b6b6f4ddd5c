"""Makes a check a gate: what it found, why it refuses, or why it could not look."""

from __future__ import annotations

from collections.abc import Callable

from tagship.domain.blocked import Gate
from tagship.errors import TagshipError


class NotChecked(Exception):
    """A check lacks what it would look at; says what that is."""


def gate(name: str, ask: Callable[[], str]) -> Gate:
    """Ask one check. Its TagshipError is why the gate is blocked."""
    try:
        return Gate(name, found=ask())
    except NotChecked as reason:
        return Gate(name, found=str(reason), checked=False)
    except TagshipError as reason:
        return Gate(name, problem=reason.what, remedy=reason.remedy)
