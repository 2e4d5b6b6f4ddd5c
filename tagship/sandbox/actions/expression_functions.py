"""The functions of expressions. Pure.

https://docs.github.com/actions/reference/workflows-and-actions/expressions#functions. Arguments are evaluated when a
function asks for them, as on GitHub's runner: one that format() does not use, or case() does not reach, is never
evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.sandbox.actions import expression_json
from tagship.sandbox.actions.expression_errors import ExpressionError
from tagship.sandbox.actions.expression_memory import check, text_size
from tagship.sandbox.actions.expression_parser import Arity
from tagship.sandbox.actions.expression_values import Kind, as_text, equal, folded, is_primitive, kind_of

Argument = Callable[[], Any]  # its value, evaluated once
PLACE = re.compile(r"\{\{|\}\}|\{(?P<number>[0-9]+)(?P<style>:[^}]*)?\}|[{}]")
MOST_PLACE = 255


@dataclass(frozen=True)
class Function:
    """A function: what it does, and how many arguments it takes."""

    call: Callable[[Sequence[Argument]], Any]
    arity: Arity


def contains(arguments: Sequence[Argument]) -> bool:
    """Search a text for a text, or an array for an item."""
    # Case does not matter.
    search = arguments[0]()
    match kind_of(search):
        case Kind.ARRAY:
            return _contains_item(search, arguments[1])
        case Kind.OBJECT:
            return False
    item = arguments[1]()
    return is_primitive(item) and folded(as_text(item)) in folded(as_text(search))


def _contains_item(array: Sequence[Any], argument: Argument) -> bool:
    if not array:
        return False
    wanted = argument()
    return any(equal(wanted, item) for item in array)


def starts_with(arguments: Sequence[Argument]) -> bool:
    """Tell whether a text starts with another, without case."""
    return _compare_ends(arguments, str.startswith)


def ends_with(arguments: Sequence[Argument]) -> bool:
    """Tell whether a text ends with another, without case."""
    return _compare_ends(arguments, str.endswith)


def _compare_ends(arguments: Sequence[Argument], test: Callable[[str, str], bool]) -> bool:
    text = arguments[0]()
    if not is_primitive(text):
        return False
    part = arguments[1]()
    return is_primitive(part) and test(folded(as_text(text)), folded(as_text(part)))


def format_text(arguments: Sequence[Argument]) -> str:
    """Fill the places of a text: `{0}`; `{{` and `}}` are braces.

    The places are checked before any argument is evaluated.
    """
    template = as_text(arguments[0]())
    parts = [_part(template, piece, arguments[1:]) for piece in _split(template)]
    return _joined(part if isinstance(part, str) else as_text(part()) for part in parts)


def _split(template: str) -> Iterable[str | re.Match[str]]:
    """Yield the plain pieces of a template, and the braces between them."""
    end = 0
    for match in PLACE.finditer(template):
        yield template[end : match.start()]
        yield match
        end = match.end()
    yield template[end:]


def _part(template: str, piece: str | re.Match[str], arguments: Sequence[Argument]) -> str | Argument:
    if isinstance(piece, str):
        return piece
    if piece[0] in ("{{", "}}"):
        return piece[0][0]
    digits = (piece["number"] or "").lstrip("0")
    if piece["number"] is None or piece["style"] or len(digits) > 3 or int(digits or 0) > MOST_PLACE:
        raise ExpressionError("evaluation", f"The following format string is invalid: {template}")
    number = int(digits or 0)
    if number >= len(arguments):
        problem = "The following format string references more arguments than were supplied"
        raise ExpressionError("evaluation", f"{problem}: {template}")
    return arguments[number]


def join(arguments: Sequence[Argument]) -> str:
    """Join an array's items, with `,` or another separator between them."""
    items = arguments[0]()
    if is_primitive(items):
        return as_text(items)
    if kind_of(items) is Kind.OBJECT:
        return ""
    texts = map(as_text, items)
    if len(items) < 2 or len(arguments) < 2:
        return _joined(_between(texts, ","))
    separator = arguments[1]()
    return _joined(_between(texts, as_text(separator) if is_primitive(separator) else ","))


def _between(texts: Iterable[str], separator: str) -> Iterable[str]:
    for number, text in enumerate(texts):
        if number:
            yield separator
        yield text


def _joined(pieces: Iterable[str]) -> str:
    """Join pieces, and refuse the text once it is too long."""
    size, joined = 0, []
    for piece in filter(None, pieces):
        size += text_size(piece)
        check(size)
        joined.append(piece)
    return "".join(joined)


def to_json(arguments: Sequence[Argument]) -> str:
    """Write a value as JSON over several lines."""
    return _joined(expression_json.pieces(arguments[0]()))


def from_json(arguments: Sequence[Argument]) -> Any:
    """Read a value from JSON."""
    return expression_json.from_json(as_text(arguments[0]()))


def case(arguments: Sequence[Argument]) -> Any:
    """Return the value after the first true condition, or the last."""
    for condition, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        holds = condition()
        if not isinstance(holds, bool):
            raise ExpressionError("evaluation", "case predicate must evaluate to a boolean value")
        if holds:
            return value()
    return arguments[-1]()


FUNCTIONS = {
    "case": Function(case, Arity(3, 255, odd=True)),
    "contains": Function(contains, Arity(2, 2)),
    "endswith": Function(ends_with, Arity(2, 2)),
    "format": Function(format_text, Arity(1, 255)),
    "fromjson": Function(from_json, Arity(1, 1)),
    "join": Function(join, Arity(1, 2)),
    "startswith": Function(starts_with, Arity(2, 2)),
    "tojson": Function(to_json, Arity(1, 1)),
}
