"""A freeze: what people may type for its end, and when it holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.freeze import Freeze, FreezeUnreadable, Frozen, ends
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
        ("friday 17:30", "2026-11-27T17:30"),
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


def test_a_time_of_day_is_utc_whatever_the_clock_that_is_asked(in_tokyo: None) -> None:
    elsewhere = NOW.astimezone(datetime.fromisoformat("2026-01-01T00:00+09:00").tzinfo)
    assert ends("18:00", elsewhere) == ends("18:00", NOW) == NOW.replace(hour=18, minute=0)


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
    after = Frozen(ONE, "e", datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert after.summary == "prod was frozen until 2026-12-01 08:00 UTC by ada@laptop: the sale"


def test_as_data_it_is_the_record() -> None:
    assert Frozen(ONE, "e", NOW).as_data() == {
        "environment": "prod",
        "until": "2026-12-01T08:00:00+00:00",
        "reason": "the sale",
        "who": "ada@laptop",
        "at": "2026-11-20T17:30:00+00:00",
        "schema": 1,
    }


def test_a_freeze_comes_back_from_its_bytes() -> None:
    assert Freeze.from_json(ONE.to_json()) == ONE


ODD = ONE.to_json().replace(b'"the sale"', b"5")


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"schema": 2}', ONE.to_json().replace(b"+00:00", b""), ODD])
def test_a_freeze_that_cannot_be_read_is_not_taken_for_none(raw: bytes) -> None:
    with pytest.raises(ServiceFailed):
        Freeze.from_json(raw)


def test_one_that_cannot_be_read_says_why_and_how_it_is_written_again() -> None:
    error = FreezeUnreadable("prod", "schema 2")
    assert (error.what, error.why, error.etag) == ("The freeze of prod cannot be read (schema 2).", "schema 2", "")
    assert error.state == "Its end is unknown. It does not stop a rollback. Nothing was changed."
    assert error.remedy == (
        "Write it again: inv freeze --env prod --until 8h --reason 'the other could not be read'\n"
        "       If nobody needs it, end it then: inv thaw --env prod"
    )


def test_a_freeze_of_a_later_schema_says_which() -> None:
    with pytest.raises(FreezeUnreadable) as raised:
        Freeze.from_json(ONE.to_json().replace(b'"schema": 1', b'"schema": 2'))
    assert raised.value.what == "The freeze of it cannot be read (schema 2)."
