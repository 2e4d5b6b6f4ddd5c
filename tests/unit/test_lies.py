"""docs/targets.md has a table of the lies that no kind believes: each row names a test, and each lie has its rows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<lie>.+?) \| (?P<kind>[^|]+?) \| \[[^]]+]\(\.\./(?P<file>[^)]+)\) `(?P<test>test_\w+)` \|$")
LIES = {  # a word of each -> the kinds that it concerns
    "breaker rolled back": {"ecs"},
    "nothing was restored": {"ecs", "asg"},
    "moved the alias": {"lambda", "lambda, by steps", "lambda, no alias"},
    "`:latest` was overwritten": {"ecs", "lambda"},
    "published nothing": {"lambda"},
    "weights were left": {"lambda", "lambda, by steps"},
    "lost or archived": {"ec2", "ecs", "lambda"},
    "rebuilt under the same tag": {"ec2", "ecs", "lambda"},
    "pointer was not restored": {"asg"},
    "taken for ours": {"ecs", "asg"},
}


def rows() -> list[re.Match[str]]:
    text = (TOP / "docs/targets.md").read_text("utf-8").partition("## The lies of the services")[2]
    lines = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    found = [ROW.match(line) for line in lines[1:]]  # the first is the heading
    assert None not in found, lines[1:][found.index(None)]
    return [row for row in found if row]


def names_in(file: str) -> set[str]:
    tree = ast.parse((TOP / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["test"])
def test_each_row_names_a_test_that_there_is(row: re.Match[str]) -> None:
    assert row["test"] in names_in(row["file"])


@pytest.mark.parametrize(("words", "kinds"), LIES.items(), ids=LIES)
def test_each_lie_has_a_test_for_each_kind_that_it_concerns(words: str, kinds: set[str]) -> None:
    assert {row["kind"] for row in rows() if words in row["lie"]} == kinds
