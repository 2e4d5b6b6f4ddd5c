"""A host's verdict on the wire: the JSON line that its program prints first."""

from __future__ import annotations

import json
from typing import Any

from tagship.domain.units import OUTCOMES, Report

_FIELDS: dict[str, tuple[str, type]] = {  # of the verdict: our name for it, and what it must be
    "artifact": ("artifact_id", str),
    "serving": ("serving", str),
    "previous": ("previous", str),
    "reason": ("reason", str),
    "evidence": ("evidence", str),
    "durations": ("durations", dict),
    "health": ("health", dict),
    "kept": ("kept", list),
    "unsigned": ("unsigned", bool),
    "facts": ("facts", dict),
    "edited": ("edited", list),
}


def read(host: str, output: str, problem: str) -> Report:
    """Read the verdict on the first line of `output`."""
    # Without one, the report is `silent`, with `problem`.
    line = output.split("\n", 1)[0]
    try:
        value: dict[str, Any] = json.loads(line)
        if value["tagship"] != 1 or value["outcome"] not in OUTCOMES:
            raise ValueError
        fields = {field: _of_kind(value.get(key, kind()), kind) for key, (field, kind) in _FIELDS.items()}
    except (ValueError, KeyError, TypeError):
        return Report(host, "silent", reason=problem or "the host said nothing", evidence=output[-2000:])
    lists = {name: tuple(map(str, fields[name])) for name in ("kept", "edited")}
    return Report(host, value["outcome"], **{**fields, **lists})


def _of_kind(value: Any, kind: type) -> Any:
    """Return the value if it is of that kind. Raises TypeError."""
    # A verdict with a number for a name is invalid.
    if not isinstance(value, kind):
        raise TypeError
    return value
