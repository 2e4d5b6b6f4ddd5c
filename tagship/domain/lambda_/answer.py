"""What a function's answer has to be for its version to count as healthy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = "{version}"  # in an expected value: the artifact that is deployed
SHOWN = 60  # characters of a value


def why_wrong(payload: bytes, expected: Mapping[str, str], version: str) -> str:
    """Say why an answer is wrong; empty if it is right.

    `expected` are values by their dotted places. Text that is JSON is looked into: the `body` of an answer to a gateway
    is such text.
    """
    try:
        answer: Any = json.loads(payload or b"null")
    except ValueError:
        return "it answered with something that is not JSON" if expected else ""
    for place, value in expected.items():
        wanted, actual = value.replace(VERSION, version), _text(_at(answer, place.split(".")))
        if actual != wanted:
            return f"its answer has {place} = {actual[:SHOWN] or 'nothing'}, not {wanted}"
    return ""


def _at(answer: Any, place: list[str]) -> Any:
    for key in place:
        answer = _opened(answer)
        if isinstance(answer, list) and key.isdigit() and int(key) < len(answer):
            answer = answer[int(key)]
        elif isinstance(answer, Mapping):
            answer = answer.get(key)
        else:
            return None
    return answer


def _opened(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def opened(value: Any) -> Any:
    """Look into texts that are JSON objects or lists, however deep."""
    value = _opened(value) if isinstance(value, str) and value.lstrip()[:1] in {"{", "["} else value
    if isinstance(value, Mapping):
        return {name: opened(inner) for name, inner in value.items()}
    return [opened(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    """Write a value as the settings have it."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
