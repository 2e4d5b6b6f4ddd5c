"""What Leases do, asked of the fake and of the adapter over both stores; then the races that only a store can have."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.bucket.leases import StoredLeases
from tagship.domain.lease import LeaseHeld, LeaseRecord, LeaseUnreadable
from tagship.errors import Held, LeaseLost, Refused, ServiceFailed
from tagship.ports.bucket import Leases, Store
from tests.contract import strict_aws
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeases
from tests.fakes.store import MemoryStore

numbers = itertools.count(1)


@dataclass
class Place:
    """Somewhere to hold leases, and a way to let seconds pass there."""

    leases: Leases
    wait: Callable[[float], None]
    spoil: Callable[[bytes], None]


def fake() -> Place:
    clock = FakeClock()
    leases = FakeLeases(clock)
    return Place(leases, clock.advance, lambda raw: leases.damaged.update(dev=raw))


def memory() -> Place:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    return Place(StoredLeases(store, "hello"), clock.advance, lambda raw: spoilt(store, raw))


def s3_store() -> S3Store:
    return S3Store(strict_aws.aws(), strict_aws.bucket(f"leases-{next(numbers)}"))


def s3() -> Place:
    store = s3_store()
    return Place(StoredLeases(store, "hello"), time.sleep, lambda raw: spoilt(store, raw))


def spoilt(store: Store, raw: bytes) -> None:
    """Write these bytes in place of dev's lease."""
    key = "hello/_lease/dev.json"
    there = store.get(key)
    if there:
        store.replace(key, raw, there.etag)
    else:
        store.create(key, raw)


@pytest.fixture(params=[fake, memory, s3])
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[], Place] = request.param
    return make()


def test_a_damaged_lease_is_mended_once_by_the_name_of_its_damage_and_keeps_its_number(place: Place) -> None:
    place.spoil(b'{"environment": "dev", "fence": 41, "holder": "eve')
    with pytest.raises(LeaseUnreadable) as caught:
        place.leases.look("dev")
    with pytest.raises(Refused):
        place.leases.mend("dev", "damaged-000000000000")
    place.leases.mend("dev", caught.value.id)
    with pytest.raises(Refused):
        place.leases.mend("dev", caught.value.id)
    assert place.leases.take("dev", holder="ada", run_url="", ttl=60).fence == 42


def test_damage_that_has_become_another_is_not_mended(place: Place) -> None:
    place.spoil(b"one")
    with pytest.raises(LeaseUnreadable) as caught:
        place.leases.look("dev")
    place.spoil(b"another")
    with pytest.raises(Refused):
        place.leases.mend("dev", caught.value.id)


def take(leases: Leases, who: str = "ada@laptop", deployment: str = "", ttl: int = 120, **over: Any) -> LeaseRecord:
    url = "https://github.com/o/r/actions/runs/1"
    deployment = deployment or f"d-{next(numbers)}"
    return leases.take("dev", holder=who, deployment_id=deployment, run_url=url, ttl=ttl, **over)


def test_a_free_environment_is_taken(place: Place) -> None:
    assert place.leases.look("dev") is None
    record = take(place.leases)
    assert (record.fence, record.holder) == (1, "ada@laptop")
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.held
    assert seen.record == record


def test_a_held_one_is_refused_with_its_holder_and_the_unlock_command(place: Place) -> None:
    held = take(place.leases)
    with pytest.raises(Held) as caught:
        take(place.leases, "eve@desk")
    assert "ada@laptop" in caught.value.what
    assert f"inv unlock --env dev --id {held.deployment_id}" in caught.value.remedy


def test_two_processes_are_not_one_holder_of_a_deployment(place: Place) -> None:
    """Of two that resume a dead one, the second must not be let in because it is the same deployment."""
    take(place.leases, deployment="mine")
    with pytest.raises(Held):
        take(place.leases, deployment="mine")


def test_a_deployment_that_another_process_resumed_is_lost_to_the_first(place: Place) -> None:
    first = take(place.leases, deployment="mine")
    second = take(place.leases, "eve@desk", deployment="mine", over="mine", living=True)
    with pytest.raises(LeaseLost):
        place.leases.renew(first, phase="on")
    place.leases.release(first)
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.record == second


