"""What a Store does, asked of S3 (the strict server) and of the fake alike; then what only S3 can get wrong."""

from __future__ import annotations

import functools
import hashlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.bucket.several import SeveralStores
from tagship.errors import Refused, ServiceFailed
from tagship.ports.bucket import Conflict, Object, Store
from tests.contract import strict_aws
from tests.fakes.store import MemoryStore

numbers = itertools.count(1)


def s3_store() -> S3Store:
    return S3Store(strict_aws.aws(), strict_aws.bucket(f"contract-{next(numbers)}"))


def several_stores() -> SeveralStores:
    """Two buckets; what these tests name is of no environment, or of one in the second."""
    stores = {"first": MemoryStore("first"), "second": MemoryStore("second")}
    opened: dict[str, Callable[[], Store]] = {name: functools.partial(lambda it: it, it) for name, it in stores.items()}
    return SeveralStores(opened, lambda key: "second" if key.startswith("a/b") else "")


@pytest.fixture(params=[MemoryStore, s3_store, several_stores], ids=["memory", "s3", "several"])
def store(request: pytest.FixtureRequest) -> Store:
    make: Callable[[], Store] = request.param
    return make()


@pytest.fixture
def s3() -> Iterator[S3Store]:
    yield s3_store()
    strict_aws.world().faults.clear()


def test_an_object_comes_back_as_it_was_put(store: Store) -> None:
    made = store.create("a/b.json", b"body", {"commit-sha": "c0ffee"})
    got = store.get("a/b.json")
    assert got is not None
    assert (got.key, got.body, got.size) == ("a/b.json", b"body", 4)
    assert got.metadata == {"commit-sha": "c0ffee"} == made.metadata
    assert got.sha256 == hashlib.sha256(b"body").hexdigest() == made.sha256
    assert got.etag == made.etag


def test_a_bucket_without_rules_has_none(store: Store) -> None:
    assert list(store.lifecycle("")) == []


def test_the_rules_of_a_bucket_are_read_as_s3_writes_them(s3: S3Store) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "hello/"}, "Expiration": {"Days": 30}}
    client = s3.aws.client("s3")
    client.put_bucket_lifecycle_configuration(Bucket=s3.bucket, LifecycleConfiguration={"Rules": [rule]})  # type: ignore[list-item]
    [read] = s3.lifecycle("")
    assert {name: read[name] for name in rule} == rule


def test_head_answers_all_but_the_body(store: Store) -> None:
    store.create("key", b"body", {"pr-number": "51"})
    seen = store.head("key")
    assert seen is not None
    assert (seen.size, seen.body, seen.metadata) == (4, b"", {"pr-number": "51"})
    assert seen.sha256 == hashlib.sha256(b"body").hexdigest()


def test_what_is_not_there_is_none(store: Store, tmp_path: Path) -> None:
    assert store.get("nothing") is None
    assert store.head("nothing") is None
    assert store.download("nothing", tmp_path / "file") is None
    assert not (tmp_path / "file").exists()


def test_a_copy_is_an_object_of_its_own_with_the_same_bytes_and_other_metadata(store: Store) -> None:
    store.create("old", b"body", {"commit-sha": "c0ffee"})
    source = store.head("old")
    assert source
    store.copy(source, "new", {"commit-sha": "decade"})
    copied = store.get("new")
    assert copied
    assert (copied.body, copied.sha256, copied.metadata) == (b"body", source.sha256, {"commit-sha": "decade"})
    store.delete("old", source.etag)
    assert store.head("new")


def test_a_copy_is_written_over_nothing_and_made_of_nothing_else(store: Store) -> None:
    store.create("old", b"body")
    store.create("taken", b"other")
    source = store.head("old")
    assert source
    with pytest.raises(Conflict):
        store.copy(source, "taken", {})
    taken = store.get("taken")
    assert taken
    assert taken.body == b"other"
    store.replace("old", b"changed", source.etag)
    with pytest.raises(ServiceFailed, match="is gone, or has changed since it was read"):
        store.copy(source, "new", {})
    store.delete("old", store.head("old").etag)  # type: ignore[union-attr]
    with pytest.raises(ServiceFailed, match="is gone, or has changed since it was read"):
        store.copy(source, "new", {})
    assert store.head("new") is None


