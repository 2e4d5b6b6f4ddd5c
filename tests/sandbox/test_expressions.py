"""GitHub's expressions: its own test data, what that data leaves out, and what no input may do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.sandbox.actions.expression_values import CaseSensitive
from tagship.sandbox.actions.expressions import ExpressionError, NotUnderstood, Scope, condition, evaluate, render

DATA = Path(__file__).parents[1] / "data/expressions"
FILES = sorted(path.name for path in DATA.glob("*.json"))
CASES = 820  # in all files
KINDS: dict[str, type | tuple[type, ...]] = {
    "Null": type(None),
    "Boolean": bool,
    "Number": (int, float),
    "String": str,
    "Array": list,
    "Object": dict,
}


def cases(file: str) -> Iterator[dict[str, Any]]:
    for group in json.loads((DATA / file).read_text("utf-8")).values():
        yield from group


def outcome(case: dict[str, Any]) -> Any:
    try:
        return evaluate(case["expr"], Scope(case.get("contexts", {})))
    except ExpressionError as error:
        return error


def is_right(case: dict[str, Any], got: Any) -> bool:
    """GitHub's own comparison: an error's kind and a part of its words, or a value and its kind."""
    if "err" in case:
        expected = case["err"]
        return isinstance(got, ExpressionError) and got.phase == expected["kind"] and expected["value"] in str(got)
    kind, value = case["result"]["kind"], case["result"]["value"]
    is_boolean = isinstance(got, bool)
    return isinstance(got, KINDS[kind]) and is_boolean == (kind == "Boolean") and bool(got == value)


@pytest.mark.parametrize("file", FILES)
def test_every_case_of_githubs_own_data_has_githubs_outcome(file: str) -> None:
    tried = [(case, outcome(case)) for case in cases(file)]
    wrong = [
        f"{case['expr']!r}: {got!r}, not {case.get('err', case.get('result'))}"
        for case, got in tried
        if not is_right(case, got)
    ]
    print(f"{file}: {len(tried) - len(wrong)} of {len(tried)} right")
    assert not wrong, "\n".join(wrong)


def test_no_case_of_the_data_is_lost() -> None:
    assert sum(1 for file in FILES for _ in cases(file)) == CASES


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # operators
        ("2 <= 2 && 2 >= 2", True),
        ("'A' <= 'a' && 'b' >= 'A'", True),
        ("null <= null", True),
        ("null < null", False),
        ("list >= list", True),
        ("list >= map", False),
        ("NaN <= NaN", False),
        ("1 < 2 == true", True),
        ("3 > 2 > 1", False),
        ("!true == false", True),
        ("!(true == true)", False),
        ("true || fromJSON('')", True),
        ("false && fromJSON('')", False),
        ("1 == true != false", True),
        ("(1 == 2) == false", True),
        ("9007199254740993 == 9007199254740992", True),
        # texts
        ("'\ufb01' == 'FI'", False),
        ("'\u1fb3' == '\u1fbc'", True),
        ("'\U00010428' == '\U00010400'", True),
        ("'\ue000' < '\U00010000'", False),
        ("'\u017f' == 's'", False),
        ("''''", "'"),
        ("'a''b''''c'", "a'b''c"),
        # numbers
        ("format('{0}', 1e15)", "1E+15"),
        ("format('{0}', 123456789012345)", "123456789012345"),
        ("format('{0}', 0.0001)", "0.0001"),
        ("format('{0}', 0.00001)", "1E-05"),
        ("' 0X1f ' == 31", False),
        ("'1_000' == 1000", False),
        ("'\u0661' == 1", False),
        ("'\u00a0 7\u2003' == 7", True),
        ("1e999 == Infinity", True),
        # indexes and filters
        ("list[1.9]", "b"),
        ("list['1']", "b"),
        ("toJSON(nested.*.x)", "[\n  1,\n  null\n]"),
        ("toJSON(nested.*.list.*)", '[\n  "p",\n  "q"\n]'),
        ("toJSON(nested.*.list[1])", '[\n  "q"\n]'),
        ("toJSON(nested.*['X'])", "[\n  1,\n  null\n]"),
        ("toJSON(nested.none.*)", "[]"),
        ("toJSON(list.*.*)", "[]"),
        ("list.*[0]", []),
        ("join(nested.*.name, '+')", "one+two"),
        ("map[list]", None),
        ("map[map.key]", "there"),
        ('fromJSON(\'{"a": {"B": 1}}\').A.b', 1),
        ("cased.A", "upper"),
        ("cased.b", None),
        ("contains(list, 'B')", True),
        ("contains(map, 'here')", False),
        ("contains(list, map)", False),
        ("contains('a', list)", False),
        ("contains(nested.*, nested.a)", True),
        # functions
        ("startsWith('ABC', 'ab')", True),
        ("startsWith('123', 12)", True),
        ("startsWith('x', null)", True),
        ("startsWith(list, 'a')", False),
        ("endsWith('x', list)", False),
        ("join(list)", "a,b"),
        ("join(list, ' - ')", "a - b"),
        ("join(list, map)", "a,b"),
        ("join(list, null)", "ab"),
        ("join('text', '-')", "text"),
        ("join(map)", ""),
        ("join(fromJSON('[]'), '-')", ""),
        ("join(fromJSON('[1, true, null, \"x\", [], {}]'))", "1,true,,x,Array,Object"),
        ("format('{1}', fromJSON(''), 'x')", "x"),
        ("format('{00}', 'x')", "x"),
        ("case(false, 1, true, 2, 3)", 2),
        ("case(false, fromJSON(''), 3)", 3),
        ("toJSON('a\"\\\u00e9\t\u0001\u2028')", '"a\\"\\\\\u00e9\\t\\u0001\\u2028"'),
        ("toJSON(null)", "null"),
        ("toJSON(true)", "true"),
        ("toJSON(-0)", "0"),
        ("toJSON(1.50)", "1.5"),
        ("toJSON(fromJSON('{}'))", "{}"),
        (
            'toJSON(fromJSON(\'{"a": [1, {}, []], "b": {"c": null}}\'))',
            '{\n  "a": [\n    1,\n    {},\n    []\n  ],\n  "b": {\n    "c": null\n  }\n}',
        ),
        ("fromJSON('1e2')", 100),
        ("FROMJSON(ToJson('x'))", "x"),
        (" \t\r\n\u00a0 ", None),
    ],
)
def test_an_expression_has_the_value_that_the_runner_gives_it(source: str, value: Any) -> None:
    contexts = {
        "list": ["a", "b"],
        "map": {"key": "other", "Other": "there"},
        "nested": {"a": {"x": 1, "name": "one", "list": ["p", "q"]}, "b": {"X": None, "name": "two"}, "c": "text"},
        "cased": CaseSensitive({"A": "upper", "B": "other"}),
    }
    assert evaluate(source, Scope(contexts)) == value


@pytest.mark.parametrize(
    ("source", "phase", "words"),
    [
        ("contains('a')", "parsing", "Too few parameters supplied: 'contains'. Located at position 1"),
        ("true && join(1, 2, 3)", "parsing", "Too many parameters supplied: 'join'. Located at position 9"),
        ("case(true, 1, false, 2)", "parsing", "Even number of parameters supplied"),
        ("case('x', 1, 2)", "evaluation", "case predicate must evaluate to a boolean value"),
        ("success(1)", "parsing", "Too many parameters supplied: 'success'"),
        ("format('a',)", "parsing", "Unexpected symbol: ')'. Located at position 12"),
        ("'abc'.x", "lexing", "Unexpected symbol: '.x'. Located at position 6"),
        ("'abc'[0]", "parsing", "Unexpected symbol: '['. Located at position 6"),
        ("join(1", "parsing", "Unexpected end of expression: '1'. Located at position 6"),
        ("a*b", "lexing", "Unexpected symbol: 'a*b'"),
        ("1 *", "parsing", "Unexpected symbol: '*'"),
        ("'\U0001f60a' == x", "parsing", "Unrecognized named-value: 'x'. Located at position 9"),
        ("format('{256}')", "evaluation", "The following format string is invalid: {256}"),
        ("format('{0:x}', 1)", "evaluation", "The following format string is invalid: {0:x}"),
        ("format('{1}', 1)", "evaluation", "references more arguments than were supplied: {1}"),
        ("fromJSON(' ')", "evaluation", "Error parsing JSON"),
        ("fromJSON('{')", "evaluation", "Error parsing JSON"),
        ("fromJSON('NaN')", "evaluation", "Error parsing JSON"),
        ("hashFiles('x')", "parsing", "Unrecognized function: 'hashFiles'"),
        ("'" + "x" * 20_999 + "'", "parsing", "Exceeded max expression length 21000"),
        ("(" * 60 + "1" + ")" * 60, "parsing", "Exceeded max expression depth 50"),
        ("(" * 20_000, "parsing", "Exceeded max expression depth 50"),
    ],
)
def test_what_github_refuses_is_refused_in_its_words(source: str, phase: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(source, Scope({}))
    assert (caught.value.phase, words in str(caught.value)) == (phase, True), caught.value


@pytest.mark.parametrize("source", ["'" + "x" * 20_998 + "'", "(" * 49 + "1" + ")" * 49, "1" + " == 1" * 4000])
def test_an_expression_at_the_limits_has_a_value(source: str) -> None:
    assert evaluate(source, Scope({}))


def test_a_result_may_not_outgrow_the_memory_that_github_gives_it() -> None:
    scope = Scope({"text": "x" * 100_000, "texts": ["x" * 80_000] * 6})
    assert len(evaluate("format('{0}{0}{0}{0}', text)", scope)) == 400_000
    assert evaluate("join(texts) == '' || contains(text, 'y')", scope) is False
    for greedy in (f"format('{'{0}' * 6000}', text)", "toJSON(list)", "format('{0}', join(texts)) == join(texts)"):
        with pytest.raises(ExpressionError, match="maximum allowed memory size"):
            evaluate(greedy, Scope(scope.contexts | {"list": ["x" * 80_000] * 7}))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("a ${{ x }} b ${{ format('}}{0}{{', x) }}", "a 1 b }1{"),
        ("${{ '}}' }}", "}}"),
        ("${{ x }}}", "1}"),
        ("$ {{ x }}", "$ {{ x }}"),
        ("list: ${{ list }}, map: ${{ map }}", "list: Array, map: Object"),
        ("${{ null }}", ""),
        ("", ""),
    ],
)
def test_text_is_rendered_around_its_expressions(text: str, rendered: str) -> None:
    assert render(text, Scope({"x": 1, "list": [1], "map": {}})) == rendered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a ${{ x", "is not closed"),
        ("${{ 'a }}", "is not closed"),
        ("a ${{ }} b", "An expression was expected"),
        ("${{ list }}", "A sequence was not expected"),
        ("${{ map }}", "A mapping was not expected"),
        ("${{ success() }}", "Unrecognized function: 'success'"),
        ("a ${{   y }}", "Located at position 1 within expression: y"),
    ],
)
def test_text_that_github_cannot_render_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotUnderstood, match=words.replace("(", r"\(").replace(")", r"\)")):
        render(text, Scope({"x": 1, "list": [1], "map": {}}))


@pytest.mark.parametrize(
    ("text", "state", "holds"),
    [
        ("Always()", "failure", True),
        ("${{ FAILURE ( ) }}", "failure", True),
        ("github.success", "failure", False),
        ("contains('success()', 'x') == false", "failure", False),
        ("NaN", "success", False),
        ("''", "success", False),
        ("github", "success", True),
    ],
)
def test_a_condition_asks_for_a_status_by_a_call_alone(text: str, state: str, holds: bool) -> None:
    assert condition(text, Scope({"github": {"success": True}}, state)) is holds


def test_a_value_nested_beyond_the_stack_is_an_error_and_not_a_crash() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(ExpressionError):
        evaluate("fromJSON(x)", Scope({"x": deep}))
    value: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        value = [value]
    with pytest.raises(ExpressionError, match="nested too deeply"):
        evaluate("toJSON(x)", Scope({"x": value}))


def test_a_value_that_no_context_has_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="cannot hold a PosixPath"):
        evaluate("x == 1", Scope({"x": Path("/")}))
