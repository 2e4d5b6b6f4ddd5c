"""The values of expressions: their kinds, how one becomes another, and how two compare. Pure.

As JavaScript has it, except that texts compare without case and that objects and arrays become nothing else:
https://docs.github.com/actions/reference/workflows-and-actions/expressions#operators
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from tagship.sandbox.actions.expression_errors import ExpressionError

DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
OCTAL = re.compile(r"0o[0-7]+")
INFINITIES = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
NO_UPPER_CASE = "\u0131\u017f"  # dotless i and long s: .NET maps no such letter to an ASCII one
NO_SPACE = "\x1c\x1d\x1e\x1f"  # white space to Python, and not to .NET


class Kind(Enum):
    """GitHub's kinds of values, by the names that format() gives them."""

    NULL = "Null"
    BOOLEAN = "Boolean"
    NUMBER = "Number"
    STRING = "String"
    OBJECT = "Object"
    ARRAY = "Array"


class CaseSensitive(dict[str, Any]):
    """An object whose keys differ by case, like `env` on Linux."""


class FilteredArray(list[Any]):
    """What `.*` gives: an index after it goes into each item."""


def kind_of(value: Any) -> Kind:
    """Name a value's kind. Raises ExpressionError if expressions cannot hold it."""
    match value:
        case None:
            return Kind.NULL
        case bool():
            return Kind.BOOLEAN
        case int() | float():
            return Kind.NUMBER
        case str():
            return Kind.STRING
        case Mapping():
            return Kind.OBJECT
        case list() | tuple():
            return Kind.ARRAY
    raise ExpressionError("evaluation", f"An expression cannot hold a {type(value).__name__}")


def is_primitive(value: Any) -> bool:
    """Tell whether a value has a text: objects and arrays have none."""
    return kind_of(value) not in (Kind.OBJECT, Kind.ARRAY)


def truthy(value: Any) -> bool:
    """Judge a value as `&&`, `||` and `!` do."""
    match kind_of(value):
        case Kind.NULL:
            return False
        case Kind.NUMBER:
            return bool(value != 0 and not math.isnan(value))
        case Kind.BOOLEAN | Kind.STRING:
            return bool(value)
    return True


def as_text(value: Any) -> str:
    """Write a value as GitHub writes it into text."""
    match kind := kind_of(value):
        case Kind.NULL:
            return ""
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.NUMBER:
            return number_text(as_number(value))
        case Kind.STRING:
            return str(value)
    return str(kind.value)


def number_text(number: float) -> str:
    """Write a number with at most 15 digits, without an empty fraction."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "0" if number == 0 else format(number, ".15G")


def as_number(value: Any) -> float:
    """Read a value as a number; NaN if it is none."""
    match kind_of(value):
        case Kind.NULL:
            return 0.0
        case Kind.BOOLEAN | Kind.NUMBER:
            return _float(value)
        case Kind.STRING:
            return parse_number(value)
    return math.nan


def parse_number(text: str) -> float:
    """Read a number, with or without blanks around it, or NaN."""
    text = trimmed(text)
    if not text:
        return 0.0
    if DECIMAL.fullmatch(text):
        return float(text)
    if HEXADECIMAL.fullmatch(text):
        return _float(int(text, 16))
    if OCTAL.fullmatch(text):
        return _float(int(text, 8))
    return INFINITIES.get(text, math.nan)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def is_space(character: str) -> bool:
    """Tell white space as .NET does."""
    return character.isspace() and character not in NO_SPACE


def trimmed(text: str) -> str:
    """Cut white space from both ends."""
    start, end = 0, len(text)
    while start < end and is_space(text[start]):
        start += 1
    while end > start and is_space(text[end - 1]):
        end -= 1
    return text[start:end]


def folded(text: str) -> str:
    """Map texts that differ only in case to the same text."""
    # Character by character, as .NET does.
    return text.upper() if text.isascii() else "".join(map(_upper, text))


@lru_cache(maxsize=4096)
def _upper(character: str) -> str:
    if character in NO_UPPER_CASE:
        return character
    # A letter whose capital is more than one may still have one of its own, as ᾳ has ᾼ: Python's title case.
    capitals: tuple[str, str] = (character.upper(), character.title())
    return next((capital for capital in capitals if len(capital) == 1), character)


def equal(left: Any, right: Any) -> bool:
    """Compare as `==` does; objects and arrays equal only themselves."""
    left, right = _coerced(left, right)
    kind = kind_of(left)
    if kind is not kind_of(right):
        return False
    if kind in (Kind.OBJECT, Kind.ARRAY):
        return left is right
    if kind is Kind.STRING:
        return folded(left) == folded(right)
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """Compare as `<` does; null, objects and arrays are never less."""
    left, right = _coerced(left, right)
    kind = kind_of(left)
    if kind is not kind_of(right):
        return False
    if kind is Kind.STRING:
        return _order(left) < _order(right)
    return kind in (Kind.NUMBER, Kind.BOOLEAN) and bool(left < right)


def _order(text: str) -> bytes:
    """Return the UTF-16 code units that .NET orders texts by."""
    return folded(text).encode("utf-16-be", "surrogatepass")


def _coerced(left: Any, right: Any) -> tuple[Any, Any]:
    """Turn both values into numbers if either is one or kinds differ."""
    # Objects and arrays stay as they are.
    kinds = {kind_of(left), kind_of(right)}
    if len(kinds) == 1 and Kind.NUMBER not in kinds:
        return left, right
    return _primitive_number(left), _primitive_number(right)


def _primitive_number(value: Any) -> Any:
    return as_number(value) if is_primitive(value) else value
