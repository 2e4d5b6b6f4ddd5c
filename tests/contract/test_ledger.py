"""What a Ledger does, asked of the fake and of the adapter over both stores; then what only a store can get wrong."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.bucket.ledger import StoredLedger
from tagship.domain.deployment import Entry
from tagship.domain.mark import Mark
from tagship.domain.segment import Copy, packed, unpacked
from tagship.errors import ServiceFailed
from tagship.ports.bucket import Conflict, Ledger, Object, Store
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


def entry(
    deployment: str = "20261120-120000-000000-aaaaaa",
    number: int = 1,
    state: str = "requested",
    who: str = "ada@laptop",
) -> Entry:
    at = f"2026-11-20T12:00:{number:02d}.000+00:00"
    return Entry(deployment, number, state, at, "hello", "dev", "deploy", "0.1.30-dev", who, "")


def test_what_was_tested_is_read_by_itself_and_is_no_deployment(ledger: Ledger) -> None:
    ids = [f"20261120-12000{number}-000000-aaaaaa" for number in range(4)]
    for deployment, state in zip(ids, ("healthy", "tested", "healthy", "tested"), strict=True):
        ledger.append(entry(deployment, state=state))
    assert [one.deployment_id for one in ledger.tests("dev")] == [ids[1], ids[3]]
    assert [one.id for one in ledger.deployments("dev")] == [ids[0], ids[2]]
    assert [one.id for one in ledger.deployments("dev", 1)] == [ids[2]]
    assert [one.id for one in ledger.deployments("dev", 2)] == [ids[0], ids[2]]
    assert not ledger.unreadable("dev")


@pytest.mark.parametrize("make", [memory, s3])
def test_the_entry_after_what_was_tested_names_it(make: Callable[[], StoredLedger]) -> None:
    ledger = make()
    ledger.append(entry("20261120-120000-000000-aaaaaa", state="healthy"))
    ledger.append(entry("20261120-120001-000000-aaaaaa", state="tested"))
    ledger.deployments("dev", 1)
    ledger.append(entry("20261120-120002-000000-aaaaaa", state="requested"))
    [last] = [raw for raw in ledger.stored("dev") if raw.name.endswith("requested.json")]
    assert list(last.before) == ["20261120-120001-000000-aaaaaa/1-tested.json"]


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
    assert {(one.number, one.who) for one in (*found.entries, *found.void)} == {(3, "ada@laptop"), (4, "eve@desk")}


def test_details_come_back_as_they_were(ledger: Ledger) -> None:
    details = {"units": [{"unit": "i-1", "outcome": "healthy", "serving": "0.1.30-dev"}], "seconds": 1.5}
    ledger.append(replace(entry(), details=details))
    [found] = ledger.deployments("dev")
    assert found.last.details == details


# -- what is stored ----------------------------------------------------------------------------------------------------


def test_an_entrys_key_sorts_by_time_and_names_its_state() -> None:
    store = MemoryStore()
    StoredLedger(store, "hello").append(entry())
    assert list(store.objects) == ["hello/_ledger/dev/20261120-120000-000000-aaaaaa/1-requested.json"]


@pytest.mark.parametrize("odd", ["{id}/1-requested.json", "stray-{id}.json", "zzz/{id}"])
def test_a_limit_counts_what_can_be_read_however_much_after_it_cannot(odd: str) -> None:
    """A row of a later tagship's deployments, or of strays, does not make an environment look as if nothing ran."""
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")
    ids = [f"20261120-1200{n:02}-000000-aaaaaa" for n in range(20)]
    for one in ids[:5]:
        ledger.append(entry(one))
    for one in ids[5:]:
        store.create(f"hello/_ledger/dev/{odd.format(id=one)}", b'{"schema": 2}')
    assert [one.id for one in ledger.deployments("dev", 3)] == ids[2:5]
    assert len(ledger.unreadable("dev")) == 15
    assert [one.id for one in ledger.deployments("dev", 50)] == ids[:5]


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


def test_an_entry_is_read_once_and_again_if_it_is_another_object() -> None:
    store = Counting()
    ledger = StoredLedger(store, "hello")
    for n in range(3):
        ledger.append(entry(f"20261120-1200{n:02d}-000000-aaaaaa"))
    first = ledger.deployments("dev")
    store.read.clear()
    assert ledger.deployments("dev") == first
    assert store.read == []
    altered = next(stored for stored in store.list("hello/_ledger/dev/") if "120001" in stored.key)
    store.replace(altered.key, replace(first[1].last, who="mallory@vm").to_json(), altered.etag)
    assert ledger.deployments("dev")[1].last.who == "mallory@vm"
    assert store.read == [altered.key]


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
    there = [one.who for one in (*found.entries, *found.void)]
    assert len(there) == len(set(there)) == 15


