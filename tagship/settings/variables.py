"""TAGSHIP_* variables: which key each names, and its text as a value of that key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from tagship import resources
from tagship.settings.model import Settings
from tagship.settings.moved import of_variables
from tagship.settings.section import Section, cut, is_of_names, section_of

PREFIX = "TAGSHIP_"
# Names that only look like keys: the sandbox and the host program pass them to what they start.
RESERVED = ("TAGSHIP_SANDBOX_", "TAGSHIP_HOST_", "TAGSHIP_DEBUG")

Place = tuple[str, ...]


def tables(model: type[Section], name: str = "<name>") -> Iterator[tuple[Place, Any]]:
    """List every key as its path of tables and its field."""
    # `name` stands for an environment's name. Another table of tables that the user names is one key.
    for key, field in model.model_fields.items():
        inner = section_of(field.annotation)
        listed = get_origin(field.annotation) is tuple  # a list of tables is one key
        if inner is None or listed or (key != "environments" and is_of_names(field.annotation)):
            yield (key,), field
            continue
        above = (key, name) if key == "environments" else (key,)
        for place, leaf in tables(inner, name):
            yield (*above, *place), leaf


def known(environments: Mapping[str, Any], model: type[Section]) -> dict[str, tuple[Place, Any]]:
    """Map every variable that names a key, in a file's environments."""
    by_variable: dict[str, tuple[Place, Any]] = {}
    for name in environments or {"<name>": None}:
        for place, field in tables(model, name):
            by_variable.setdefault(variable_of(place), (place, field))
    return {variable: by_variable[variable] for variable in by_variable if "<" not in variable}


def variable_of(place: Place) -> str:
    return PREFIX + "_".join(place).replace("-", "_").upper()


def overlay(
    values: dict[str, Any], variables: Mapping[str, str], model: type[Settings]
) -> tuple[dict[Place, str], dict[str, str]]:
    """Write variables over a file's values.

    Returns which variable set which key, and, by variable, what is wrong with one that looks like a key's but is not.
    An empty variable does not count: CI makes one of a variable that was never set.
    """
    variables = {name: text for name, text in variables.items() if text and name.startswith(PREFIX)}
    if not variables:
        return {}, {}  # whoever sets none does not wait until every key was looked at
    names = known(environments if isinstance(environments := values.get("environments"), dict) else {}, model)
    moved = of_variables({variable: place for variable, (place, _) in names.items()}, model, variable_of)
    sources: dict[Place, str] = {}
    strangers: dict[str, str] = {}
    for variable, text in sorted(variables.items()):
        if variable in names:
            place, field = names[variable]
            if put(values, place, _value(text, field.annotation)):
                sources[place] = variable
        elif problem := moved.get(variable) or _stranger(variable, names, model):
            strangers[cut(variable)] = problem
    return sources, strangers


def put(values: dict[str, Any], place: Place, value: Any) -> bool:
    """Set one key; return false if a table's place is taken."""
    # Tables are made on the way.
    table: Any = values
    for key in place[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            return False
    table[place[-1]] = value
    return True


def _value(text: str, annotation: Any) -> Any:
    """Read a variable's text as its key's type."""
    # Text as it is, everything else as TOML.
    if _is_text(annotation):
        return text
    if annotation is bool and text in {"0", "1"}:
        return text == "1"
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text


def _is_text(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return any(_is_text(argument) for argument in get_args(annotation))
    if origin is not None and origin is not Literal and hasattr(annotation, "__metadata__"):
        return _is_text(get_args(annotation)[0])
    return annotation is str or origin is Literal


def _stranger(variable: str, names: Mapping[str, Any], model: type[Settings]) -> str:
    """Say what is wrong with a variable that looks like a key."""
    # Empty for any other variable.
    if variable in names or variable.startswith(RESERVED):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(variable, list(names), 1, 0.85)
    top = [f"{PREFIX}{key.upper()}" for key, field in model.model_fields.items() if section_of(field.annotation)]
    if near:
        return f"names no key; did you mean {near[0]}?"
    if any(variable == prefix or variable.startswith(prefix + "_") for prefix in top):
        return f"names no key; every key is in {resources.sample()}"
    return ""