def test_a_deployment_without_an_id_is_given_one(place: Place) -> None:
    ids = []
    for _ in range(3):
        record = place.leases.take("dev", holder="ada@laptop", run_url="", ttl=120)
        ids.append(record.deployment_id)
        place.leases.release(record)
    assert ids == sorted(set(ids))


def test_a_living_holder_is_fenced_off_by_who_names_its_deployment(place: Place) -> None:
    mine = take(place.leases, deployment="mine")
    with pytest.raises(Held):
        take(place.leases, "eve@desk", over="another", living=True)
    with pytest.raises(Held):
        take(place.leases, "eve@desk", over="mine")
    theirs = take(place.leases, "eve@desk", over="mine", living=True)
    assert theirs.fence == mine.fence + 1
    with pytest.raises(LeaseLost):
        place.leases.renew(mine, phase="on")
    place.leases.release(mine)
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.record == theirs


def test_the_fence_goes_above_the_ledgers(place: Place) -> None:
    record = take(place.leases, above=41)
    assert record.fence == 42
    place.leases.release(record)
    assert take(place.leases, above=7).fence == 43


def test_released_it_is_free_and_the_fence_rises(place: Place) -> None:
    place.leases.release(take(place.leases))
    assert take(place.leases, "eve@desk").fence == 2


def test_let_go_it_has_expired_at_once_and_still_names_what_is_in_flight(place: Place) -> None:
    record = place.leases.renew(take(place.leases), phase="deploying", operations=["c-1"])
    place.leases.let_go(record)
    seen = place.leases.look("dev")
    assert seen is not None
    assert (seen.expired, seen.record.operations, seen.record.deployment_id) == (True, ("c-1",), record.deployment_id)
    with pytest.raises(LeaseHeld):
        take(place.leases, "eve@desk")
    assert take(place.leases, "eve@desk", over=record.deployment_id).fence == 2


def test_letting_go_of_a_lease_that_is_anothers_leaves_it_alone(place: Place) -> None:
    mine = take(place.leases)
    place.leases.release(mine)
    theirs = take(place.leases, "eve@desk")
    place.leases.let_go(mine)
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.record == theirs


def test_a_renewal_writes_phase_and_operations(place: Place) -> None:
    record = place.leases.renew(take(place.leases), phase="deploying", operations=["c-1", "c-2"])
    seen = place.leases.look("dev")
    assert seen is not None
    assert (seen.record.phase, seen.record.operations) == ("deploying", ("c-1", "c-2"))
    assert place.leases.renew(record, phase="deploying", operations=["c-1"]).fence == record.fence


def test_a_renewal_of_an_older_record_of_the_same_lease_is_still_ours(place: Place) -> None:
    first = take(place.leases)
    place.leases.renew(first, phase="one")
    assert place.leases.renew(first, phase="two").phase == "two"


def test_a_broken_lease_cannot_be_renewed_and_is_not_freed_for_the_next_holder(place: Place) -> None:
    mine = take(place.leases, deployment="mine")
    place.leases.break_("dev", "mine")
    theirs = take(place.leases, "eve@desk")
    with pytest.raises(LeaseLost) as caught:
        place.leases.renew(mine, phase="on")
    assert "eve@desk" in caught.value.what
    place.leases.release(mine)
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.record == theirs


def test_breaking_needs_the_right_deployment(place: Place) -> None:
    take(place.leases, deployment="mine")
    with pytest.raises(Refused):
        place.leases.break_("dev", "another")
    seen = place.leases.look("dev")
    assert seen is not None
    assert seen.held


def test_breaking_what_nobody_holds_is_refused(place: Place) -> None:
    with pytest.raises(Refused):
        place.leases.break_("dev", "mine")


def test_environments_do_not_wait_for_each_other(place: Place) -> None:
    take(place.leases)
    record = place.leases.take("prod", holder="eve", deployment_id="d", run_url="", ttl=120)
    assert record.environment == "prod"


# -- time: the store's own ---------------------------------------------------------------------------------------------


