"""The JSON schema of tagship.toml, held to the model by a reader that is not ours."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pydantic import ValidationError

from tagship.errors import SettingsError
from tagship.resources import SCHEMA
from tagship.settings import KINDS, load, settings_of
from tagship.settings.file import _with_tuples
from tagship.settings.schema import schema, text
from tagship.settings.wording import WANTED
from tests.unit.settings_text import APP

TOP = Path(__file__).parents[2]
SAMPLE = TOP / "docs/tagship.sample.toml"
VALUES: dict[str, Any] = tomllib.loads(SAMPLE.read_text("utf-8"))
READER = Draft7Validator(schema())
ODD = st.sampled_from(["", "a b", "UPPER", "/etc", "-x", 0, -1, 3, 10**9, True, [], ["a"], [1], {}, {"a": "b"}])
Place = tuple[str, ...]


def accepts(values: Any) -> bool:
    return not any(READER.iter_errors(values))


def model_accepts(values: Any) -> bool:
    """Whether pydantic does: what only combinations make wrong is no schema's."""
    try:
        settings_of().model_validate(_with_tuples(values))
    except ValidationError:
        return False
    return True


def loads(text: str, folder: Path) -> bool:
    """Whether the file is right in every way."""
    (folder / "tagship.toml").write_text(text, "utf-8")
    try:
        load(folder / "tagship.toml", {})
    except SettingsError:
        return False
    return True


def test_it_is_up_to_date_in_the_package() -> None:
    """After a change of the settings: python -m scripts.schema."""
    assert (TOP / SCHEMA).read_text("utf-8") == text()


def test_it_is_a_schema_of_draft_7_that_needs_nothing_else() -> None:
    Draft7Validator.check_schema(schema())
    references = [value for key, value in pairs(schema()) if key == "$ref"]
    assert references
    assert all(reference.startswith("#/definitions/") for reference in references)


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield str(key), entry
        yield from pairs(entry)


def test_it_accepts_the_sample_with_every_kind_of_target() -> None:
    assert [error.message for error in READER.iter_errors(VALUES)] == []
    assert {kind.table for kind in KINDS} <= {key for one in VALUES["environments"].values() for key in one}


def settings_in_tests() -> list[str]:
    """Every text of the tests and of the examples that reads like a tagship.toml."""
    listed = subprocess.run(["git", "ls-files", "tests", "examples", "tagship.toml"], cwd=TOP, check=True,
                            capture_output=True, text=True).stdout.split()  # fmt: skip
    trees = [ast.parse((TOP / path).read_text("utf-8")) for path in listed if path.endswith(".py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = [node.value for node in nodes if isinstance(node.value, str) and "environments" in node.value]
    files = [(TOP / path).read_text("utf-8") for path in listed if path.endswith("tagship.toml")]
    bodies = [text for text in texts if "app =" not in text]  # what a test writes below a head
    return [*files, *dict.fromkeys([*texts, *(APP + body for body in bodies)])]


def test_it_accepts_what_the_tests_have_and_the_model_accepts(tmp_path: Path) -> None:
    right = 0
    for written in settings_in_tests():
        try:
            values = tomllib.loads(written)
        except tomllib.TOMLDecodeError:
            continue
        if loads(written, tmp_path):
            right += 1
            assert accepts(values), written
        elif "app" in values and not model_accepts(values):
            assert not accepts(values), written
    assert right >= 20, "the tests have settings"


def places(values: Any, above: Place = ()) -> Iterator[Place]:
    for key, value in values.items() if isinstance(values, dict) else ():
        yield (*above, key)
        yield from places(value, (*above, key))


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(sorted(places(VALUES))), st.sampled_from(["say", "drop", "add"]), ODD),
        min_size=1, max_size=3,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_it_refuses_what_the_model_refuses_and_accepts_what_it_accepts(changes: list[tuple[Place, str, Any]]) -> None:
    values = copy.deepcopy(VALUES)
    for place, how, value in changes:
        at: Any = values
        for key in place[:-1]:
            at = at.get(key) if isinstance(at, dict) else None
        if isinstance(at, dict):
            if how == "drop":
                at.pop(place[-1], None)
            else:
                at[place[-1] if how == "say" else f"{place[-1]}_"] = copy.deepcopy(value)
    single = all(
        isinstance(one, dict) and len({kind.table for kind in KINDS} & set(one)) == 1
        for one in (values["environments"].values() if isinstance(values.get("environments"), dict) else ())
    )
    assert accepts(values) == (model_accepts(values) and single), json.dumps(changes)


@pytest.mark.parametrize("tables", [[], ["ec2", "lambda"]])
def test_an_environment_without_one_target_is_refused(tables: list[str]) -> None:
    values = copy.deepcopy(VALUES)
    dev, api = values["environments"]["dev"], values["environments"]["api"]
    for name in KINDS:
        dev.pop(name.table, None)
    sources = {"ec2": VALUES["environments"]["dev"].get("ec2"), "lambda": api["lambda"]}
    dev |= {name: sources[name] for name in tables}
    assert not accepts(values)


def bounds(value: Any) -> Iterator[str]:
    """The names of every bound that a schema has."""
    if isinstance(value, dict):
        yield from (name for name in value if name in WORDED)
        for part in value.values():
            yield from bounds(part)
    elif isinstance(value, list):
        for part in value:
            yield from bounds(part)


WORDED = {  # a bound: pydantic's error, which a person reads in our words
    "minimum": "greater_than_equal",
    "maximum": "less_than_equal",
    "exclusiveMinimum": "greater_than",
    "exclusiveMaximum": "less_than",
    "multipleOf": "multiple_of",
    "minLength": "string_too_short",
    "maxLength": "string_too_long",
    "minItems": "too_short",
    "maxItems": "too_long",
    "pattern": "string_pattern_mismatch",
}


def test_every_bound_that_the_model_has_is_told_in_our_words() -> None:
    """An error without words would be a traceback."""
    assert {WORDED[name] for name in bounds(schema())} <= WANTED.keys()


TAGS = [f"t{number}" for number in range(51)]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (f"tags.prefix = {'a' * 41!r}", "tags.prefix: must have 40 characters or fewer"),
        (f"static.site.headers = [{{ tags = {TAGS} }}]", "static.site.headers.0.tags: must have 50 entries or fewer"),
    ],
    ids=["text", "a list"],
)
def test_what_is_too_long_is_told_with_how_long_it_may_be(more: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "tagship.toml").write_text(f"{more}\n{APP}", "utf-8")
    with pytest.raises(SettingsError, match=told):
        load(tmp_path / "tagship.toml", {})
