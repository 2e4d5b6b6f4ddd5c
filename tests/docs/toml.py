"""Settings of a page put into tagship.toml: tables are merged, values replaced."""

from __future__ import annotations

import json
from typing import Any

Table = dict[str, Any]


def merged(one: Table, other: Table) -> Table:
    """`one` with all that `other` says beside it."""
    result = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def written(table: Table) -> str:
    """The table as TOML: the top's keys, each an inline value, so that nothing depends on the order of tables."""
    return "".join(f"{json.dumps(key)} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else str(value)