def test_a_copy_whose_answer_was_lost_is_believed_if_it_landed(s3: S3Store) -> None:
    s3.create("old", b"body")
    source = s3.head("old")
    assert source
    strict_aws.world().faults.plan("dropped", "new")
    s3.copy(source, "new", {"pr-number": "51"})
    assert s3.head("new")


def test_creating_twice_conflicts_even_with_the_same_bytes(store: Store) -> None:
    store.create("key", b"one")
    for body in (b"one", b"two"):
        with pytest.raises(Conflict):
            store.create("key", body)
    assert stored(store, "key").body == b"one"


def test_many_are_deleted_and_the_rest_stays(store: Store) -> None:
    keys = [f"many/{number:04}" for number in range(7)]
    for key in keys:
        store.create(key, b"body")
    assert store.delete_all([*keys[:5], "many/never-there"]) == {}
    assert [stored.key for stored in store.list("many/")] == keys[5:]
    assert store.delete_all([]) == {}


def test_its_time_is_its_own_whatever_this_machine_says(store: Store) -> None:
    answered = store.create("key", b"body").now
    assert timedelta(0) <= store.now() - answered < timedelta(seconds=5)


def test_a_request_deletes_a_thousand_objects(s3: S3Store) -> None:
    keys = [f"many/{number:04}" for number in range(1001)]
    for key in keys:
        strict_aws.put(s3.bucket, key)
    calls: list[str] = []
    events = s3.aws.client("s3").meta.events
    events.register("before-call.s3", lambda model, **_: calls.append(model.name), unique_id="counted")
    try:
        assert s3.delete_all(keys) == {}
    finally:
        events.unregister("before-call.s3", unique_id="counted")
    assert calls == ["DeleteObjects"] * 2
    assert list(s3.list("many/")) == []


def test_s3_is_asked_for_the_time_once(s3: S3Store) -> None:
    asked = list[str]()
    s3.aws.client("s3").meta.events.register("before-send", lambda request, **_: asked.append(request.method))
    first = s3.now()
    assert first <= s3.now() < first + timedelta(seconds=5)
    assert asked == ["HEAD"]


def test_a_file_is_put_and_downloaded_whole(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(range(256)) * 20_000)
    store.create("big", tmp_path / "in")
    answer = store.download("big", tmp_path / "out")
    assert answer is not None
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert answer.sha256 == hashlib.sha256((tmp_path / "in").read_bytes()).hexdigest()


def test_replace_swaps_only_what_was_read(store: Store) -> None:
    first = store.create("lease", b"1")
    second = store.replace("lease", b"2", first.etag)
    with pytest.raises(Conflict):
        store.replace("lease", b"3", first.etag)
    assert stored(store, "lease").body == b"2"
    assert stored(store, "lease").etag == second.etag


def test_replace_and_delete_of_what_is_gone_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        store.replace("nothing", b"1", '"0"')
    with pytest.raises(Conflict):
        store.delete("nothing", '"0"')


def test_delete_removes_only_what_was_read(store: Store) -> None:
    first = store.create("key", b"1")
    with pytest.raises(Conflict):
        store.delete("key", '"00000000000000000000000000000000"')
    store.delete("key", first.etag)
    assert store.get("key") is None


def test_list_is_in_key_order_and_pages(store: Store) -> None:
    for key in ("p/b", "p/a", "p/c/1", "q/1"):
        store.create(key, key.encode())
    assert [one.key for one in store.list("p/")] == ["p/a", "p/b", "p/c/1"]
    assert [one.size for one in store.list("p/")] == [3, 3, 5]
    assert list(store.list("nothing/")) == []


def test_list_with_a_delimiter_shows_folders_once(store: Store) -> None:
    for key in ("p/b/1", "p/b/2", "p/a", "p/c/1"):
        store.create(key, b"")
    assert [one.key for one in store.list("p/", "/")] == ["p/a", "p/b/", "p/c/"]


def test_time_is_the_stores_own(store: Store) -> None:
    store.create("key", b"")
    seen = stored(store, "key")
    assert seen.now.tzinfo is not None
    assert timedelta(0) <= seen.now - seen.modified < timedelta(seconds=60)
    assert abs(datetime.now(UTC) - seen.now) < timedelta(seconds=60)


def test_of_many_writers_at_once_one_wins(store: Store) -> None:
    won: list[int] = []

    def write(number: int) -> None:
        try:
            store.create("lease", f"{number}".encode() * 200_000)
            won.append(number)
        except Conflict:
            pass

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert stored(store, "lease").body[:1] == f"{won[0]}".encode()


