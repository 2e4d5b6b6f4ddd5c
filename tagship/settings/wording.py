"""One validation error as a sentence: where, what is wrong, and what to write instead. In our words, not pydantic's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from tagship.settings.model import WORDS
from tagship.settings.variables import Place, tables

# What each kind of error is told as; `{…}` is filled from the error's own context.
WANTED = {
    "bool_type": "must be true or false; is {given}",
    "int_type": "must be a whole number; is {given}",
    "string_type": 'must be text in quotes, "…"; is {given}',
    "tuple_type": 'must be a list, ["…"]; is {given}',
    "mapping_type": "must be a table of names and values; is {given}",
    "dict_type": "must be a table of names and values; is {given}",
    "model_type": "must be a table; is {given}",
    "model_attributes_type": "must be a table; is {given}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty: add at least one",
    "string_pattern_mismatch": "must be {words}; is {given}",
    "literal_error": "must be {expected}; is {given}",
    "greater_than_equal": "must be {ge} or more; is {given}",
    "less_than_equal": "must be {le} or less; is {given}",
    "missing": "missing; add it",
    "extra_forbidden": "unknown key; {hint}",
}


def sentence(error: Any, sources: Mapping[Place, str]) -> str:
    """`key (from variable): what is wrong`."""
    place = tuple(str(part) for part in error["loc"])
    if place[-1] == "[key]":
        words = WORDS.get(error["ctx"].get("pattern", ""))
        return f"{'.'.join(place[:-1])}: the name must " + (f"be {words}" if words else "not be empty")
    source = next((sources[place[:n]] for n in range(len(place), 0, -1) if place[:n] in sources), "")
    where = ".".join(place) + (f" (from {source})" if source else "")
    return f"{where}: {_what(error, place)}"


def _what(error: Any, place: Place) -> str:
    context = dict(error.get("ctx", {}))
    return WANTED[error["type"]].format(
        given=_shown(error["input"]),
        words=WORDS.get(context.get("pattern", ""), ""),
        expected=str(context.get("expected", "")).replace("'", '"'),
        ge=context.get("ge"),
        le=context.get("le"),
        hint=_hint(place) if error["type"] == "extra_forbidden" else "",
    )


def _shown(value: Any) -> str:
    """A value as the file has it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.encode("unicode_escape").decode("ascii") if not value.isprintable() else value
        return f'"{escaped[:60]}…"' if len(escaped) > 60 else f'"{escaped}"'
    if isinstance(value, (int, float)):
        return str(value)[:60]
    if isinstance(value, (date, time)):
        return "a date or a time"
    return "a table" if isinstance(value, Mapping) else "a list"


def _hint(place: Place) -> str:
    """The key that was meant: the nearest one of this table, or else of any."""
    from difflib import get_close_matches

    here = siblings(place[:-1])
    if near := get_close_matches(place[-1], here, 1, 0.7):
        return f"did you mean {near[0]}?"
    environment = place[1] if place[0] == "environments" and len(place) > 2 else "<name>"
    anywhere: dict[str, str] = {}
    for found, _ in tables(name=environment):
        for depth in range(1, len(found) + 1):
            anywhere.setdefault(found[depth - 1], ".".join(found[:depth]))
    if near := get_close_matches(place[-1], list(anywhere), 1, 0.8):
        return f"did you mean {anywhere[near[0]]}?"
    return f"known here: {', '.join(here)}"


def siblings(above: Sequence[str]) -> list[str]:
    """The keys and tables that are known in the table at `above`."""
    name = above[1] if len(above) > 1 and above[0] == "environments" else "<name>"
    depth = len(above)
    return list(dict.fromkeys(place[depth] for place, _ in tables(name=name) if place[:depth] == tuple(above)))
