"""How much memory an expression may take: GitHub's measure, so that what GitHub refuses is refused here. Pure."""

from __future__ import annotations

from tagship.sandbox.actions.expression_errors import ExpressionError
from tagship.sandbox.actions.expression_values import FilteredArray, is_primitive

MAX_BYTES = 1024 * 1024
TEXT_BYTES = 26  # of a text without its characters, two bytes each
OBJECT_BYTES = 24  # of any other value
ITEM_BYTES = 8  # of an item that a filtered array refers to


class Memory:
    """What an evaluation holds, by the levels of its tree.

    A node with a primitive value lets go of all below it.
    """

    def __init__(self) -> None:
        self._levels: list[int] = []

    def hold(self, level: int, value: object) -> None:
        """Count a node's value. Raises ExpressionError if too much is held."""
        if is_primitive(value):
            del self._levels[level + 1 :]
        self._levels.extend([0] * (level + 1 - len(self._levels)))
        self._levels[level] += _size(value)
        check(sum(self._levels))


def text_size(text: str) -> int:
    """Measure a text in bytes."""
    return TEXT_BYTES + 2 * len(text)


def check(held: int) -> None:
    """Raise ExpressionError if that many bytes are too many."""
    if held > MAX_BYTES:
        raise ExpressionError("evaluation", "The maximum allowed memory size was exceeded")


def _size(value: object) -> int:
    if isinstance(value, str):
        return text_size(value)
    return OBJECT_BYTES + (ITEM_BYTES * len(value) if isinstance(value, FilteredArray) else 0)
