"""The lease's decisions: held, expired, taken, renewed, released."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.lease import (
    LeaseHeld,
    LeaseRecord,
    LeaseUnreadable,
    Seen,
    beat_every,
    let_go,
    released,
    renewed,
    same,
    taken,
)
from tagship.errors import ServiceFailed

WRITTEN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
RECORD = LeaseRecord("dev", 7, "ada@laptop", "d-1", "", "deploying", ("c-1",), 60, "2026-11-20T12:00:00+00:00")


def seen(record: LeaseRecord, seconds: float) -> Seen:
    return Seen(record, '"etag"', WRITTEN, WRITTEN + timedelta(seconds=seconds))


@pytest.mark.parametrize(("seconds", "held"), [(-5, True), (0, True), (59.9, True), (60, False), (3600, False)])
def test_a_lease_is_held_until_its_time_is_over_by_the_stores_clock(seconds: float, held: bool) -> None:
    found = seen(RECORD, seconds)
    assert (found.held, found.expired) == (held, not held)


def test_a_free_lease_is_neither_held_nor_expired() -> None:
    found = seen(released(RECORD), 10_000)
    assert (found.held, found.expired) == (False, False)


def test_taking_raises_the_fence_by_one() -> None:
    record = taken(seen(RECORD, 61), environment="dev", holder="eve", deployment_id="d-2", run_url="", ttl=60)
    assert (record.fence, record.holder, record.operations, record.phase) == (8, "eve", (), "getting ready")
    assert record.taking == ""


def test_a_taking_says_who_has_it_for_what_and_since_when_by_utc(in_tokyo: None) -> None:
    east = replace(seen(RECORD, 61), now=datetime(2026, 11, 20, 14, 1, 1, 5000, tzinfo=timezone(timedelta(hours=2))))
    record = taken(
        east, environment="qa", holder="eve", deployment_id="d-2", run_url="https://ci/1", ttl=90, taking="word"
    )
    at = "2026-11-20T12:01:01+00:00"
    assert record == LeaseRecord("qa", 8, "eve", "d-2", "https://ci/1", "getting ready", (), 90, at, 0, "word")


def test_the_number_in_an_id_is_the_fence_also_beyond_what_a_second_has() -> None:
    high = seen(replace(RECORD, fence=2_000_006), 61)
    record = taken(high, environment="dev", holder="eve", deployment_id="", run_url="", ttl=60, above=2_000_000)
    assert record.fence == 2_000_007
    assert record.deployment_id.startswith("20261120-120101-000007-")


def test_the_fence_goes_above_what_is_known_from_elsewhere() -> None:
    """The object was deleted by hand, or the environment joined another group: hosts have heard of higher numbers."""
    none = seen(LeaseRecord("dev", 0), 0)
    wanted = {"environment": "dev", "holder": "eve", "deployment_id": "d", "run_url": "", "ttl": 60}
    assert taken(none, **wanted).fence == 1
    assert taken(none, **wanted, above=57).fence == 58
    assert taken(seen(RECORD, 61), **wanted, above=3).fence == 8


def test_ids_sort_as_the_lease_was_held_by_the_stores_clock() -> None:
    """Three takings: two within one second of the store's, then one in the next."""
    ids, record = [], released(RECORD)
    for seconds in (0, 0, 1):
        record = taken(seen(record, seconds), environment="dev", holder="eve", deployment_id="", run_url="", ttl=60)
        ids.append(record.deployment_id)
    assert ids == sorted(ids)
    assert ids[0].startswith("20261120-120000-000008-")


@pytest.mark.parametrize(
    ("over", "living", "seconds", "gives_way"),
    [
        ("", False, 10_000, False),
        ("d-1", False, 59, False),
        ("d-1", False, 61, True),
        ("d-1", True, 0, True),
        ("d-9", True, 10_000, False),
    ],
)
def test_a_lease_gives_way_only_to_who_names_its_deployment(
    over: str, living: bool, seconds: float, gives_way: bool
) -> None:
    assert seen(RECORD, seconds).gives_way(over, living) is gives_way
    assert seen(released(RECORD), seconds).gives_way("", False)


@pytest.mark.parametrize(("ttl", "every"), [(10, 10 / 6), (60, 10), (120, 10), (3600, 10)])
def test_a_holder_learns_within_ten_seconds_that_it_was_fenced_off(ttl: int, every: float) -> None:
    assert beat_every(ttl) == every


def test_releasing_keeps_the_fence_and_forgets_the_holder() -> None:
    record = released(RECORD)
    assert (record.fence, record.holder, record.deployment_id, record.operations) == (7, "", "", ())


def test_releasing_keeps_the_environment_and_its_time_to_live() -> None:
    assert released(RECORD) == LeaseRecord("dev", 7, ttl=60)


def test_renewing_changes_the_phase_and_the_operations_alone() -> None:
    record = renewed(RECORD, phase="draining", operations=["c-2", "c-3"])
    assert record == replace(RECORD, phase="draining", operations=("c-2", "c-3"), beats=1)
    assert renewed(record, phase="draining", operations=()).beats == 2


