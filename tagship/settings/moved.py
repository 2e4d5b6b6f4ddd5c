"""Keys of an older form of tagship.toml, and of its variables: each gets an error with its new place.

A key that moved is still read at its new place, so that what is wrong with its value is found in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tagship.settings.kind import Kind
from tagship.settings.model import Settings
from tagship.settings.section import cut, section_of

Place = tuple[str, ...]


def bring_home(values: dict[str, Any], model: type[Settings]) -> list[str]:
    """Move keys from their old places, and say where each is now."""
    environments = values.get("environments")
    moves = _of_promotion(values.get("promotion"))
    for name, environment in environments.items() if isinstance(environments, dict) else ():
        if isinstance(environment, dict):
            for kind in _kinds_of(environment, model):
                moves += _of_environment(cut(name), environment, kind)
    return moves


def _of_promotion(promotion: Any) -> list[str]:
    """Take out the workflow that promotes, of which there was one."""
    if not isinstance(promotion, dict):
        return []
    gone = [f"promotion.{key}" for key in ("workflow", "branch") if promotion.pop(key, None) is not None]
    instead = 'ship = ["promote.yml@refs/heads/main"] under [environments.<name>.workflows], or remove it'
    return [f"{key} is gone: write {instead}" for key in gone]


def of_variables(
    names: Mapping[str, Place], model: type[Settings], variable_of: Callable[[Place], str]
) -> dict[str, str]:
    """Say what became of the variables of the older form."""
    # `names` are the variables that there are, and their keys.
    old: dict[str, str] = {}
    kinds = _kinds(model)
    for variable, place in names.items():
        if place[0] == "environments" and (kind := kinds.get(place[2])):
            for before in _before(kind, place[3:]):
                old.setdefault(variable_of((*place[:2], *before)), f"moved to {variable}")
            for key in (key for key, new in kind.moved.items() if not new):
                old.setdefault(variable_of((*place[:2], key)), f"is gone: the environment's table {kind.table} says it")
    return {variable: fate for variable, fate in old.items() if variable not in names}


def _before(kind: type[Kind], place: Place) -> Iterator[Place]:
    """Yield where a key was in the older form, within its environment."""
    for key, new in kind.moved.items():
        if new and place[: len(path := tuple(new.split(".")))] == path:
            yield (key, *place[len(path) :])


def _kinds(model: type[Settings]) -> dict[str, type[Kind]]:
    environment: Any = section_of(model.model_fields["environments"].annotation)
    kinds: dict[str, type[Kind]] = environment.kinds()
    return kinds


def _kinds_of(environment: Mapping[str, Any], model: type[Settings]) -> list[type[Kind]]:
    """Return the kinds whose keys an environment can have."""
    # That of its table, or any if it has none.
    kinds = _kinds(model)
    return [kinds[name] for name in kinds if name in environment] or list(kinds.values())


def _of_environment(name: str, environment: dict[str, Any], kind: type[Kind]) -> Iterator[str]:
    above = f"environments.{name}"
    for old, now in kind.brought_home(environment):
        yield f"{above}.{old} moved to {above}.{now}"
    for key, new in kind.moved.items():
        if key not in environment:
            continue
        value = environment.pop(key)
        if not new:
            yield f"{above}.{key} is gone: the table [{above}.{kind.table}] says it; remove the line"
        elif isinstance(value, dict):
            yield from (
                f"{above}.{key}.{inner} moved to {above}.{kind.table}.{new}.{inner}" for inner in map(cut, value)
            )
            _move(environment, (kind.table, new), value)
        else:
            yield f"{above}.{key} moved to {above}.{kind.table}.{new}"
            _move(environment, (kind.table,), {new: value})


def _move(environment: dict[str, Any], place: Place, values: Mapping[str, Any]) -> None:
    """Write keys into a table unless they are there already."""
    # Nothing if something else is at its place.
    at: Any = environment
    for key in place:
        at = at.setdefault(key, {}) if isinstance(at, dict) else None
    if isinstance(at, dict):
        for key, value in values.items():
            at.setdefault(key, value)
