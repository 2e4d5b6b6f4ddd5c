"""How many units of a kind change at once."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, JsonValue

from tagship.settings.section import Finding, Section, Values

SOME = r"^([1-9][0-9]{0,4}|([1-9]|[1-9][0-9]|100)%)$"
FEW = r"^(0|[1-9][0-9]{0,4}|([0-9]|[1-9][0-9]|100)%)$"


def _as_text(value: object) -> object:
    """Turn a number into text: a count may be a percentage."""
    return str(value) if type(value) is int else value


Count = Annotated[str, BeforeValidator(_as_text)]


def _counted(least: int) -> dict[str, JsonValue]:
    """Allow a number in the schema; the pattern is of texts."""
    return {"type": ["string", "integer"], "minimum": least, "maximum": 99_999}


class Batches(Section):
    """How many hosts change at once, and how many may fail.

    A percentage is of all the hosts there are.
    """

    words: ClassVar[Mapping[str, str]] = {
        SOME: 'a number of hosts (10) or a percentage of them ("25%"), at least one',
        FEW: 'a number of hosts (2) or a percentage of them ("5%")',
    }

    max_concurrency: Count = Field(default="100%", pattern=SOME, json_schema_extra=_counted(1))
    max_errors: Count = Field(default="0", pattern=FEW, json_schema_extra=_counted(0))
    canary: bool = False
    bake: int = Field(default=0, ge=0, le=86_400)  # seconds

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        if values.get("bake") and not values.get("canary"):
            yield "bake", "is how long the canary is watched: set rollout.canary = true"
