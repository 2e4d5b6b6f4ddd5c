"""One error tree: a code for each kind, and every code written down where a person looks for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tagship import errors
from tagship.errors import EXIT_CODES, TagshipError

TOP = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| ([^|]+?) \|", re.MULTILINE)


def kinds() -> list[type[TagshipError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TagshipError)]


def test_each_kind_of_error_has_a_code_of_its_own() -> None:
    codes = [one.exit_code for one in TagshipError.__subclasses__()]
    assert len(codes) == len(set(codes))


def test_a_special_case_exits_as_its_kind_does() -> None:
    for kind in TagshipError.__subclasses__():
        for special in kind.__subclasses__():
            assert special.exit_code == kind.exit_code


def test_every_code_is_documented_and_every_documented_code_is_used() -> None:
    used = {one.exit_code for one in TagshipError.__subclasses__()}
    assert used == set(EXIT_CODES) - {0, 1}  # 0 is no error; 1 is a defect, which is in no tree


def test_nothing_that_failed_exits_with_0() -> None:
    assert all(one.exit_code > 0 for one in TagshipError.__subclasses__())


@pytest.mark.parametrize("page", ["README.md", "docs/runbook.md"])
def test_a_page_lists_the_codes_as_they_are(page: str) -> None:
    assert {int(code): what for code, what in ROW.findall((TOP / page).read_text("utf-8"))} == EXIT_CODES


def test_an_error_says_what_is_wrong_how_things_are_and_what_to_do() -> None:
    problem = errors.Refused("It is late.", remedy="Go home: exit")
    assert (str(problem), problem.state, problem.remedy) == ("It is late.", "Nothing was changed.", "Go home: exit")


def test_no_error_is_raised_without_a_remedy() -> None:
    names = {one.__name__ for one in kinds()}
    bare = []
    for file in sorted((TOP / "tagship").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names):
                continue
            remedy = next((one.value for one in node.keywords if one.arg == "remedy"), None)
            told = remedy is not None or any(one.arg is None for one in node.keywords)
            if not told or (isinstance(remedy, ast.Constant) and not remedy.value):
                bare.append(f"{file.relative_to(TOP)}:{node.lineno}")
    assert not bare
