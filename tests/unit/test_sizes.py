"""Functions and files stay as short as the house says."""

from __future__ import annotations

from pathlib import Path

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
