"""The verdict on an app's answers: in a row, 2xx alone, as that version alone."""

from __future__ import annotations

import pytest

from tagship.domain.health import Accepted, Sample, Verdict, verdict, waits

V = "0.1.30-dev"
GOOD, BAD = Sample(200, V), Sample(500, V)


def judged(*samples: Sample, passes: int = 2) -> tuple[bool, int, str]:
    found = verdict(samples, expected=V, passes=passes)
    return found.healthy, found.attempts, found.reason


def test_as_many_good_answers_in_a_row_as_it_takes_are_healthy() -> None:
    assert judged(GOOD, GOOD, BAD) == (True, 2, "")
    assert judged(BAD, GOOD, GOOD) == (True, 3, "")
    assert judged(GOOD, passes=1) == (True, 1, "")


def test_a_bad_answer_begins_the_row_anew() -> None:
    assert judged(GOOD, BAD, GOOD) == (False, 3, "it answered 500")
    assert judged(GOOD, BAD, GOOD, BAD, GOOD) == (False, 5, "it answered 500")
    assert judged(GOOD, GOOD, BAD, GOOD, passes=3) == (False, 4, "it answered 500")
    assert judged(GOOD, BAD, GOOD, GOOD) == (True, 4, "")


@pytest.mark.parametrize("status", [200, 204, 299])
def test_2xx_is_good(status: int) -> None:
    assert judged(Sample(status, V), passes=1) == (True, 1, "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_good_and_the_reason_names_the_setting(status: int) -> None:
    reason = f"it answered {status}, a redirect: have health.path name where it leads"
    assert judged(Sample(status, V), passes=1) == (False, 1, reason)


@pytest.mark.parametrize("status", [100, 199, 300, 304, 399, 400, 404, 500, 503])
def test_nothing_else_is_whatever_version_it_names(status: int) -> None:
    assert judged(Sample(status, V), passes=1) == (False, 1, f"it answered {status}")


def test_another_version_or_none_is_not_healthy() -> None:
    assert judged(Sample(200, "0.1.29-dev"), passes=1) == (False, 1, f"it answered as 0.1.29-dev, not as {V}")
    assert judged(Sample(200), passes=1) == (False, 1, f"it answered as no version, not as {V}")


def test_the_version_that_answered_instead_is_known_and_a_bad_answers_is_none() -> None:
    assert verdict([Sample(200, "0.1.29-dev")], expected=V, passes=1).other == "0.1.29-dev"
    assert verdict([Sample(200, "0.1.29-dev"), Sample(503, "0.1.29-dev")], expected=V, passes=1).other == ""


def test_no_answer_is_told_by_what_was_wrong() -> None:
    assert judged(Sample(0, problem="refused"), passes=1) == (False, 1, "refused")
    assert judged(Sample(0), passes=1) == (False, 1, "it never answered")


def test_of_what_was_never_asked_nothing_is_known() -> None:
    assert verdict([], expected=V, passes=1) == Verdict(False, 0, "it never answered", "")


def test_no_wait_follows_the_last_attempt_and_none_is_longer_than_the_cap() -> None:
    assert waits(1) == []
    assert waits(5, cap=4) == [1, 2, 4, 4]
    assert sum(waits(15)) == 543


# -- what the settings accept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "status", "good"),
    [(["204"], 204, True), (["204"], 200, False), (["200-299", "401"], 401, True), (["200-299", "300-399"], 302, True)],
)
def test_the_statuses_of_the_settings_are_good_and_no_others(codes: list[str], status: int, good: bool) -> None:
    accepted = Accepted(codes, names_version=False)
    assert verdict([Sample(status)], expected=V, passes=1, accepted=accepted).healthy is good


def test_an_answer_that_names_no_version_is_good_only_if_the_settings_say_that_none_does() -> None:
    assert not verdict([Sample(200)], expected=V, passes=1).healthy
    assert verdict([Sample(200)], expected=V, passes=1, accepted=Accepted(names_version=False)).healthy
