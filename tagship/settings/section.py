"""What every table of tagship.toml is made of: the base model, patterns with their words, and checks over raw values.

Checks of values that are each right and cannot work together run over the file's own values, beside pydantic and not
after it, so that a file with both kinds of error shows all of them. They pass over a value of a wrong type.
"""

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
        """Find combinations of this table's values that cannot work."""
        yield from ()


def table(values: Values, key: str) -> Values:
    """Return a table in a table; empty if something else is there."""
    value = values.get(key, {})
    return value if isinstance(value, Mapping) else {}


def move_below(values: dict[str, Any], key: str, inner: str) -> None:
    """Move a key into a table beside it, unless that has it."""
    value, below = values.pop(key), values.setdefault(inner, {})
    if isinstance(below, dict):
        below.setdefault(key, value)


def number(values: Values, key: str, model: type[Section]) -> int:
    """Return a table's whole number, or its default."""
    # Also the default if the value is not a number.
    default: int = model.model_fields[key].default
    value = values.get(key, default)
    return value if type(value) is int and value > 0 else default


def outside(place: str, paths: Any) -> Iterator[Finding]:
    """Find paths that lead out of the repository."""
    # They must be relative to its top.
    for path in paths if isinstance(paths, (list, tuple)) else ():
        if isinstance(path, str) and (path.startswith("/") or ".." in path.split("/")):
            yield place, f"{shown(path)} is outside the repository: give a path relative to its top"


def shown(text: str, most: int = 60) -> str:
    """Quote a text on one line, as the file has it, cut."""
    escaped = text if text.isprintable() else text[: most + 1].encode("unicode_escape").decode("ascii")
    return f'"{cut(escaped, most)}"'


def cut(text: str, most: int = 60) -> str:
    """Cut a text to its beginning."""
    # A value of 100 kB is not echoed.
    return f"{text[:most]}…" if len(text) > most else text


def section_of(annotation: Any) -> type[Section] | None:
    """Return the table that an annotation holds, or None."""
    # Also in `Table | None` and `Mapping[str, Table]`.
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((section for argument in get_args(annotation) if (section := section_of(argument))), None)


def sections(model: type[Section]) -> Iterator[type[Section]]:
    """Yield a table and every table in it."""
    yield model
    for field in model.model_fields.values():
        if inner := section_of(field.annotation):
            yield from sections(inner)


def contradictions(model: type[Section], values: Values, above: str = "") -> Iterator[Finding]:
    """Find a table's problems, and those of every table in it."""
    # By their dotted keys from the top.
    for place, problem in model.problems(values):
        yield ".".join(filter(None, (above, place))), problem
    for key, field in model.model_fields.items():
        inner, below = section_of(field.annotation), table(values, key)
        several = {f".{name}": entry for name, entry in below.items()} if is_of_names(field.annotation) else {"": below}
        for name, entry in several.items():
            if inner and key in values and isinstance(entry, Mapping):
                yield from contradictions(inner, entry, f"{above}.{key}{name}".lstrip("."))


def is_of_names(annotation: Any) -> bool:
    """Tell whether it is a table of tables that the user names."""
    return get_origin(annotation) is Mapping or any(is_of_names(argument) for argument in get_args(annotation))
