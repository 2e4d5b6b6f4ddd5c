"""Marks: what a person says of a version, as bytes and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.mark import Mark

MADE = Mark(
    "20261120-130000-990000-bbbbbb", "bad", "2026-11-20T13:00:00+00:00", "hello", "dev", "0.1.30-dev", "ada", "", "…"
)


def test_a_mark_comes_back_from_its_bytes() -> None:
    assert Mark.from_json(MADE.to_json()) == MADE


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_that_are_no_mark_are_none(raw: bytes) -> None:
    assert Mark.from_json(raw) is None


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"verdict": "so-so"}, {"at": "noon"}, {"at": "2026-11-20T13:00:00"}, {"id": 5}, {"who": None}],
)
def test_a_later_schema_an_unknown_verdict_and_what_is_of_the_wrong_kind_are_none(change: dict[str, object]) -> None:
    assert Mark.from_json(replace(MADE, **change).to_json()) is None  # type: ignore[arg-type]
