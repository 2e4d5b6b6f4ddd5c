"""Deployments: entries folded in order, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.deployment import (
    ENDED,
    NEXT,
    STATES,
    Deployment,
    Entry,
    begun,
    fenced,
    fold,
    new_id,
    serving,
    settled,
    unfinished,
)
from tagship.domain.mark import Mark
from tagship.domain.standing import bad_versions, marked_bad, rollback_candidates

ONE, TWO, THREE = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"


def entry(deployment: str, number: int, state: str, artifact: str = ONE, **changes: object) -> Entry:
    at = f"2026-11-20T12:{int(deployment):02d}:{number:02d}.000+00:00"
    made = Entry(deployment, number, state, at, "hello", "dev", "deploy", artifact, "ada@laptop", "")
    return replace(made, **changes)  # type: ignore[arg-type]


def story(*told: tuple[str, str, str, str]) -> list[Deployment]:
    """Deployments by (action, artifact, replaced, last state)."""
    entries = []
    for at, (action, artifact, replaced, state) in enumerate(told):
        for number, name in enumerate(("requested", "started", state), start=1):
            entries.append(entry(str(at), number, name, artifact, action=action, replaced=replaced))
    return fold(entries)


def test_ids_sort_by_time_wherever_they_are_made(in_tokyo: None) -> None:
    now = datetime(2026, 11, 20, 15, 53, 1, 123456, UTC)
    tokyo = (now + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=9)))
    assert new_id(now).startswith("20261120-155301-123456-")
    assert new_id(now) < new_id(tokyo)
    assert new_id(now) != new_id(now)


def test_an_entry_comes_back_from_its_bytes() -> None:
    host = {"unit": "i-1", "outcome": "healthy", "serving": ONE}
    one = replace(entry("1", 3, "healthy", details={"units": [host]}), deployment_id="20261120-120000-000001-aaaaaa")
    assert Entry.from_json(one.to_json()) == one


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_that_are_no_entry_are_none(raw: bytes) -> None:
    assert Entry.from_json(raw) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"state": "thriving"},
        {"at": "noon"},
        {"at": "2026-11-20T12:00:00"},
        {"fence": "7"},
        {"who": None},
        {"deployment_id": "zzz"},
        {"details": []},
        {"details": {"units": 5}},
        {"details": {"units": [{"unit": "i-1"}]}},
        {"details": {"units": ["i-1"]}},
        {"details": {"skipped": 3}},
        {"details": {"skipped": [3]}},
    ],
)
def test_a_later_schema_an_unknown_state_and_what_is_of_the_wrong_kind_are_none(change: dict[str, object]) -> None:
    good = replace(entry("1", 1, "started"), deployment_id=new_id(datetime.now(UTC)))
    assert Entry.from_json(good.to_json()) == good
    assert Entry.from_json(replace(good, **change).to_json()) is None  # type: ignore[arg-type]


def test_json_without_end_is_no_entry() -> None:
    assert Entry.from_json(b"[" * 10**5) is None


@given(st.permutations([entry(str(d), n, s) for d in range(3) for n, s in enumerate(STATES[:3], start=1)]))
def test_folding_does_not_care_in_which_order_entries_are_read(entries: list[Entry]) -> None:
    found = fold(entries)
    assert [one.id for one in found] == ["0", "1", "2"]
    assert all([e.number for e in one.entries] == [1, 2, 3] for one in found)


def test_a_deployment_tells_its_state_and_how_long_it_took() -> None:
    [one] = fold([entry("1", 1, "requested"), entry("1", 2, "started"), entry("1", 9, "healthy")])
    assert (one.state, one.ended, one.seconds, one.artifact_id) == ("healthy", True, 8.0, ONE)


def test_what_any_of_its_entries_says_holds_for_the_whole() -> None:
    plain, other = entry("1", 1, "requested"), entry("1", 2, "started")
    [one] = fold([plain, other])
    assert (one.unsigned, one.all_or_nothing, one.skipped, one.label) == (False, False, frozenset(), ONE)
    told = {"unsigned": True, "all_or_nothing": True, "skipped": ["i-1", "i-2"]}
    [one] = fold([replace(plain, details=told), replace(other, details={"skipped": ["i-3"]})])
    assert (one.unsigned, one.all_or_nothing, one.label) == (True, True, f"{ONE} (UNSIGNED)")
    assert one.skipped == {"i-1", "i-2", "i-3"}


def test_an_id_says_when_it_was_given_to_the_second_in_utc() -> None:
    assert begun("20261120-155301-123456-9f3a1c") == datetime(2026, 11, 20, 15, 53, 1, tzinfo=UTC)


def test_it_is_settled_once_the_latest_has_ended() -> None:
    first, second, third = (story(("deploy", ONE, "", state))[0] for state in ("healthy", "failed", "healthy"))
    assert settled([])
    assert settled([first])
    assert not settled([first, second])
    assert settled([first, second, third])
    assert unfinished([first, first, second]) == second


def test_every_state_is_reached_and_only_ends_have_no_next() -> None:
    reached = {following for states in NEXT.values() for following in states}
    assert reached == set(STATES)
    assert {"healthy", "partial", "rolled-back", "rollback-failed", "abandoned", "reset", "tested"} == ENDED


def test_what_serves_is_the_last_healthy_one() -> None:
    assert serving([]) == ""
    told = story(("deploy", ONE, "", "healthy"), ("deploy", TWO, ONE, "rolled-back"))
    assert serving(told) == ONE


def test_a_deployment_that_failed_marks_its_version_bad() -> None:
    told = story(("deploy", ONE, "", "healthy"), ("deploy", TWO, ONE, "rolled-back"))
    assert marked_bad(told) == {TWO}


def test_an_abandoned_deployment_says_nothing_of_its_version() -> None:
    assert marked_bad(story(("deploy", TWO, ONE, "abandoned"))) == set()


def test_going_back_marks_what_it_replaced_bad() -> None:
    told = story(("deploy", TWO, ONE, "healthy"), ("rollback", ONE, TWO, "healthy"))
    assert marked_bad(told) == {TWO}


def test_taking_a_rollback_back_marks_nothing_more_bad() -> None:
    told = story(("deploy", TWO, ONE, "healthy"), ("rollback", ONE, TWO, "healthy"), ("rollback", TWO, ONE, "healthy"))
    assert marked_bad(told) == {TWO}, "until somebody marks it good"


@pytest.mark.parametrize(
    ("states", "bad"),
    [
        (("requested",), set()),
        (("requested", "started"), {TWO}),
        (("requested", "started", "abandoned"), {TWO}),
        (("requested", "abandoned"), set()),
        (("requested", "started", "failed", "rolled-back"), {ONE}),
    ],
)
def test_a_rollback_whose_runner_died_has_said_what_it_was_to_leave_once_units_were_asked(
    states: Sequence[str], bad: set[str]
) -> None:
    entries = [entry("0", n, state, action="rollback", replaced=TWO) for n, state in enumerate(states, start=1)]
    assert marked_bad(fold(entries)) == bad
    if bad == {TWO}:
        why = f"ada@laptop began to roll back from it on 2026-11-20 12:00 UTC, to {ONE}"
        assert bad_versions(fold(entries))[TWO].why == why


def test_a_rollback_that_found_the_version_running_already_does_not_mark_it_bad() -> None:
    assert marked_bad(story(("rollback", ONE, ONE, "healthy"))) == set()


def test_leaving_an_untagged_build_marks_it_bad() -> None:
    build = "622d2103-20250820-124500"
    assert marked_bad(story(("deploy", build, ONE, "healthy"), ("rollback", ONE, build, "healthy"))) == {build}


def test_a_version_that_was_healthy_since_is_good_again() -> None:
    assert marked_bad(story(("deploy", TWO, ONE, "rolled-back"), ("deploy", TWO, ONE, "healthy"))) == set()


def test_candidates_are_the_healthy_ones_the_latest_first_without_what_runs_and_what_is_bad() -> None:
    told = story(
        ("deploy", ONE, "", "healthy"),
        ("deploy", TWO, ONE, "healthy"),
        ("deploy", "0.1.9-dev", TWO, "rolled-back"),
        ("deploy", ONE, TWO, "healthy"),
        ("deploy", THREE, ONE, "healthy"),
    )
    assert rollback_candidates(told, THREE) == [ONE, TWO]


def test_a_partial_deployment_is_what_runs_and_nothing_to_go_back_to() -> None:
    told = story(("deploy", ONE, "", "healthy"), ("deploy", TWO, ONE, "partial"))
    assert serving(told) == TWO
    assert marked_bad(told) == set()
    assert rollback_candidates(told, TWO) == [ONE]
    assert rollback_candidates([*told, *story(("deploy", THREE, TWO, "healthy"))], THREE) == [ONE]


def test_a_rollback_that_ends_partial_has_left_what_it_replaced() -> None:
    assert marked_bad(story(("deploy", TWO, "", "healthy"), ("rollback", ONE, TWO, "partial"))) == {TWO}


# -- what is bad, and until when ---------------------------------------------------------------------------------------


def mark(after: int, verdict: str, artifact: str = ONE) -> Mark:
    """A mark that was made after the deployment of that number began, and before the next one."""
    at = "2026-11-20T13:00:00+00:00"
    return Mark(f"{after}~", verdict, at, "hello", "dev", artifact, "eve@desk", "", "it is slow")


FAILED = ("deploy", TWO, ONE, "rolled-back")
HEALTHY = ("deploy", TWO, ONE, "healthy")
LEFT = ("rollback", ONE, TWO, "healthy")


@pytest.mark.parametrize(
    ("told", "marks", "how"),
    [
        ([HEALTHY], [], ""),
        ([FAILED], [], "failed"),
        ([FAILED, HEALTHY], [], ""),
        ([HEALTHY, LEFT], [], "left"),
        ([HEALTHY, LEFT, FAILED], [], "left"),
        ([HEALTHY, LEFT, HEALTHY], [], "left"),  # --allow-bad says nothing of the version
        ([HEALTHY, LEFT, HEALTHY], [mark(2, "good", TWO)], ""),
        ([HEALTHY], [mark(0, "bad", TWO)], "marked"),
        ([HEALTHY, HEALTHY], [mark(0, "bad", TWO)], "marked"),
        ([HEALTHY, LEFT], [mark(0, "bad", TWO)], "marked"),
        ([HEALTHY, LEFT], [mark(1, "good", TWO)], ""),
        ([FAILED], [mark(0, "good", TWO)], ""),
        ([FAILED, FAILED], [mark(0, "good", TWO)], "failed"),
        ([FAILED], [mark(0, "good", ONE)], "failed"),
        ([HEALTHY], [mark(0, "bad", TWO), mark(1, "good", TWO)], ""),
        ([HEALTHY, FAILED], [], ""),  # what serves, deployed again, failed for another reason
    ],
)
def test_the_latest_word_decides_and_a_mark_is_taken_back_by_a_mark_alone(
    told: list[tuple[str, str, str, str]], marks: list[Mark], how: str
) -> None:
    bad = bad_versions(story(*told), marks)
    assert (bad[TWO].how if TWO in bad else "") == how
    assert (TWO in marked_bad(story(*told), marks)) == bool(how)


def test_why_it_is_bad_says_who_when_and_what() -> None:
    assert bad_versions(story(LEFT))[TWO].why == f"ada@laptop rolled back from it on 2026-11-20 12:00 UTC, to {ONE}"
    assert bad_versions([], [mark(0, "bad")])[ONE].why == "eve@desk marked it bad on 2026-11-20 13:00 UTC: it is slow"
    assert bad_versions(story(FAILED))[TWO].why == "it failed on 2026-11-20 12:00 UTC"


def test_only_what_a_person_said_holds_a_deployment_up() -> None:
    assert not bad_versions(story(FAILED))[TWO].by_hand
    assert bad_versions(story(LEFT))[TWO].by_hand
    assert bad_versions([], [mark(0, "bad")])[ONE].by_hand


def test_one_that_failed_and_was_given_up_afterwards_has_failed() -> None:
    told = fold([entry("0", n, s, TWO) for n, s in enumerate(("requested", "started", "failed", "abandoned"), start=1)])
    assert marked_bad(told) == {TWO}


def test_a_rollback_to_a_later_untagged_build_goes_forward() -> None:
    earlier, later = "622d2103-20250820-124500", "ffffffff-20250820-124501"
    assert marked_bad(story(("rollback", later, earlier, "healthy"))) == set()
    assert marked_bad(story(("rollback", earlier, later, "healthy"))) == {later}


def test_a_marked_version_is_no_candidate() -> None:
    told = story(("deploy", ONE, "", "healthy"), ("deploy", TWO, ONE, "healthy"), ("deploy", THREE, TWO, "healthy"))
    assert rollback_candidates(told, THREE, [mark(2, "bad", TWO)]) == [ONE]


# -- what has not ended ------------------------------------------------------------------------------------------------


def test_only_the_latest_deployment_is_anybodys_to_end() -> None:
    told = fold([entry("0", 1, "requested"), entry("1", 1, "requested"), entry("1", 2, "started")])
    last = unfinished(told)
    assert last
    assert (last.id, last.state) == ("1", "started")
    assert unfinished([*told, *fold([entry("2", 1, "requested"), entry("2", 2, "abandoned")])]) is None
    assert unfinished([]) is None


def test_of_two_entries_of_one_number_the_higher_fence_had_the_right_to_it_whatever_the_clocks_say() -> None:
    began = entry("0", 1, "requested", fence=4)
    loser = entry("0", 2, "healthy", fence=4, at="2026-11-20T11:00:09+00:00")
    winner = entry("0", 2, "abandoned", fence=5, at="2026-11-20T12:00:08+00:00")
    [one] = fold([began, loser, winner])
    assert (one.state, list(one.void)) == ("abandoned", [loser])


def test_what_comes_after_an_end_is_void() -> None:
    """A runner that was thought dead wakes up, and says healthy: what it deployed was taken over long ago."""
    told = [entry("0", 1, "requested"), entry("0", 2, "started"), entry("0", 3, "abandoned", fence=5)]
    late = entry("0", 4, "healthy")
    [one] = fold([*told, late])
    assert (one.state, one.last, list(one.void)) == ("abandoned", told[-1], [late])
    assert serving([one]) == ""
    assert rollback_candidates([one], "") == []


def test_what_comes_after_an_end_is_void_under_the_same_fence_too() -> None:
    told = [entry("0", 1, "requested", fence=4), entry("0", 2, "abandoned", fence=4)]
    late = entry("0", 3, "healthy", fence=4)
    [one] = fold([*told, late])
    assert (one.state, list(one.entries), list(one.void)) == ("abandoned", told, [late])


def test_an_end_that_is_all_there_is_counts() -> None:
    [one] = fold([entry("0", 3, "healthy")])
    assert (one.state, list(one.void)) == ("healthy", [])


def test_what_a_runner_says_of_a_deployment_that_was_taken_up_is_void() -> None:
    told = [entry("0", 1, "requested", fence=4), entry("0", 2, "started", fence=5)]
    [one] = fold([*told, entry("0", 3, "healthy", fence=4)])
    assert (one.state, one.ended) == ("started", False)
    [one] = fold([*told, entry("0", 3, "healthy", fence=4), entry("0", 4, "failed", fence=5)])
    assert one.state == "failed"


def test_a_deployment_that_was_taken_up_has_the_higher_fence() -> None:
    told = fold([entry("0", 1, "requested", fence=4), entry("0", 2, "started", fence=7)])
    assert fenced(told) == 7
    assert fenced([]) == 0