# -- S3 alone ----------------------------------------------------------------------------------------------------------


def test_more_than_one_page_is_listed(s3: S3Store) -> None:
    keys = [f"many/{n:04}" for n in range(1_005)]
    for key in keys:
        strict_aws.put(s3.bucket, key)
    assert [one.key for one in s3.list("many/")] == keys


def test_a_race_answered_409_is_tried_again(s3: S3Store) -> None:
    strict_aws.world().faults.plan("conflicts", {"key": 3})
    assert s3.create("key", b"body").size == 4
    assert stored(s3, "key").body == b"body"


def test_a_race_that_does_not_end_fails_and_says_so(s3: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    strict_aws.world().faults.plan("conflicts", {"key": 99})
    with pytest.raises(ServiceFailed, match="Others keep writing") as caught:
        s3.create("key", b"body")
    assert caught.value.remedy == "Run the same command again"
    assert s3.get("key") is None


def test_a_put_whose_answer_was_lost_is_recognised(s3: S3Store) -> None:
    first_answer_lost(s3, "PutObject")
    made = s3.create("key", b"body", {"commit-sha": "c0ffee"})
    assert made.sha256 == hashlib.sha256(b"body").hexdigest()


def test_a_lost_answer_does_not_make_somebody_elses_object_ours(s3: S3Store) -> None:
    s3.create("key", b"theirs")
    first_answer_lost(s3, "PutObject")
    with pytest.raises(Conflict):
        s3.create("key", b"ours")
    assert stored(s3, "key").body == b"theirs"


def test_a_swap_whose_answer_was_lost_is_recognised(s3: S3Store) -> None:
    first = s3.create("key", b"1")
    first_answer_lost(s3, "PutObject")
    assert s3.replace("key", b"2", first.etag).etag == stored(s3, "key").etag


def test_a_delete_whose_answer_was_lost_is_recognised(s3: S3Store) -> None:
    first = s3.create("key", b"1")
    first_answer_lost(s3, "DeleteObject")
    s3.delete("key", first.etag)
    assert s3.get("key") is None


def test_bytes_altered_on_the_way_are_not_stored(s3: S3Store) -> None:
    def alter(request: object, **_: object) -> None:
        request.data = io.BytesIO(b"BODY")  # type: ignore[attr-defined]

    altered = S3Store(Aws(s3.aws.region, s3.aws.endpoint, sandbox=True, keys=s3.aws.keys), s3.bucket)
    altered.aws.client("s3").meta.events.register("before-sign.s3.PutObject", alter)
    with pytest.raises(ServiceFailed, match="BadDigest"):
        altered.create("key", b"body")
    assert s3.get("key") is None


def test_a_missing_bucket_is_named_with_the_command_that_makes_it(s3: S3Store) -> None:
    gone = S3Store(Aws("eu-west-1", strict_aws.url(), sandbox=True, keys=strict_aws.aws().keys), "no-such-bucket")
    for act in (lambda: gone.get("key"), lambda: gone.create("key", b""), lambda: list(gone.list(""))):
        with pytest.raises(ServiceFailed, match=r"bucket does not exist .*s3://no-such-bucket/") as caught:
            act()
        assert caught.value.remedy == "Set up the sandbox again: inv sandbox reset"


def test_an_object_too_large_for_one_put_is_refused_before_it_is_sent(
    s3: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagship.adapters.aws.s3.LARGEST", 3)
    (tmp_path / "large").write_bytes(b"four")
    with pytest.raises(Refused, match="has 4 bytes, and S3 takes at most 3"):
        s3.create("key", tmp_path / "large")


def stored(store: Store, key: str) -> Object:
    found = store.get(key)
    assert found is not None
    return found


def first_answer_lost(store: S3Store, operation: str) -> None:
    """The next request of an operation is carried out, and its answer replaced by a 500: botocore asks again."""
    events = store.aws.client("s3").meta.events
    lost: list[object] = []

    def lose(request: Any, **_: object) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders
        from botocore.httpsession import URLLib3Session

        if lost:
            return None
        lost.append(request)
        URLLib3Session().send(request)
        return AWSResponse("", 500, HTTPHeaders(), Empty())

    events.register_first(f"before-send.s3.{operation}", lose)


class Empty:
    """A body without bytes."""

    def stream(self, **_: object) -> Iterator[bytes]:
        return iter([b""])

    def read(self, *_: object) -> bytes:
        return b""
