"""Settings that infrastructure decides: texts that name outputs, {outputs.api_url}, and are filled in late.

A file is read before there are outputs, and most verbs need none. So such a text is checked as a template when the
file is read, and as a value once it is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tagship.domain import commands
from tagship.domain.outputs import chosen, named_in, put
from tagship.domain.text import listed
from tagship.errors import SettingsError

if TYPE_CHECKING:
    from tagship.settings.model import Settings
    from tagship.settings.section import Finding, Values
    from tagship.settings.static_sets import Static

TEMPLATE = r"^[^\s{}]*(\{outputs\.[A-Za-z0-9_.-]+\}[^\s{}]*)+$"
ANYWHERE = ("health.url", "variables")  # what any environment may take from outputs


def late(pattern: str) -> str:
    """Take a text of that pattern, or one that names outputs."""
    return f"{pattern}|{TEMPLATE}"


def misplaced_outputs(environment: Values, places: Sequence[str], variables: str) -> Iterator[Finding]:
    """Find outputs in settings that are not filled in.

    `places` are the keys of the environment's kind that are; `variables` says why its variables are not, if so.
    """
    for key, place in named_in(environment):
        if variables and key.startswith("variables."):
            yield key, variables
        elif not any(key == good or key.startswith(f"{good}.") for good in (*ANYWHERE, *places)):
            good = listed([*ANYWHERE, *places])
            yield key, f"names {{outputs.{place}}}, which is not filled in there; it is in {good}"


def outputs_named(settings: Settings, environment: str) -> dict[str, str]:
    """Map the keys of an environment that name outputs to their places."""
    if environment not in settings.environments:
        return {}
    own = settings.environments[environment]
    tables: dict[str, Any] = {f"environments.{environment}": own.model_dump(exclude_unset=True)}
    for name, made in settings.static.items():
        if environment in made.environments:
            tables[f"static.{name}.environments.{environment}"] = made.environments[environment].model_dump()
    return {f"{above}.{key}": place for above, values in tables.items() for key, place in named_in(values)}


def read_chosen(file: Path, places: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Read the outputs of a file at their places; see `chosen`."""
    try:
        return chosen(file.read_bytes(), places)
    except OSError as reason:
        return {}, [reason.strerror or "it can't be read"]


def with_outputs(settings: Settings, environment: str, outputs: Mapping[str, str]) -> Settings:
    """Fill in an environment's outputs. Raises SettingsError if one does not fit."""
    own = settings.environment(environment)
    try:
        made = type(own).model_validate(put(own.model_dump(exclude_unset=True), outputs))
        static = {name: _served(made_of, environment, outputs) for name, made_of in settings.static.items()}
    except ValidationError as reason:
        [first, *_] = reason.errors(include_url=False)
        key = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"The outputs of {environment} do not fit: {key} would be {str(first['input'])[:60]!r}.",
            remedy="Correct the output, or the key in tagship.toml that names it",
        ) from reason
    made.know(outputs)
    return settings.model_copy(update={"environments": settings.with_environment(environment, made), "static": static})


def _served(static: Static, environment: str, outputs: Mapping[str, str]) -> Static:
    """Fill in where an environment serves a set from."""
    if environment not in static.environments:
        return static
    place = static.environments[environment]
    made = type(place).model_validate(put(place.model_dump(), outputs))
    return static.model_copy(update={"environments": {**static.environments, environment: made}})


def require_known(settings: Settings, environment: str, *above: str) -> None:
    """Raise SettingsError if a text still names an output.

    `above` are the keys that matter: `ecs` of an environment, `static.site`.
    """
    for key, place in outputs_named(settings, environment).items():
        own = key.removeprefix(f"environments.{environment}.")
        if any(own == part or own.startswith(f"{part}.") for part in above):
            raise SettingsError(
                f"{key} refers to the output {place}, which is unknown.",
                remedy=f"Have it written, then deploy, which records it: {commands.infra(environment=environment)}",
            )
