"""toJSON and fromJSON of expressions. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tagship.sandbox.actions.expression_errors import ExpressionError
from tagship.sandbox.actions.expression_values import Kind, as_text, kind_of, trimmed

INDENT = "  "
LINE_ENDS = re.compile("[\u0085\u2028\u2029]")  # escaped by GitHub; Python leaves them


def pieces(value: Any, depth: int = 0) -> Iterator[str]:
    """Write a value as JSON, two blanks a level, piece by piece."""
    match kind_of(value):
        case Kind.OBJECT if value:
            items = ((_quoted(str(key)) + ": ", item) for key, item in value.items())
            yield from _enclosed("{", items, "}", depth)
        case Kind.ARRAY if value:
            yield from _enclosed("[", (("", item) for item in value), "]", depth)
        case Kind.OBJECT:
            yield "{}"
        case Kind.ARRAY:
            yield "[]"
        case Kind.NULL:
            yield "null"
        case Kind.STRING:
            yield _quoted(value)
        case _:
            yield as_text(value)


def _enclosed(opening: str, items: Iterator[tuple[str, Any]], closing: str, depth: int) -> Iterator[str]:
    yield opening
    for number, (label, item) in enumerate(items):
        yield f"{',' if number else ''}\n{INDENT * (depth + 1)}{label}"
        yield from pieces(item, depth + 1)
    yield f"\n{INDENT * depth}{closing}"


def _quoted(text: str) -> str:
    return LINE_ENDS.sub(lambda end: f"\\u{ord(end[0]):04x}", json.dumps(text, ensure_ascii=False))


def from_json(text: str) -> Any:
    """Read JSON, numbers as doubles; raises ExpressionError."""
    if not trimmed(text):
        raise ExpressionError("evaluation", "Error parsing JSON when evaluating fromJSON: the text is empty")
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError) as reason:
        raise ExpressionError("evaluation", f"Error parsing JSON when evaluating fromJSON: {reason}") from reason


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
