"""Functions and files stay as short as the house says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.house.sizes import MEDIAN, P90, sizes
from tests.unit.house.source import TOP, House, house

HOUSE = sizes(House(TOP))


def test_functions_are_short() -> None:
    assert HOUSE.median <= MEDIAN
    assert HOUSE.p90 <= P90


def test_no_file_is_long() -> None:
    assert not HOUSE.long_files


def test_a_long_function_and_a_long_file_are_measured(tmp_path: Path) -> None:
    long = "def f():\n" + "    a = 1\n" * 300
    found = sizes(house(tmp_path, {"engine/run.py": long, "engine/plan.py": "def g():\n    return 1\n"}))
    assert sorted(found.functions.values()) == [2, 301]
    assert found.long_files == {"engine/run.py": 301}


HAS_TESTS = re.compile(r"^ *def test_|^Test\w+ = ", re.MULTILINE)  # a machine of hypothesis is a class


def test_every_file_of_tests_has_some() -> None:
    files = (TOP / "tests").rglob("test_*.py")
    assert not [file for file in files if not HAS_TESTS.search(file.read_text("utf-8"))]


@pytest.mark.parametrize(("text", "has"), [("TOP = 1\n", False), ("def test_a() -> None: ...\n", True)])
def test_a_file_that_has_lost_its_tests_is_seen(text: str, has: bool) -> None:
    assert bool(HAS_TESTS.search(text)) is has
