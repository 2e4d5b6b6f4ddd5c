"""GitHub's expressions under made-up input: a value or the one error, and what holds of every value."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.sandbox.actions.expressions import ExpressionError, Scope, evaluate

SIGNS = ("(", ")", "[", "]", ",", ".", ".*", "[*]", "!", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "'", "{", "}")
VALUES = (
    "x",
    "x.y",
    "list",
    "true",
    "null",
    "NaN",
    "-1",
    ".5",
    "0xff",
    "'a'",
    "'{0}'",
    "'[1, {}]'",
    " ",
    "\n",
    "\u0131",
)
CALLS = ("format(", "join(", "contains(", "toJSON(", "fromJSON(", "case(", "startsWith(", "always()", "hashFiles(")
WORDS = SIGNS + VALUES + CALLS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.sampled_from(WORDS), max_size=60).map("".join) | st.text(max_size=60), JSON)
def test_any_text_is_a_value_or_the_one_error(source: str, value: Any) -> None:
    with suppress(ExpressionError):
        evaluate(source, Scope({"x": value, "list": [value]}))


@pytest.mark.parametrize("times", [45, 9_000])
@pytest.mark.parametrize("word", WORDS)
def test_no_repetition_exhausts_the_stack(word: str, times: int) -> None:
    for source in (word * times, f"{word} " * times, "x" + word * times, "1 ||" + word * times):
        with suppress(ExpressionError):
            evaluate(source, Scope({"x": {"y": 1}, "list": []}))


@given(JSON)
def test_json_comes_back_as_it_went(value: Any) -> None:
    assert evaluate("fromJSON(toJSON(x))", Scope({"x": value})) == value
    assert json.loads(evaluate("toJSON(x)", Scope({"x": value}))) == value


@given(st.text(), st.text())
def test_two_texts_are_less_equal_or_more(left: str, right: str) -> None:
    scope = Scope({"a": left, "b": right})
    holding = [operator for operator in ("<", "==", ">") if evaluate(f"a {operator} b", scope)]
    assert len(holding) == 1
    assert evaluate("a != b", scope) is (holding != ["=="])
    assert evaluate("a <= b", scope) is (holding != [">"])
    assert evaluate("a >= b", scope) is (holding != ["<"])


@given(st.text(), st.text(), st.text())
def test_a_part_of_a_text_is_met_there(before: str, part: str, after: str) -> None:
    scope = Scope({"text": before + part + after, "before": before, "part": part, "after": after})
    assert evaluate("contains(text, part) && startsWith(text, before) && endsWith(text, after)", scope) is True
    assert evaluate("format('{0}{1}{2}', before, part, after) == text", scope) is True


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_of_fifteen_digits_survives_its_text(number: float) -> None:
    short = float(f"{number:.15g}")
    text = evaluate("format('{0}', x)", Scope({"x": short}))
    assert evaluate("x == text", Scope({"x": short, "text": text})) is True
