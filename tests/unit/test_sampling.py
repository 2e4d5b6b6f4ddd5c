"""A sample of the suite leaves out cases, and no test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.sampling import Sample, asked, leave_out


@dataclass(frozen=True)
class Item:
    nodeid: str


def made(**tests: int) -> list[Any]:
    return [
        Item(f"tests/x.py::{name}[{number}]" if count > 1 else f"tests/x.py::{name}")
        for name, count in tests.items()
        for number in range(count)
    ]


@pytest.mark.parametrize("step", [2, 3, 7])
def test_a_sample_has_every_test_and_a_part_of_its_cases(step: int) -> None:
    items = made(single=1, few=2, many=30)
    everything = list(items)
    left = leave_out(items, Sample(step))
    assert sorted(items + left, key=everything.index) == everything
    assert {item.nodeid.partition("[")[0].rpartition(":")[2] for item in items} == {"single", "few", "many"}
    assert 30 // step <= sum("many" in item.nodeid for item in items) <= 30 // step + 1


def test_a_sample_is_the_same_each_time_and_keeps_the_order() -> None:
    first, second = made(a=9, b=9), made(a=9, b=9)
    leave_out(first, Sample(3))
    leave_out(second, Sample(3))
    assert first == second == sorted(first, key=made(a=9, b=9).index)


def test_without_a_sample_nothing_is_left_out() -> None:
    items = made(a=3, b=1)
    assert leave_out(items, asked({})) == []
    assert items == made(a=3, b=1)
    assert str(asked({})) == "every case of each test"
    assert str(asked({"SAMPLE": "3", "EVERY": "2"})) == "a sample: one test of 2, one case of 3"


def test_a_part_of_the_tests_has_their_cases() -> None:
    items = made(a=4, b=1, c=2, d=1, e=3)
    leave_out(items, Sample(tests=2))
    assert items == made(a=4, c=2, e=3)


@pytest.mark.parametrize("name", ["SAMPLE", "EVERY"])
@pytest.mark.parametrize("text", ["0", "", "x", "-1", "1.5"])
def test_a_sample_that_is_no_number_is_refused(name: str, text: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"{name} is"):
        asked({name: text})
