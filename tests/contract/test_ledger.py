"""What a Ledger does, asked of the fake and of the adapter over both stores; then what only a store can get wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tagship.adapters.ledger import StoredLedger
from tagship.adapters.s3 import S3Store
from tagship.domain.deployment import Entry
from tagship.ports import Conflict, Ledger, Object, Store
from tests.contract import strict_aws
from tests.fakes.ledger import FakeLedger
from tests.fakes.store import MemoryStore

numbers = itertools.count(1)


def memory() -> StoredLedger:
    return StoredLedger(MemoryStore(), "hello")


def s3_store() -> S3Store:
    return S3Store(strict_aws.aws(), strict_aws.bucket(f"ledger-{next(numbers)}"))


def s3() -> StoredLedger:
    return StoredLedger(s3_store(), "hello")


@pytest.fixture(params=[FakeLedger, memory, s3], ids=["fake", "memory", "s3"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    make: Callable[[], Ledger] = request.param
    return make()


def entry(deployment: str = "20261120-120000-000000-aaaaaa", number: int = 1, state: str = "requested") -> Entry:
    at = f"2026-11-20T12:00:{number:02d}.000+00:00"
    return Entry(deployment, number, state, at, "hello", "dev", "deploy", "0.1.30-dev", "ada@laptop", "")


def test_a_deployment_is_what_its_entries_say_in_order(ledger: Ledger) -> None:
    for number, state in enumerate(("requested", "started", "healthy"), start=1):
        ledger.append(entry(number=number, state=state))
    [found] = ledger.deployments("dev")
    assert [one.state for one in found.entries] == ["requested", "started", "healthy"]
    assert (found.state, found.seconds) == ("healthy", 2.0)


def test_deployments_come_oldest_first_and_a_limit_keeps_the_latest(ledger: Ledger) -> None:
    ids = [f"20261120-12000{n}-000000-aaaaaa" for n in range(5)]
    for one in reversed(ids):
        ledger.append(entry(one))
    assert [one.id for one in ledger.deployments("dev")] == ids
    assert [one.id for one in ledger.deployments("dev", 2)] == ids[-2:]


def test_environments_are_apart(ledger: Ledger) -> None:
    ledger.append(entry())
    assert ledger.deployments("prod") == []


def test_the_same_entry_twice_is_one(ledger: Ledger) -> None:
    ledger.append(entry())
    ledger.append(entry())
    [found] = ledger.deployments("dev")
    assert len(found.entries) == 1


def test_two_writers_of_one_number_both_keep_their_word(ledger: Ledger) -> None:
    ledger.append(entry(number=3, state="abandoned"))
    ledger.append(replace(entry(number=3, state="abandoned"), who="eve@desk"))
    [found] = ledger.deployments("dev")
    assert {(one.number, one.who) for one in found.entries} == {(3, "ada@laptop"), (4, "eve@desk")}


def test_details_come_back_as_they_were(ledger: Ledger) -> None:
    details = {"hosts": [{"host": "i-1", "serving": "0.1.30-dev"}], "seconds": 1.5}
    ledger.append(replace(entry(), details=details))
    [found] = ledger.deployments("dev")
    assert found.last.details == details


# -- what is stored ----------------------------------------------------------------------------------------------------


def test_an_entrys_key_sorts_by_time_and_names_its_state() -> None:
    store = MemoryStore()
    StoredLedger(store, "hello").append(entry())
    assert list(store.objects) == ["hello/_ledger/dev/20261120-120000-000000-aaaaaa/1-requested.json"]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"schema": 2, "state": "healthy"}',
        b'{"schema": 1, "state": "thriving"}',
        b"\xff\xfe",
    ],
)
def test_entries_that_cannot_be_read_are_named_and_skipped_never_deleted(body: bytes) -> None:
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")
    ledger.append(entry())
    key = "hello/_ledger/dev/20261120-120000-000000-aaaaaa/2-started.json"
    store.create(key, body)
    [found] = ledger.deployments("dev")
    assert found.state == "requested"
    assert list(ledger.unreadable("dev")) == [key]
    assert key in store.objects


def test_an_entry_under_another_key_than_its_own_is_not_believed() -> None:
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")
    store.create("hello/_ledger/dev/20261120-120000-000000-aaaaaa/2-healthy.json", entry().to_json())
    assert ledger.deployments("dev") == []
    assert len(ledger.unreadable("dev")) == 1


def test_a_limit_fetches_only_the_bodies_of_the_latest() -> None:
    store = Counting()
    ledger = StoredLedger(store, "hello")
    for n in range(30):
        ledger.append(entry(f"20261120-1200{n:02d}-000000-aaaaaa"))
    store.read.clear()
    assert len(ledger.deployments("dev", 3)) == 3
    assert len(store.read) == 3


def test_a_put_that_succeeded_and_whose_answer_was_lost_is_recognised() -> None:
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")

    def lost(_verb: str, key: str) -> None:
        store.after = lambda _verb, _key: None
        raise Conflict(key)

    store.after = lost
    ledger.append(entry())
    [found] = ledger.deployments("dev")
    assert len(found.entries) == 1


@pytest.mark.parametrize("make", [MemoryStore, s3_store])
def test_writers_at_the_same_time_lose_nothing(make: Callable[[], Store]) -> None:
    store = make()

    def write(number: int) -> None:
        ledger = StoredLedger(store, "hello")
        for _ in range(5):
            ledger.append(replace(entry(number=1, state="abandoned"), who=f"writer-{number}-{next(numbers)}"))

    with ThreadPoolExecutor(3) as writers:
        list(writers.map(write, range(3)))
    [found] = StoredLedger(store, "hello").deployments("dev")
    assert len(found.entries) == len({one.who for one in found.entries}) == 15


class Counting(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, key: str) -> Object | None:
        self.read.append(key)
        return super().get(key)