def test_let_go_it_has_expired_at_once_and_is_its_holders_still() -> None:
    record = let_go(RECORD)
    assert record == replace(RECORD, phase="interrupted: deploying", ttl=0)
    assert seen(record, 0).expired


@pytest.mark.parametrize("other", [{"deployment_id": "d-2"}, {"fence": 8}, {"taking": "another"}])
def test_two_records_are_of_one_taking_whatever_their_phases(other: dict[str, str]) -> None:
    assert same(RECORD, replace(RECORD, phase="draining", beats=9))
    assert not same(RECORD, replace(RECORD, **other))


def test_an_error_of_a_lease_that_is_held_carries_what_was_read() -> None:
    found = seen(RECORD, 5)
    error = LeaseHeld(found, "dev is deployed to.", remedy="Wait.")
    assert (error.seen, error.what, error.remedy) == (found, "dev is deployed to.", "Wait.")


LATER = RECORD.to_json().replace(b'"schema": 1', b'"schema": 2')


def test_a_lease_that_is_damaged_says_why_and_how_it_is_written_again() -> None:
    error = LeaseUnreadable("dev", "half of it", RECORD.to_json()[:-9])
    assert (error.what, error.why) == ("The lease of dev cannot be read (half of it).", "half of it")
    assert error.state == "The holder of dev is unknown. Nothing was changed."
    assert error.id == f"damaged-{hashlib.sha256(RECORD.to_json()[:-9]).hexdigest()[:12]}"
    assert error.remedy == f"If nobody deploys to dev, write it again: inv unlock --env dev --id {error.id}"


@pytest.mark.parametrize(
    ("raw", "fence"),
    [(b'{"fence": 17, "ho', 17), (b'"fence":999999999,', 999_999_999), (b'"fence": 1000000000,', 0), (b"", 0)],
)
def test_the_fence_is_read_of_a_damaged_lease_if_it_is_still_there(raw: bytes, fence: int) -> None:
    assert LeaseUnreadable("dev", "damaged", raw).fence == fence


def test_a_record_of_a_later_schema_is_no_damage() -> None:
    with pytest.raises(LeaseUnreadable) as raised:
        LeaseRecord.from_json(LATER)
    assert raised.value.what == "The lease of it cannot be read (schema 2)."
    assert (raised.value.id, raised.value.fence) == ("", 7)
    assert raised.value.remedy == "A later tagship wrote it; use that one: pip install --upgrade tagship"


def test_a_deployment_that_began_at_no_time_is_damage_and_what_has_another_id_is_none() -> None:
    odd = replace(RECORD, deployment_id="99999999-999999-000000-abcdef")
    with pytest.raises(LeaseUnreadable, match="does not match format") as raised:
        LeaseRecord.from_json(odd.to_json())
    assert raised.value.id
    by_hand = replace(RECORD, deployment_id="by hand")
    assert LeaseRecord.from_json(by_hand.to_json()) == by_hand


@pytest.mark.parametrize("raw", [RECORD.to_json(), LATER[:-9], b'{"schema": 0}', b'{"schema": "two"}'])
def test_what_is_not_whole_or_not_later_is_damage(raw: bytes) -> None:
    assert LeaseUnreadable("dev", "damaged", raw).id


@pytest.mark.parametrize("record", [LeaseRecord("dev", 0), RECORD])
def test_a_record_is_read_whether_it_was_ever_taken_or_not(record: LeaseRecord) -> None:
    assert LeaseRecord.from_json(record.to_json()) == record


def test_no_two_renewals_are_the_same_bytes() -> None:
    """S3's ETag hashes the bytes: a contender's condition must not hold after a renewal."""
    once = renewed(RECORD, phase="same", operations=())
    assert once.to_json() != renewed(once, phase="same", operations=()).to_json()


@given(st.integers(0, 10**9), st.text(max_size=30), st.lists(st.text(max_size=10)))
def test_a_record_comes_back_from_its_bytes(fence: int, phase: str, operations: list[str]) -> None:
    record = LeaseRecord("dev", fence, "ada", "d", "", phase, tuple(operations))
    assert LeaseRecord.from_json(record.to_json()) == record


DAMAGED = [
    RECORD.to_json().replace(one, other)
    for one, other in (
        (b'"ttl": 60', b'"ttl": "60"'),
        (b'"fence": 7', b'"fence": null'),
        (b'"2026-11-20T12:00:00+00:00"', b'"noon"'),
    )
]


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b'{"schema": 2}', b'{"schema": 1, "operations": []}', b"\xff", b"[" * 10**5, *DAMAGED],
)
def test_what_cannot_be_read_is_an_error_and_not_a_free_lease(raw: bytes) -> None:
    with pytest.raises(ServiceFailed):
        LeaseRecord.from_json(raw)
