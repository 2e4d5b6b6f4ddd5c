"""The JSON schema of tagship.toml, for editors: the model's own, as far as a schema can say it.

What it cannot say (values that are each right and cannot work together) is found when the file is read. It is written
in draft 7, which taplo and so Even Better TOML read.
"""

from __future__ import annotations

import json
from typing import Any

from tagship.settings.kind import Kind
from tagship.settings.kinds import KINDS, settings_of

DIALECT = "http://json-schema.org/draft-07/schema#"
NOTHING = {"type": "null"}
Schema = dict[str, Any]


def schema(kinds: tuple[type[Kind], ...] = KINDS) -> Schema:
    """Make the schema of the settings over these kinds of target."""
    model = settings_of(kinds)
    model.model_rebuild()
    made = model.model_json_schema(ref_template="#/definitions/{model}")
    definitions = {name: _tidy(value) for name, value in made.pop("$defs").items()}
    _choose_one(definitions["Environment"], [kind.table for kind in kinds])
    title = "tagship.toml: how a repository ships"
    return {"$schema": DIALECT, **_tidy(made), "title": title, "definitions": definitions}


def text() -> str:
    """Write the schema as the file that comes with tagship."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _tidy(value: Any) -> Any:
    """Take out what says nothing in TOML.

    Tables whose keys have a pattern are closed: others are refused.
    """
    if isinstance(value, list):
        return [_tidy(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if NOTHING in value.get("anyOf", ()):  # TOML has no null: such a key is left out
        [rest] = [entry for entry in value["anyOf"] if entry != NOTHING]
        return _tidy({**rest, **{key: other for key, other in value.items() if key not in {"anyOf", "default"}}})
    tidied = {key: _tidy(entry) for key, entry in value.items() if not (key == "title" and isinstance(entry, str))}
    return {**tidied, "additionalProperties": False} if "patternProperties" in value else tidied


def _choose_one(environment: Schema, tables: list[str]) -> None:
    """Require exactly one table that says what an environment runs on."""
    environment["oneOf"] = [{"required": [name]} for name in tables]
