"""Read a record back from a bucket that others can write to: every field must be of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar, get_origin, get_type_hints

T = TypeVar("T")

ODD = (ValueError, TypeError, KeyError, RecursionError)
"""What reading raises if the bytes are not a record: half of one, other JSON, or endless nesting."""


def read_back(kind: type[T], value: Mapping[str, Any]) -> T:
    """Make a record of `value`. Raises TypeError for a wrong field."""
    # It is missing, unknown or of another type.
    kinds = _kinds(kind)
    for name, field in value.items():
        if not isinstance(field, kinds.get(name, object)):
            raise TypeError(f"{name} is {field!r}"[:80])
    return kind(**value)


_known: dict[type, dict[str, type]] = {}


def _kinds(kind: type) -> dict[str, type]:
    """Map a dataclass's fields to what they must be."""
    # `str` for a str, `Mapping` for a Mapping[str, Any].
    if kind not in _known:
        hints = get_type_hints(kind)
        _known[kind] = {field.name: get_origin(hints[field.name]) or hints[field.name] for field in fields(kind)}
    return _known[kind]


def moment_of(text: str) -> datetime:
    """Read a record's time. Raises ValueError if it has no time zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at
