"""[previews]: an environment for each pull request, made from a template when it is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from tagship.settings.section import Finding, Section, Text, Values

PREVIEW = re.compile(r"pr-([1-9][0-9]{0,8})")
PREVIEWS = "previews"  # in the names of keys, roles and stacks: all of them together
NUMBER = "{n}"  # in the template's texts: the pull request's number

E = TypeVar("E")


class Previews(Section):
    """Environments pr-<number>, of one template; without it there are none.

    `environment` is what [environments.<name>] has, with {n} for the number.
    """

    words: ClassVar[Mapping[str, str]] = {}

    ttl: int = Field(default=72, ge=1, le=8760)  # hours after its last deployment until a sweep closes a preview
    limit: int = Field(default=10, ge=1, le=500)  # previews that are open at once
    remove: tuple[Text, ...] = ()  # the command that takes a preview's infrastructure away
    environment: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        template = values.get("environment")
        if values.get("remove") and not template:
            yield "remove", "has nothing to remove: add [previews.environment]"
        if template and not values.get("remove"):
            yield "remove", "is missing: it is the command that takes away what a preview runs on"
        if template and NUMBER not in str(template):
            yield "environment", f"names no pull request: put {NUMBER} where the name of what it runs on has its number"


def number_of(environment: str) -> int:
    """Return the pull request's number; 0 if it's no preview's name."""
    match = PREVIEW.fullmatch(environment)
    return int(match[1]) if match else 0


def filled(value: Any, number: int) -> Any:
    """Put a number into every text of a template."""
    if isinstance(value, str):
        return value.replace(NUMBER, str(number))
    if isinstance(value, Mapping):
        return {filled(key, number): filled(inner, number) for key, inner in value.items()}
    return tuple(filled(inner, number) for inner in value) if isinstance(value, (list, tuple)) else value


class Named(dict[str, E]):
    """The environments of a file, and those of pull requests.

    A preview is made when it is asked for by its name; going through them all finds those that were.
    """

    def __init__(self, own: Mapping[str, E], make: Callable[[int], E]) -> None:
        super().__init__(own)
        self.own = frozenset(own)
        self._make = make

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and number_of(name) > 0)

    def __missing__(self, name: str) -> E:
        number = number_of(name)
        if not number:
            raise KeyError(name)
        self[name] = self._make(number)
        return self[name]
