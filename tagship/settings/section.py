"""What every table of tagship.toml is made of: the base model, patterns with their words, and checks over raw values.

Checks of values that are each right and cannot work together run over the file's own values, beside pydantic and not
after it, so that a file with both kinds of error shows all of them. They pass over a value of a wrong type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME = r"^[a-z][a-z0-9-]{0,30}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

Name = Annotated[str, StringConstraints(pattern=NAME)]
Text = Annotated[str, StringConstraints(min_length=1)]
Variable = Annotated[str, StringConstraints(pattern=VARIABLE)]
Finding = tuple[str, str]  # a dotted key below the table that is checked, and what is wrong with it
Values = Mapping[str, Any]


class Section(BaseModel):
    # defer_build: one validator is built, for Settings, when a file is read; not nine when this module is imported.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    words: ClassVar[Mapping[str, str]] = {}  # a pattern of a field -> what its values must be, in words

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:  # noqa: ARG003  # for tables that look
        """Combinations of this table's values that cannot work."""
        yield from ()


def table(values: Values, key: str) -> Values:
    """A table in a table; empty if something else stands there."""
    found = values.get(key, {})
    return found if isinstance(found, Mapping) else {}


def number(values: Values, key: str, model: type[Section]) -> int:
    """A whole number of a table, or its default (also in place of something that is no number)."""
    default: int = model.model_fields[key].default
    found = values.get(key, default)
    return found if type(found) is int and found > 0 else default


def outside(place: str, paths: Any) -> Iterator[Finding]:
    """Paths that lead out of the repository: they must be relative to its top."""
    for path in paths if isinstance(paths, (list, tuple)) else ():
        if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
            yield place, f"{shown(path)} is outside the repository: give a path relative to its top"


def shown(text: str, most: int = 60) -> str:
    """A text as the file has it, in quotes, on one line, cut."""
    escaped = text if text.isprintable() else text[: most + 1].encode("unicode_escape").decode("ascii")
    return f'"{cut(escaped, most)}"'


def cut(text: str, most: int = 60) -> str:
    """A text's beginning; a value of 100 kB is not echoed."""
    return f"{text[:most]}…" if len(text) > most else text


def section_of(annotation: Any) -> type[Section] | None:
    """The table that an annotation holds, also in `Table | None` and `Mapping[str, Table]`."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for one in get_args(annotation) if (found := section_of(one))), None)


def sections(model: type[Section]) -> Iterator[type[Section]]:
    """A table and every table in it."""
    yield model
    for field in model.model_fields.values():
        if inner := section_of(field.annotation):
            yield from sections(inner)


def contradictions(model: type[Section], values: Values, above: str = "") -> Iterator[Finding]:
    """The problems of a table and of every table in it, by their dotted keys from the top."""
    for place, what in model.problems(values):
        yield ".".join(filter(None, (above, place))), what
    for key, field in model.model_fields.items():
        inner, below = section_of(field.annotation), table(values, key)
        several = {f".{name}": one for name, one in below.items()} if _is_of_names(field.annotation) else {"": below}
        for name, one in several.items():
            if inner and key in values and isinstance(one, Mapping):
                yield from contradictions(inner, one, f"{above}.{key}{name}".lstrip("."))


def _is_of_names(annotation: Any) -> bool:
    """Whether it is a table of tables, whose names are the user's."""
    return get_origin(annotation) is Mapping or any(_is_of_names(one) for one in get_args(annotation))
