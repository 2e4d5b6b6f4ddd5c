"""The heartbeat: it goes on by itself, and what it finds out reaches whoever acts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from tagship.domain.lease import LeaseRecord, beat_every
from tagship.engine.heartbeat import Heartbeat
from tagship.errors import LeaseLost, ServiceFailed
from tests.fakes.clock import FakeClock
from tests.fakes.leases import FakeLeases

PERIOD = 0.005  # seconds


class Watched(FakeLeases):
    """`before` is called at each renewal: a test makes it fail, or stall."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        self.before()
        return super().renew(record, phase=phase, operations=operations)


def held(ttl: int = 120) -> tuple[Watched, LeaseRecord]:
    leases = Watched(FakeClock())
    return leases, leases.take("dev", holder="ada@laptop", run_url="", ttl=ttl)


@contextmanager
def beating(leases: FakeLeases, record: LeaseRecord) -> Iterator[Heartbeat]:
    heart = Heartbeat(leases, record, PERIOD)
    heart.start()
    try:
        yield heart
    finally:
        heart.stop()


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(PERIOD)


def trouble(heart: Heartbeat) -> bool:
    try:
        heart.check()
    except (LeaseLost, ServiceFailed):
        return True
    return False


def test_it_beats_without_anybody_polling_and_tells_the_phase_it_was_told() -> None:
    leases, record = held()
    with beating(leases, record) as heart:
        heart.renew("deploy: the hosts act", ["c-1"])
        heart.say("1 of 3 hosts have answered")
        until(lambda: leases.told.count(("1 of 3 hosts have answered", ("c-1",))) > 3)
    seen = leases.look("dev")
    assert seen is not None
    assert seen.record == heart.record


def test_it_stops_when_it_is_told_to_and_its_thread_ends() -> None:
    leases, record = held()
    with beating(leases, record):
        until(lambda: leases.told)
    told = len(leases.told)
    time.sleep(PERIOD * 10)
    assert len(leases.told) == told
    assert not [one for one in threading.enumerate() if one.name == "heartbeat of dev"]


def test_a_lost_lease_is_found_out_between_actions_and_stops_the_next_one() -> None:
    leases, record = held()
    with beating(leases, record) as heart:
        leases.take("dev", holder="eve@desk", run_url="", ttl=120, over=record.deployment_id, living=True)
        until(lambda: trouble(heart))
        with pytest.raises(LeaseLost):
            heart.check()
        with pytest.raises(LeaseLost):
            heart.renew("sending rollback")


def test_an_outage_is_borne_while_the_lease_lives_and_forgotten_when_it_is_over() -> None:
    leases, record = held(ttl=1)
    leases.before = down
    with beating(leases, record) as heart:
        time.sleep(0.5)
        heart.check()
        until(lambda: trouble(heart))
        with pytest.raises(ServiceFailed):
            heart.check()
        leases.before = lambda: None
        until(lambda: not trouble(heart))


def test_a_defect_is_not_swallowed() -> None:
    leases, record = held()

    def broken() -> None:
        raise ZeroDivisionError

    leases.before = broken
    with beating(leases, record) as heart, pytest.raises(ZeroDivisionError):
        until(lambda: trouble(heart))


def test_a_beat_that_hangs_does_not_keep_a_cancelled_job_from_ending() -> None:
    leases, record = held()
    hangs = threading.Event()
    leases.before = lambda: hangs.wait(5) and None
    heart = Heartbeat(leases, record, PERIOD)
    heart.start()
    time.sleep(PERIOD * 4)
    began = time.monotonic()
    heart.stop(within=0.05)
    assert time.monotonic() - began < 1
    hangs.set()


def down() -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")


def test_a_beat_comes_as_often_as_the_lease_needs_it_and_its_thread_keeps_no_program_alive() -> None:
    leases, record = held(ttl=30)
    heart = Heartbeat(leases, record)
    assert heart._period == beat_every(30) == 5
    assert heart._thread.daemon
    assert heart._thread.name == "heartbeat of dev"


def test_an_outage_after_a_beat_is_borne_for_as_long_as_that_beat_holds_the_lease() -> None:
    leases, record = held(ttl=1)
    with beating(leases, record) as heart:
        heart.renew("deploying")
        leases.before = down
        began = time.monotonic()
        until(lambda: trouble(heart))
    assert time.monotonic() - began > 0.9


def test_until_something_is_done_a_beat_tells_what_the_lease_told() -> None:
    leases, record = held()
    record = leases.renew(record, phase="resuming", operations=["c-1"])
    leases.told.clear()
    with beating(leases, record) as heart:
        until(lambda: leases.told)
        assert heart.record.phase == "resuming"
    assert leases.told[0] == ("resuming", ("c-1",))


def test_no_beat_is_written_once_it_was_told_to_stop_though_it_waited_for_its_turn() -> None:
    leases, record = held()
    heart = Heartbeat(leases, record, PERIOD)
    heart.start()
    with heart._writing:
        time.sleep(PERIOD * 10)
        heart._stopped.set()
        told = len(leases.told)
    heart.stop()
    assert len(leases.told) == told
