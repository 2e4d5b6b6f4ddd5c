"""[previews]: an environment for each pull request, made from a template when it is named."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import Field

from tagship.settings.section import Finding, Section, Text, Values
from tagship.settings.tables import WORKFLOW

PREVIEW = re.compile(r"pr-([1-9][0-9]{0,8})")
PREVIEWS = "previews"  # in the names of keys, roles and stacks: all of them together
ANY = 999_999_999  # a number that no pull request has: it stands for all of them
NUMBER = "{n}"  # in the template's texts: the pull request's number

E = TypeVar("E")
M = TypeVar("M", bound=Section)


class Previews(Section):
    """Environments pr-<number>, of one template; without it there are none.

    `environment` is what [environments.<name>] has, with {n} for the number.
    """

    words: ClassVar[Mapping[str, str]] = {}

    ttl: int = Field(default=72, ge=1, le=8760)  # hours after its last deployment until a sweep closes a preview
    limit: int = Field(default=10, ge=1, le=500)  # previews that are open at once
    workflow: str = Field(default="preview.yml", pattern=WORKFLOW)  # whose jobs of pull requests AWS trusts
    sweep_workflow: str = Field(default="preview-sweep.yml", pattern=WORKFLOW)
    remove: tuple[Text, ...] = ()  # the command that takes a preview's infrastructure away
    environment: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        template = values.get("environment")
        if values.get("remove") and not template:
            yield "remove", "has nothing to remove: add [previews.environment]"
        if template and not values.get("remove"):
            yield "remove", "is missing: it is the command that takes away what a preview runs on"
        if isinstance(template, Mapping) and template.get("lease_group"):
            yield "environment.lease_group", "would have pull requests hold up what else is in that group: remove it"
        if template and NUMBER not in str(template):
            yield "environment", f"names no pull request: put {NUMBER} where the name of what it runs on has its number"


def number_of(environment: str) -> int:
    """Return the pull request's number; 0 if it's no preview's name."""
    match = PREVIEW.fullmatch(environment)
    return int(match[1]) if match else 0


def any_of(model: type[M], previews: Previews) -> M | None:
    """Make a preview of the number ANY; None without a template.

    It stands for all of them: `pattern_of` makes * of the number.
    """
    return model.model_validate(filled(previews.environment, ANY)) if previews.environment else None


def pattern_of(text: str) -> str:
    """Put * for the number ANY in a preview's name."""
    return text.replace(str(ANY), "*")


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

    @classmethod
    def of(cls, own: Mapping[str, M], model: type[M], previews: "Previews") -> "Named[M]":
        """Have each preview made of a template."""
        return Named(own, lambda number: model.model_validate(filled(previews.environment, number)))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and number_of(name) > 0)

    def __missing__(self, name: str) -> E:
        number = number_of(name)
        if not number:
            raise KeyError(name)
        made = self._make(number)
        if number != ANY:  # stands for all of them, and is none
            self[name] = made
        return made


class Knowing(Protocol):
    """What knows its previews: the settings as a whole."""

    def is_preview(self, environment: str) -> bool: ...


def place_of_keys(settings: Knowing, environment: str) -> str:
    """Name what stands for {environment} in keys: previews share theirs."""
    return PREVIEWS if settings.is_preview(environment) else environment
