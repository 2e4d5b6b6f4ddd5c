"""docs/security.md and the attacks hold each other: a row names a test that exists, and every attack has a row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs/security.md"
HEAD = ["foothold", "reach", "wall", "test"]
FOOTHOLD = re.compile(r"^- \*\*([^*]+)\*\*:", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def cells(line: str) -> list[str]:
    """A table row's cells; a \\| in a cell is text."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def rows(text: str) -> list[list[str]]:
    lines = [cells(line) for line in text.splitlines() if line.startswith("|")]
    return [row for row in lines if row != HEAD and set("".join(row)) != {"-"}]


def functions_of(path: Path) -> set[str]:
    """The tests of a file: functions at its top that pytest would collect."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def attacks(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("test_*.py")):
        yield from (f"{path.relative_to(folder.parents[1])}::{name}" for name in functions_of(path))


def faults(text: str, top: Path) -> list[str]:
    """What is wrong with a page: rows that name no test, nobody's foothold or nothing, attacks without a row."""
    named = {row[-1].strip("`") for row in rows(text)}
    wrong = [fault for row in rows(text) for fault in _faults_of(row, text, top)]
    return wrong + [f"no row: {attack}" for attack in attacks(top / "tests/attacks") if attack not in named]


def _faults_of(row: list[str], text: str, top: Path) -> Iterator[str]:
    if len(row) != len(HEAD) or not all(row):
        yield f"not four cells: {row}"
        return
    if row[0] not in FOOTHOLD.findall(text):
        yield f"no such foothold: {row[0]}"
    test = TEST.fullmatch(row[-1])
    if not test or not (top / test[1]).is_file() or test[2] not in functions_of(top / test[1]):
        yield f"no such test: {row[-1]}"


def test_every_row_names_a_test_that_exists_and_every_attack_has_a_row() -> None:
    assert faults(PAGE.read_text("utf-8"), TOP) == []


def test_no_two_rows_have_the_same_reach() -> None:
    reaches = [tuple(row[:2]) for row in rows(PAGE.read_text("utf-8"))]
    assert len(reaches) == len(set(reaches))


GOOD = "- **a fork**: …\n| foothold | reach | wall | test |\n|---|---|---|---|\n"
ROW = "| a fork | a \\| b | a wall | `tests/attacks/test_a.py::test_it` |\n"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "tests/attacks").mkdir(parents=True)
    (tmp_path / "tests/attacks/test_a.py").write_text("def test_it(): ...\ndef helper(): ...\n", "utf-8")
    return tmp_path


def test_a_row_with_its_test_is_right(top: Path) -> None:
    assert faults(GOOD + ROW, top) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (GOOD, "no row: tests/attacks/test_a.py::test_it"),
        (GOOD + ROW + ROW.replace("a fork", "a spoon"), "no such foothold: a spoon"),
        (GOOD + ROW + ROW.replace("test_it", "test_that"), "no such test: `tests/attacks/test_a.py::test_that`"),
        (GOOD + ROW + ROW.replace("test_it", "helper"), "no such test: `tests/attacks/test_a.py::helper`"),
        (GOOD + ROW + ROW.replace("test_a.py", "test_b.py"), "no such test: `tests/attacks/test_b.py::test_it`"),
        (GOOD + ROW + "| a fork | | a wall | `tests/attacks/test_a.py::test_it` |\n", "not four cells"),
        (GOOD + ROW + "| a fork | a wall | `tests/attacks/test_a.py::test_it` |\n", "not four cells"),
    ],
)
def test_a_page_that_is_wrong_is_noticed(top: Path, text: str, fault: str) -> None:
    assert any(line.startswith(fault) for line in faults(text, top))
