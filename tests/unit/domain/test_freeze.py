"""A freeze: what people may type for its end, and when it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.freeze import Freeze, Frozen, ends
from tagship.errors import ServiceFailed

NOW = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # a Friday
ONE = Freeze("prod", "2026-12-01T08:00:00+00:00", "the sale", "ada@laptop", "2026-11-20T17:30:00+00:00")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("8h", "2026-11-21T01:30"),
        ("30m", "2026-11-20T18:00"),
        ("90s", "2026-11-20T17:31:30"),
        ("2d", "2026-11-22T17:30"),
        ("2026-12-01T08:00Z", "2026-12-01T08:00"),
        ("2026-12-01t08:00z", "2026-12-01T08:00"),
        ("2026-12-01T08:00+02:00", "2026-12-01T06:00"),
        ("2026-12-01 08:00", "2026-12-01T08:00"),
        ("2026-12-01", "2026-12-01T00:00"),
        ("18:00", "2026-11-20T18:00"),
        ("17:30", "2026-11-21T17:30"),
        ("9:05", "2026-11-21T09:05"),
        ("friday 18:00", "2026-11-20T18:00"),
        ("Friday 17:00", "2026-11-27T17:00"),
        ("mon 08:00", "2026-11-23T08:00"),
        ("thursday 17:30", "2026-11-26T17:30"),
    ],
)
def test_an_end_may_be_typed_so(text: str, end: str) -> None:
    assert ends(text, NOW) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "8", "8 weeks", "someday 18:00", "friday", "25:00", "18:61", "2026-13-01", "-8h", "٨h"]
)
def test_what_says_no_end(text: str) -> None:
    assert ends(text, NOW) is None


def test_a_time_of_day_is_utc_whatever_the_clock_that_is_asked() -> None:
    elsewhere = NOW.astimezone(datetime.fromisoformat("2026-01-01T00:00+09:00").tzinfo)
    assert ends("18:00", elsewhere) == ends("18:00", NOW)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_end_or_none(text: str) -> None:
    end = ends(text, NOW)
    assert end is None or end.tzinfo is not None


@pytest.mark.parametrize(("seconds", "active"), [(-1, True), (0, False), (1, False)])
def test_a_freeze_holds_until_its_end_by_the_stores_clock(seconds: float, active: bool) -> None:
    end = datetime.fromisoformat(ONE.until)
    assert Frozen(ONE, "e", end + timedelta(seconds=seconds)).active is active


def test_it_says_who_until_when_and_why() -> None:
    assert Frozen(ONE, "e", NOW).summary == "prod is frozen until 2026-12-01 08:00 UTC by ada@laptop: the sale"


def test_a_freeze_comes_back_from_its_bytes() -> None:
    assert Freeze.from_json(ONE.to_json()) == ONE


ODD = ONE.to_json().replace(b'"the sale"', b"5")


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"schema": 2}', ONE.to_json().replace(b"+00:00", b""), ODD])
def test_a_freeze_that_cannot_be_read_is_not_taken_for_none(raw: bytes) -> None:
    with pytest.raises(ServiceFailed):
        Freeze.from_json(raw)
