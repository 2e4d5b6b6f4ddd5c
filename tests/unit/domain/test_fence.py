"""Fencing numbers: what can have come of leases, and where they start again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.fence import GENERATION, LAST, LEAP, FenceReset, highest, is_plausible, next_start

RESET = FenceReset(
    "hello", "dev", GENERATION, "2026-11-20T12:00:00+00:00", "ada@laptop", "somebody wrote 999999999999998"
)


@pytest.mark.parametrize(
    ("fence", "known", "plausible"),
    [
        (1, 0, True),
        (41, 41, True),
        (7, 41, True),  # a lease that was deleted, or is of a younger group
        (41 + LEAP, 41, True),
        (42 + LEAP, 41, False),
        (999_999_999_999_998, 41, False),
        (-1, 41, False),
        (GENERATION, GENERATION - 1, False),  # only a reset leads there
        (GENERATION + 1, GENERATION, True),
        (12, GENERATION + 3, True),
    ],
)
def test_a_number_is_plausible_if_leases_can_have_led_to_it(fence: int, known: int, plausible: bool) -> None:
    assert is_plausible(fence, known) == plausible


def test_an_environment_that_lived_long_and_kept_its_last_entries_alone_goes_on() -> None:
    assert highest(range(812_000, 812_012)) == 812_011


def test_a_forged_number_is_not_the_highest() -> None:
    assert highest([39, 40, 41, 999_999_999_999_999, LEAP * 3]) == 41
    assert highest([39, GENERATION + 5]) == 39
    assert highest([39, GENERATION + 5], base=GENERATION) == GENERATION + 5


@given(st.lists(st.integers(0, 10**15), max_size=20), st.integers(0, LEAP))
def test_nothing_leaps(fences: list[int], known: int) -> None:
    """Whatever others wrote: each number up to the highest is at most LEAP above another one."""
    top = highest([*fences, known])
    assert known <= top < GENERATION
    below = sorted({0, *(fence for fence in fences if fence <= top), known})
    assert all(after - before <= LEAP for before, after in pairwise(below))


def test_numbers_start_again_in_a_range_that_nobody_has_used() -> None:
    assert next_start([41], 0) == GENERATION
    assert next_start([41, GENERATION + 7, 2 * GENERATION], 0) == 3 * GENERATION
    assert next_start([GENERATION + 41], GENERATION) == 2 * GENERATION


def test_an_environment_of_a_lease_group_joins_the_range_that_another_began() -> None:
    assert next_start([41, GENERATION + 7], 0, [GENERATION]) == GENERATION
    assert next_start([GENERATION + 7], GENERATION, [GENERATION]) == 2 * GENERATION


@given(st.lists(st.integers(0, 10**15), max_size=50), st.integers(0, 50))
def test_whoever_has_a_number_that_was_met_is_fenced_off_by_the_new_ones(known: list[int], base: int) -> None:
    start = next_start(known, base * GENERATION)
    assert start > base * GENERATION
    assert all(fence < start or not is_plausible(fence, start + LEAP) for fence in known)


def test_a_record_reads_back() -> None:
    assert FenceReset.of(RESET.as_data()) == RESET


@pytest.mark.parametrize(
    "odd",
    [{"fence": 12}, {"fence": LAST + GENERATION}, {"fence": "1"}, {"kind": "pointer"}, {"at": "noon"}, {"more": 1}],
    ids=str,
)
def test_what_is_no_reset_reads_as_none(odd: dict[str, object]) -> None:
    assert FenceReset.of({**RESET.as_data(), **odd}) is None
    assert FenceReset.of({}) is None


def test_a_reset_of_nothing_is_none() -> None:
    assert FenceReset.of(replace(RESET, fence=0).as_data()) is None
