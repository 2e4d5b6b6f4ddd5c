"""tagship.toml: find it, read it, and tell every error of it at once.

Flag > TAGSHIP_* variable > file > default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tagship.errors import SettingsError
from tagship.settings import wording
from tagship.settings.combinations import impossible
from tagship.settings.model import Settings
from tagship.settings.variables import overlay, put

FILE = "tagship.toml"


def find(start: Path) -> Path:
    """The nearest tagship.toml, upwards from `start`; raises SettingsError where there is none."""
    for folder in (start, *start.parents):
        if os.path.lexists(folder / FILE):  # a folder or a broken link of that name is told of, not passed over
            return folder / FILE
    raise SettingsError(
        f"There is no {FILE} in {start} or above it.", remedy="Change to the repository that ships with tagship."
    )


def load(path: Path, variables: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read and check a settings file; raises SettingsError with every error of it.

    `variables` is the process's environment unless a test gives another. `flags` are values by dotted key; they win.
    """
    values = _read(path)
    sources, findings = overlay(values, os.environ if variables is None else variables)
    for dotted, value in (flags or {}).items():
        put(values, tuple(dotted.split(".")), value)
    settings, errors = _checked(values)
    findings += [wording.sentence(error, sources) for error in errors]
    named = {".".join(str(part) for part in error["loc"]) for error in errors}
    findings += [f"{place}: {what}" for place, what in impossible(values) if place not in named]
    if settings is None or findings:
        raise _problem(path, findings)
    return settings


def _read(path: Path) -> dict[str, Any]:
    """The file's values. A byte-order mark and CRLF, as some editors write them, are fine."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as reason:
        raise SettingsError(
            f"{path} cannot be read: {reason.strerror}.", remedy=f"Look at it: ls -ld {path}"
        ) from reason
    except UnicodeDecodeError as reason:
        line = reason.object[: reason.start].count(b"\n") + 1
        raise SettingsError(f"{path} is not UTF-8 (line {line}).", remedy=f"Save it as UTF-8: {path}") from reason
    except (ValueError, RecursionError) as reason:
        raise SettingsError(f"{path} is not TOML: {reason}.", remedy=f"Mend it: {path}") from reason


def _checked(values: Mapping[str, Any]) -> tuple[Settings | None, Sequence[Any]]:
    try:
        return Settings.model_validate(_with_tuples(values)), ()
    except ValidationError as reason:
        return None, list(_once(reason.errors(include_url=False)))


def _with_tuples(value: Any) -> Any:
    """Lists as tuples: settings are frozen all the way down, and in strict mode neither is taken for the other."""
    if isinstance(value, dict):
        return {key: _with_tuples(one) for key, one in value.items()}
    return tuple(_with_tuples(one) for one in value) if isinstance(value, list) else value


def _once(errors: Sequence[Any]) -> Iterator[Any]:
    """One error a key: the first one says what is wrong."""
    seen = set()
    for error in errors:
        if error["loc"] not in seen:
            seen.add(error["loc"])
            yield error


def _problem(path: Path, findings: Sequence[str]) -> SettingsError:
    one = len(findings) == 1
    listed = "\n".join(f"  - {finding}" for finding in findings)
    return SettingsError(
        f"{path} has {'one error' if one else f'{len(findings)} errors'}:\n{listed}",
        remedy=f"Mend {'it' if one else 'them'} in {path}; every key is explained in docs/tagship.sample.toml",
    )
