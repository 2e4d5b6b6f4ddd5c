"""Segments of the ledger's index: copies that come back as they were, and where a listing may begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.deployment import Entry
from tagship.domain.segment import SIZE, Copy, Span, begin_after, full, needed, packed, unpacked


def copy(deployment: int, number: int = 1) -> Copy:
    one = Entry(
        f"{deployment:04d}", number, "requested", "2026-11-20T12:00:00+00:00", "hello", "dev", "deploy", "x", "a", ""
    )
    return Copy(f"hello/_ledger/dev/{deployment:04d}/{number}-requested.json", f'"{deployment}.{number}"', one)


def spans(count: int) -> list[Span]:
    return [Span(f"s{n}", f"{n * SIZE:04d}", f"{n * SIZE + SIZE - 1:04d}") for n in range(count)]


def test_copies_come_back_and_the_same_copies_are_the_same_bytes() -> None:
    copies = [copy(1), copy(1, 2), copy(2)]
    assert unpacked(packed(copies)) == copies
    assert packed(copies) == packed(copies)


@given(st.binary(max_size=80))
def test_bytes_that_are_no_segment_are_none(raw: bytes) -> None:
    assert unpacked(raw) is None


@given(st.integers(0, 200))
def test_a_segment_cut_off_anywhere_is_none(at: int) -> None:
    whole = packed([copy(n) for n in range(30)])
    assert unpacked(whole[: min(at, len(whole) - 1)]) is None


def test_a_key_names_the_range_it_holds() -> None:
    first, last, after = (f"20261120-12000{n}-000000-aaaaaa" for n in range(3))
    span = Span.read(f"hello/_ledger/dev/_index/{first}_{last}.json.gz")
    assert span == Span(f"hello/_ledger/dev/_index/{first}_{last}.json.gz", first, last)
    assert span.holds(first)
    assert span.holds(last)
    assert not span.holds(after)


ONE, TWO = "20261120-120001-000000-aaaaaa", "20261120-120002-000000-aaaaaa"


@pytest.mark.parametrize(
    "key",
    ["a/b", f"a/{ONE}.json.gz", f"a/{ONE}_.json.gz", f"a/{TWO}_{ONE}.json.gz", f"a/{ONE}_{TWO}.json", "a/a_z.json.gz"],
)
def test_what_is_no_range_is_none(key: str) -> None:
    assert Span.read(f"a/{ONE}_{TWO}.json.gz")
    assert Span.read(key) is None


@pytest.mark.parametrize(
    ("segments", "limit", "after"),
    [
        (0, 12, ""),
        (1, 12, ""),
        (2, 12, "0049"),
        (9, 12, "0399"),
        (9, 50, "0399"),
        (9, 51, "0349"),
        (3, 500, ""),
        (9, 0, ""),
    ],
)
def test_a_listing_begins_before_the_segments_that_hold_enough(segments: int, limit: int, after: str) -> None:
    assert begin_after(spans(segments), limit) == after


def test_only_segments_that_hold_what_is_wanted_are_needed() -> None:
    assert [one.key for one in needed(spans(4), ["0051", "0199"])] == ["s1", "s3"]
    assert needed(spans(4), []) == []
    assert needed(spans(4), ["9999"]) == []


def test_segments_are_full_and_the_rest_is_left_over() -> None:
    by_deployment = {f"{n:04d}": [copy(n)] for n in reversed(range(2 * SIZE + 7))}
    made = full(by_deployment)
    assert [(first, last) for first, last, _ in made] == [("0000", "0049"), ("0050", "0099")]
    assert [len(copies) for *_, copies in made] == [SIZE, SIZE]