# S3 judges by its own clock, which a test cannot put forward: expiry there is waited for in real time by tests/faults.
@pytest.fixture(params=[fake, memory])
def timed(request: pytest.FixtureRequest) -> Place:
    make: Callable[[], Place] = request.param
    return make()


def test_an_expired_lease_is_taken_over_by_who_names_its_deployment_with_a_higher_fence(timed: Place) -> None:
    mine = take(timed.leases, ttl=60)
    timed.wait(61)
    with pytest.raises(Held):
        take(timed.leases, "eve@desk")
    theirs = take(timed.leases, "eve@desk", ttl=60, over=mine.deployment_id)
    assert theirs.fence == mine.fence + 1
    with pytest.raises(LeaseLost):
        timed.leases.renew(mine, phase="on")


def test_a_renewed_lease_lives_on(timed: Place) -> None:
    record = take(timed.leases, ttl=60)
    for _ in range(5):
        timed.wait(50)
        record = timed.leases.renew(record, phase="same")
    with pytest.raises(Held):
        take(timed.leases, "eve@desk")


def test_an_expired_lease_that_nobody_took_is_still_ones_own(timed: Place) -> None:
    record = take(timed.leases, ttl=60)
    timed.wait(1000)
    assert timed.leases.renew(record, phase="on").fence == record.fence


def test_since_when_is_the_stores_time(timed: Place) -> None:
    assert take(timed.leases).taken_at.startswith("2026-11-20T12:00:0")


# -- races -------------------------------------------------------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_recognised_by_reading_back() -> None:
    store = Forgetful(MemoryStore())
    leases = StoredLeases(store, "hello")
    store.lose = {2}  # the first write makes the object; the second takes the lease
    record = take(leases, deployment="mine")
    assert record.deployment_id == "mine"
    store.lose = {store.writes + 1}
    assert leases.renew(record, phase="on").phase == "on"
    store.lose = {store.writes + 1}
    leases.release(record)
    seen = leases.look("dev")
    assert seen is not None
    assert not seen.record.holder


def test_a_renewal_spoils_the_etag_that_a_contender_read() -> None:
    """S3's ETag hashes the bytes: a renewal with the same phase must not leave the contender's condition true."""
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    holder, contender = StoredLeases(store, "hello"), StoredLeases(store, "hello")
    record = holder.renew(take(holder, ttl=60), phase="same")
    clock.advance(61)

    def renew_meanwhile(verb: str, _: str) -> None:
        store.before = lambda _verb, _key: None
        assert verb == "replace"
        holder.renew(record, phase="same")

    store.before = renew_meanwhile
    with pytest.raises(Held):
        take(contender, "eve@desk", over=record.deployment_id)


def test_a_heartbeat_that_comes_in_between_does_not_keep_a_lease_from_being_given_back() -> None:
    store = MemoryStore()
    leases = StoredLeases(store, "hello")
    record = take(leases)

    def beat_meanwhile(verb: str, _: str) -> None:
        store.before = lambda _verb, _key: None
        leases.renew(record, phase="still on")

    store.before = beat_meanwhile
    leases.release(record)
    seen = leases.look("dev")
    assert seen is not None
    assert not seen.record.holder


def test_a_taking_whose_answers_were_all_lost_is_known_for_ones_own() -> None:
    """Not a conflict this time: the store did not answer at all, though it took the write."""
    store = MemoryStore()
    take_and_release(StoredLeases(store, "hello"))

    def away(verb: str, _: str) -> None:
        store.after = lambda _verb, _key: None
        raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")

    store.after = away
    assert take(StoredLeases(store, "hello"), deployment="mine").deployment_id == "mine"


def test_a_taking_that_is_interrupted_is_undone() -> None:
    store = MemoryStore()
    take_and_release(StoredLeases(store, "hello"))

    def interrupt(verb: str, _: str) -> None:
        store.after = lambda _verb, _key: None
        raise KeyboardInterrupt

    store.after = interrupt
    with pytest.raises(KeyboardInterrupt):
        take(StoredLeases(store, "hello"))
    seen = StoredLeases(store, "hello").look("dev")
    assert seen is not None
    assert not seen.record.holder


def take_and_release(leases: Leases) -> None:
    leases.release(take(leases))