class Counting(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.listed: list[str] = []

    def list(self, prefix: str, delimiter: str = "", after: str = "") -> Iterator[Object]:
        for found in super().list(prefix, delimiter, after):
            self.listed.append(found.key)
            yield found

    def get(self, key: str) -> Object | None:
        self.read.append(key)
        return super().get(key)


# -- marks -------------------------------------------------------------------------------------------------------------


def a_mark(mark_id: str = "20261120-130000-000000-bbbbbb", **changes: str) -> Mark:
    made = Mark(mark_id, "bad", "2026-11-20T13:00:00+00:00", "hello", "dev", "0.1.30-dev", "ada@laptop", "", "slow")
    return replace(made, **changes)  # type: ignore[arg-type]


def test_marks_come_oldest_first_and_are_no_deployments(ledger: Ledger) -> None:
    ledger.append(entry())
    later, first = a_mark("20261120-140000-000000-cccccc", verdict="good"), a_mark()
    for one in (later, first, first):
        ledger.mark(one)
    assert list(ledger.marks("dev")) == [first, later]
    assert len(ledger.deployments("dev")) == 1
    assert ledger.marks("prod") == []


@pytest.mark.parametrize("body", [b"no", b"{}", b'{"schema": 2, "verdict": "bad"}', b'{"schema": 1, "verdict": "so"}'])
def test_marks_that_cannot_be_read_are_named_and_skipped(body: bytes) -> None:
    store = MemoryStore()
    ledger = StoredLedger(store, "hello")
    ledger.mark(a_mark())
    store.create("hello/_ledger/dev/_marks/x.json", body)
    assert len(ledger.deployments("dev")) == 0
    assert len(ledger.marks("dev")) == 1
    assert list(ledger.unreadable("dev")) == ["hello/_ledger/dev/_marks/x.json"]


def test_another_mark_of_the_same_id_is_not_written_over() -> None:
    ledger = memory()
    ledger.mark(a_mark())
    with pytest.raises(ServiceFailed):
        ledger.mark(a_mark(reason="fast"))
    assert [one.reason for one in ledger.marks("dev")] == ["slow"]


# -- the index ---------------------------------------------------------------------------------------------------------


def an_id(number: int) -> str:
    return f"20261120-12{number // 60:02d}{number % 60:02d}-000000-aaaaaa"


def filled(store: Store, deployments: int) -> StoredLedger:
    """Each requested and healthy."""
    ledger = StoredLedger(store, "hello")
    for number in range(deployments):
        ledger.append(entry(an_id(number)))
        ledger.append(entry(an_id(number), 2, "healthy"))
    return ledger


def segments(store: Store) -> list[str]:
    return [one.key for one in store.list("hello/_ledger/dev/_index/")]


@pytest.mark.parametrize("limit", [0, 1, 12, 49, 50, 51, 60, 119, 120, 500])
def test_with_an_index_the_ledger_says_the_same(limit: int) -> None:
    store = MemoryStore()
    ledger = filled(store, 120)
    without = ledger.deployments("dev", limit)
    assert ledger.rebuild_index("dev") == 2
    assert ledger.deployments("dev", limit) == without
    assert len(without) == min(limit or 120, 120)


def test_over_s3_too() -> None:
    store = s3_store()
    ledger = filled(store, 55)
    without = ledger.deployments("dev")
    assert ledger.rebuild_index("dev") == 1
    assert ledger.deployments("dev") == without
    assert ledger.deployments("dev", 3) == without[-3:]


def test_the_index_is_written_when_enough_deployments_are_in_none() -> None:
    store = MemoryStore()
    ledger = filled(store, 49)
    ledger.deployments("dev", 12)
    assert ledger.index("dev") == 0
    ledger = filled(store, 51)
    ledger.deployments("dev", 12)
    assert ledger.index("dev") == 1
    assert segments(store) == [f"hello/_ledger/dev/_index/{an_id(0)}_{an_id(49)}.json.gz"]
    ledger.deployments("dev", 12)
    assert ledger.index("dev") == 0


def test_an_index_that_cannot_be_written_fails_nothing() -> None:
    store = MemoryStore()
    ledger = filled(store, 51)
    ledger.deployments("dev")

    def down(_verb: str, _key: str) -> None:
        raise ServiceFailed("The bucket is away.", remedy="Wait.")

    store.before = down
    assert ledger.index("dev") == 0
    assert segments(store) == []


def test_an_entry_that_comes_late_is_seen_although_its_deployment_is_indexed() -> None:
    store = MemoryStore()
    ledger = filled(store, 60)
    ledger.rebuild_index("dev")
    ledger.append(entry(an_id(3), 3, "abandoned"))
    ledger.append(entry("20261120-120001-500000-dddddd"))
    found = {one.id: one for one in ledger.deployments("dev")}
    assert [one.state for one in found[an_id(3)].void] == ["abandoned"]
    assert found["20261120-120001-500000-dddddd"].state == "requested"
    assert len(found) == 61


def test_a_copy_counts_only_for_the_very_object_it_is_of() -> None:
    store = MemoryStore()
    ledger = filled(store, 50)
    ledger.rebuild_index("dev")
    key = f"hello/_ledger/dev/{an_id(7)}/2-healthy.json"
    store.objects[key] = replace(store.objects[key], etag='"another"', body=b"spoilt")
    del store.objects[f"hello/_ledger/dev/{an_id(8)}/2-healthy.json"]
    found = {one.id: one.state for one in ledger.deployments("dev")}
    assert (found[an_id(7)], found[an_id(8)], found[an_id(9)]) == ("requested", "requested", "healthy")
    assert list(ledger.unreadable("dev")) == [key]


@pytest.mark.parametrize(
    "body",
    [b"", b"no gzip", gzip.compress(b'{"schema": 2, "entries": []}', mtime=0), gzip.compress(b"[", mtime=0)],
    ids=["empty", "no gzip", "a later schema", "no JSON"],
)
def test_a_spoilt_segment_is_named_and_costs_time_alone(body: bytes) -> None:
    store = Counting()
    ledger = filled(store, 60)
    before = ledger.deployments("dev")
    ledger.rebuild_index("dev")
    [key] = segments(store)
    store.replace(key, body, store.objects[key].etag)
    store.create("hello/_ledger/dev/_index/odd", b"")
    assert ledger.deployments("dev") == before
    assert sorted(ledger.unreadable("dev")) == [key, "hello/_ledger/dev/_index/odd"]
    assert ledger.rebuild_index("dev") == 1
    store.read.clear()
    ledger = StoredLedger(store, "hello")  # one that has read nothing yet
    assert ledger.deployments("dev") == before
    assert ledger.unreadable("dev") == ()
    assert len(store.read) == 1 + 20  # the segment, and both entries of the ten deployments that it does not hold


def test_a_segment_that_promises_more_than_there_is_hides_nothing() -> None:
    store = MemoryStore()
    ledger = filled(store, 20)
    for number in (5, 10, 15):
        store.create(f"hello/_ledger/dev/_index/{an_id(0)}_{an_id(number)}.json.gz", packed([]))
    assert [one.id for one in ledger.deployments("dev", 12)] == [an_id(n) for n in range(8, 20)]


def test_a_limit_lists_only_the_end_of_a_long_ledger() -> None:
    store = Counting()
    ledger = filled(store, 260)
    ledger.rebuild_index("dev")
    store.listed.clear()
    store.read.clear()
    ledger = StoredLedger(store, "hello")  # one that has read nothing yet
    assert len(ledger.deployments("dev", 12)) == 12
    entries = [key for key in store.listed if "_index" not in key]
    assert len(entries) == 2 * (50 + 10)
    assert len(store.read) == 1 + 2 * 10


def test_odd_names_do_not_stop_the_index() -> None:
    store = MemoryStore()
    ledger = filled(store, 50)
    store.create("hello/_ledger/dev/zzz/1-requested.json", b"x")
    store.create("hello/_ledger/dev/_index/a_z.json.gz", b"x")
    ledger.deployments("dev", 12)
    assert ledger.index("dev") == 1
    for number in range(50, 100):
        ledger.append(entry(an_id(number)))
    ledger.deployments("dev", 60)
    assert ledger.index("dev") == 1
    assert {one.rpartition("/")[2] for one in ledger.unreadable("dev")} >= {"a_z.json.gz"}


def test_rebuilding_reads_the_entries_and_not_the_old_index() -> None:
    store = MemoryStore()
    ledger = filled(store, 50)
    ledger.rebuild_index("dev")
    [key] = segments(store)
    lying = Copy(f"hello/_ledger/dev/{an_id(1)}/1-requested.json", '"x"', entry(an_id(1), who="eve"))
    store.replace(key, packed([lying]), store.objects[key].etag)
    ledger.rebuild_index("dev")
    found = unpacked(store.objects[key].body)
    assert found is not None
    assert len(found) == 100
    assert {one.entry.who for one in found} == {"ada@laptop"}


# -- many processes ----------------------------------------------------------------------------------------------------

# Sixteen processes that have botocore before they part, and begin when the last is there: the pipe is closed then.
WRITERS = """
import os, sys, traceback
from dataclasses import replace
import botocore.session
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.bucket.ledger import StoredLedger
from tests.contract.test_ledger import entry

def write(me):
    ledger = StoredLedger(S3Store(Aws("us-east-1", url, sandbox=True, keys=(access, secret)), bucket), "hello")
    os.read(begin, 1)
    for number in range(3):
        ledger.append(replace(entry(number=3, state="abandoned"), who=f"{me:02d}-{number}"))
        ledger.append(entry(f"20261120-1300{number:02d}-000000-0000{me:02d}"))

url, access, secret, bucket = sys.argv[1:]
begin, ready = os.pipe()
for me in range(16):
    if os.fork() == 0:
        os.close(ready)
        try:
            write(me)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
os.close(ready)
print(*(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(16)))
"""


def test_sixteen_processes_at_once_lose_no_entry() -> None:
    bucket = strict_aws.bucket("ledger-sixteen")
    command = [sys.executable, "-c", WRITERS, strict_aws.url(), *strict_aws.aws().keys, bucket]
    codes = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=240).stdout.split()
    assert codes == ["0"] * 16
    shared, *own = StoredLedger(S3Store(strict_aws.aws(), bucket), "hello").deployments("dev")
    there = [one.who for one in (*shared.entries, *shared.void)]
    assert len(set(there)) == len(there) == 16 * 3
    assert len({one.id for one in own}) == len(own) == 16 * 3
