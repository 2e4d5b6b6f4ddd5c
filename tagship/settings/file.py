"""tagship.toml: find it, read it, and report all of its errors at once.

Flag > TAGSHIP_* variable > file > default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from pydantic import ValidationError

from tagship import resources
from tagship.errors import SettingsError
from tagship.settings.folder import NAME
from tagship.settings.kind import Kind
from tagship.settings.kinds import KINDS, settings_of
from tagship.settings.model import Settings
from tagship.settings.moved import bring_home
from tagship.settings.previews import filled
from tagship.settings.section import contradictions, cut
from tagship.settings.variables import overlay, put
from tagship.settings.wording import Fault, Wording

FILE = "tagship.toml"
PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


def find(start: Path) -> Path:
    """Find the nearest tagship.toml, upwards to the top of the repository.

    From `start`; an app in a folder of its own has a file there. Raises SettingsError.
    """
    for folder in (start, *start.parents):
        if folder.parts[-2:] == (NAME, "sandbox"):
            break  # what is in a sandbox never acts on the repository around it
        if os.path.lexists(folder / FILE):  # a folder or a broken link of that name is reported, not skipped
            return folder / FILE
        if (folder / ".git").exists():
            break
    raise SettingsError(
        f"There is no {FILE} in {start} or above it.", remedy="Go to the repository that ships with tagship."
    )


def load(
    path: Path,
    variables: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    kinds: tuple[type[Kind], ...] = KINDS,
) -> Settings:
    """Read and check a settings file. Raises SettingsError with every error.

    `variables` is the process's environment unless a test gives another. `flags` are values by dotted key; they win.
    """
    values, model = _read(path), settings_of(kinds)
    sources, strangers = overlay(values, os.environ if variables is None else variables, model)
    for dotted, value in (flags or {}).items():
        put(values, tuple(dotted.split(".")), value)
    faults = [Fault(f"{variable} {problem}", variable) for variable, problem in strangers.items()]
    faults += [Fault(problem) for problem in bring_home(values, model)]
    settings, errors = _checked(values, model)
    faults += _of_template(settings)
    faults += _faults(values, errors, Wording(model, sources))
    if settings is None or faults:
        raise _problem(path, faults)
    return settings


def _of_template(settings: Settings | None) -> list[Fault]:
    """Check the template of previews, as a pull request's environment."""
    template = settings.previews.environment if settings else {}
    if settings is None or not template:
        return []
    model, above = settings.environment_model(), ("previews", "environment")
    values = dict(filled(template, 1))
    try:
        model.model_validate(values)
    except ValidationError as reason:
        problems = [(tuple(map(str, error["loc"])), error["msg"]) for error in _once(reason.errors(include_url=False))]
    else:
        problems = [(tuple(place.split(".")), problem) for place, problem in contradictions(model, values)]
    return [Fault(f"{'.'.join((*above, *filter(None, place)))}: {problem}") for place, problem in problems]


def _faults(values: Mapping[str, Any], errors: Sequence[Any], wording: Wording) -> list[Fault]:
    """Word pydantic's errors, and the combinations that cannot work."""
    # Of combinations, those whose key has an error of pydantic's are left out.
    named = {".".join(str(part) for part in error["loc"]) for error in errors}
    faults = [wording.of_error(error) for error in errors]
    rest = [(place, problem) for place, problem in contradictions(wording.model, values) if place not in named]
    return faults + [wording.of_finding(tuple(place.split(".")), problem) for place, problem in rest]


def _read(path: Path) -> dict[str, Any]:
    """Read the file's values."""
    # A byte-order mark and CRLF, as some editors write them, are fine.
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as reason:
        raise SettingsError(
            f"{path} cannot be read: {reason.strerror}.", remedy=f"Look at it: ls -ld {quote(str(path))}"
        ) from reason
    except UnicodeDecodeError as reason:
        line = reason.object[: reason.start].count(b"\n") + 1
        raise SettingsError(f"{path} is not UTF-8 (line {line}).", remedy=f"Save it as UTF-8: {path}") from reason
    except (ValueError, RecursionError) as reason:
        raise SettingsError(f"{path} is not TOML: {cut(str(reason), 200)}.", remedy=f"Correct it: {path}") from reason


def _checked(values: Mapping[str, Any], model: type[Settings]) -> tuple[Settings | None, Sequence[Any]]:
    try:
        with _no_plugins():
            return model.model_validate(_with_tuples(values)), ()
    except ValidationError as reason:
        return None, list(_once(reason.errors(include_url=False)))


@contextmanager
def _no_plugins() -> Iterator[None]:
    """Keep pydantic from looking for plugins."""
    # It would read what every library that is installed says of itself, and run what one brings.
    before = os.environ.get(PLUGINS)
    os.environ[PLUGINS] = "__all__"
    try:
        yield
    finally:
        del os.environ[PLUGINS]
        if before is not None:
            os.environ[PLUGINS] = before


def _with_tuples(value: Any) -> Any:
    """Turn lists into tuples."""
    # Settings are frozen all the way down, and strict mode does not take a list for a tuple.
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(_with_tuples(item) for item in value) if isinstance(value, list) else value


def _once(errors: Sequence[Any]) -> Iterator[Any]:
    """Yield the first error of each key."""
    # It says what is wrong.
    seen = set()
    for error in errors:
        if error["loc"] not in seen:
            seen.add(error["loc"])
            yield error


def _problem(path: Path, faults: Sequence[Fault]) -> SettingsError:
    """List the file's errors and the variables' errors apart."""
    # Neither is blamed for the other's.
    in_file = [fault for fault in faults if not fault.variable]
    in_variables = [fault for fault in faults if fault.variable]
    parts, remedies = [], []
    if in_file:
        parts.append(_listed(f"{path} has {'one error' if len(in_file) == 1 else f'{len(in_file)} errors'}", in_file))
        pronoun = "it" if len(in_file) == 1 else "them"
        remedies.append(f"Fix {pronoun} in {path}; every key is explained in {resources.sample()}")
    if in_variables:
        count = (
            "One environment variable is"
            if len(in_variables) == 1
            else f"{len(in_variables)} environment variables are"
        )
        parts.append(_listed(f"{count} wrong", in_variables))
        remedies.append(f"Correct, or: unset {' '.join(sorted({fault.variable for fault in in_variables}))}")
    return SettingsError("\n".join(parts), remedy="; then ".join(remedies))


def _listed(title: str, faults: Sequence[Fault]) -> str:
    return "\n".join([f"{title}:", *(f"  - {fault.text}" for fault in faults)])