def test_environments_of_a_group_have_one_lease_and_one_row_of_fencing_numbers() -> None:
    store = MemoryStore()
    groups = {"production": "production", "production-auto": "production", "dev": "dev"}
    leases = StoredLeases(store, "hello", groups.__getitem__)
    bot = leases.take("production-auto", holder="dependabot", run_url="", ttl=120)
    with pytest.raises(Held) as caught:
        leases.take("production", holder="ada@laptop", run_url="", ttl=120)
    assert "dependabot has held production-auto (and with it production, of the same lease group)" in caught.value.what
    assert leases.take("dev", holder="ada@laptop", run_url="", ttl=120).fence == 1
    leases.release(bot)
    assert leases.take("production", holder="ada@laptop", run_url="", ttl=120).fence == bot.fence + 1
    assert sorted(store.objects) == ["hello/_lease/dev.json", "hello/_lease/production.json"]


def test_a_lease_object_that_cannot_be_read_is_not_assumed_free() -> None:
    store = MemoryStore()
    store.create("hello/_lease/dev.json", b'{"schema": 99}')
    with pytest.raises(ServiceFailed):
        take(StoredLeases(store, "hello"))


@pytest.mark.parametrize("make", [MemoryStore, s3_store])
def test_of_many_that_start_at_once_one_holds_it(make: Callable[[], Store]) -> None:
    store, start = make(), threading.Barrier(8)

    def contend(number: int) -> LeaseRecord | None:
        start.wait()
        try:
            return take(StoredLeases(store, "hello"), f"runner-{number}")
        except Held:
            return None

    with ThreadPoolExecutor(8) as runners:
        holders = [one for one in runners.map(contend, range(8)) if one]
    assert len(holders) == 1


@pytest.mark.parametrize("make", [MemoryStore, s3_store])
def test_the_fence_only_rises_and_nobody_holds_beside_another(make: Callable[[], Store]) -> None:
    store, inside, fences = make(), threading.Lock(), []

    def work(number: int) -> None:
        leases = StoredLeases(store, "hello")
        for _ in range(5):
            try:
                record = take(leases, f"runner-{number}")
            except Held:
                continue
            assert inside.acquire(blocking=False), "two hold it"
            fences.append(record.fence)
            inside.release()
            leases.release(record)

    with ThreadPoolExecutor(6) as runners:
        list(runners.map(work, range(6)))
    assert fences == sorted(set(fences))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["take", "renew", "release", "wait"]), st.integers(0, 2))))
def test_whatever_the_order_of_events_holders_exclude_each_other(steps: list[tuple[str, int]]) -> None:
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    runners = [StoredLeases(store, "hello") for _ in range(3)]
    mine: dict[int, LeaseRecord] = {}
    fences = [0]
    for what, who in steps:
        if what == "wait":
            clock.advance(25)
        elif what == "take" and who not in mine:
            try:
                seen = runners[who].look("dev")
                dead = seen.record.deployment_id if seen else ""
                mine[who] = take(runners[who], f"runner-{who}", ttl=60, over=dead)
                fences.append(mine[who].fence)
            except Held:
                pass
        elif what == "renew" and who in mine:
            try:
                mine[who] = runners[who].renew(mine[who], phase="on")
            except LeaseLost:
                del mine[who]
        elif what == "release" and who in mine:
            runners[who].release(mine.pop(who))
        alive = [one for one in mine.values() if still_its(runners[0], one)]
        assert len(alive) <= 1
    assert fences == sorted(set(fences))


def still_its(leases: StoredLeases, record: LeaseRecord) -> bool:
    seen = leases.look("dev")
    return seen is not None and seen.record.deployment_id == record.deployment_id


class Forgetful:
    """A store whose n-th write succeeds and then looks as if it had lost: the answer was lost, the retry met a 412."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner
        self.lose: set[int] = set()
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return self._forget(method) if name in {"create", "replace"} else method

    def _forget(self, method: Callable[..., Any]) -> Callable[..., Any]:
        from tagship.ports.bucket import Conflict

        def write(*args: Any, **kwargs: Any) -> Any:
            self.writes += 1
            done = method(*args, **kwargs)
            if self.writes in self.lose:
                raise Conflict(args[0])
            return done

        return write
