"""A clock that is off is named, where AWS blames the credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tagship.adapters.aws.skew import off

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANSWER = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}}}
REFUSED = ClientError(ANSWER, "HeadObject")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["denied", "unknown", "expired", "skewed"])
def test_an_hour_explains_a_refusal(kind: str) -> None:
    said = [off(REFUSED, kind, NOON + timedelta(minutes=minutes)) for minutes in (60, -60)]
    assert said == ["This machine's clock is 60 min ahead of AWS's", "This machine's clock is 60 min behind AWS's"]


@pytest.mark.parametrize(("kind", "minutes"), [("denied", 14), ("unknown", 4), ("throttled", 60), ("", 60)])
def test_minutes_do_not_and_other_failures_have_other_causes(kind: str, minutes: int) -> None:
    assert off(REFUSED, kind, NOON + timedelta(minutes=minutes)) == ""


def test_an_answer_without_a_date_says_nothing_of_the_clock() -> None:
    bare = ClientError({"Error": {"Code": "403"}}, "HeadObject")
    assert off(bare, "denied", NOON) == ""
