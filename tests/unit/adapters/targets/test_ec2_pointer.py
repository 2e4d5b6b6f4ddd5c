"""The pointer: what hosts that boot have to run, written by the last healthy deployment."""

from __future__ import annotations

from dataclasses import replace

from tagship.adapters.targets.ec2 import pointer
from tagship.adapters.targets.ec2.pointer import ROUNDS
from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.errors import ServiceFailed
from tagship.ports.bucket import Conflict, Object
from tests.fakes.app import FakeApp
from tests.fakes.store import MemoryStore

KEY = layout.pointer("hello", "dev")
POINTER = Pointer("hello", "dev", "0.1.30-dev", "ab" * 32, "20261120-155301-123456-9f3a1c", 7)


def point(app: FakeApp, to: Pointer) -> None:
    pointer.point(app.store, to, app.screen.warn)


def stored(app: FakeApp) -> Pointer | None:
    found = app.store.get(KEY)
    return Pointer.from_json(found.body) if found else None


def test_it_reads_back_as_it_was_written() -> None:
    assert Pointer.from_json(POINTER.to_json()) == POINTER
    assert POINTER.to_json().splitlines()[2] == b'  "artifact": "0.1.30-dev",'


def test_it_carries_the_numbers_and_one_of_an_older_tagship_has_none() -> None:
    numbered = replace(POINTER, numbers="KEEP=3,DRAIN=0")
    assert b'  "numbers": "KEEP=3,DRAIN=0",' in numbered.to_json().splitlines()
    older = POINTER.to_json().replace(b'  "numbers": "",\n', b"")
    assert older != POINTER.to_json()
    assert Pointer.from_json(older) == POINTER


def test_what_is_no_pointer_reads_as_none() -> None:
    for raw in (b"", b"[]", b"{}", b'{"fence": "x"}', POINTER.to_json()[:-4], b'{"fence": 1, "more": 2}'):
        assert Pointer.from_json(raw) is None


def test_the_first_healthy_deployment_writes_it_and_the_next_one_moves_it() -> None:
    app = FakeApp()
    point(app, POINTER)
    later = replace(POINTER, artifact="0.1.31-dev", fence=8)
    point(app, later)
    assert stored(app) == later


def test_a_rollback_moves_it_back() -> None:
    app = FakeApp()
    point(app, replace(POINTER, artifact="0.1.31-dev"))
    point(app, replace(POINTER, fence=8))
    assert stored(app) == replace(POINTER, fence=8)


def test_a_deployment_that_was_overtaken_leaves_it() -> None:
    app = FakeApp()
    point(app, replace(POINTER, fence=9))
    point(app, POINTER)
    assert stored(app) == replace(POINTER, fence=9)
    assert app.screen.warnings == []


def test_what_cannot_be_read_is_written_over() -> None:
    app = FakeApp()
    app.store.create(KEY, b"not a pointer")
    point(app, POINTER)
    assert stored(app) == POINTER


class Racing(MemoryStore):
    """Every write loses against somebody else's."""

    def create(self, key: str, *_: object, **__: object) -> Object:
        raise Conflict

    def replace(self, key: str, *_: object, **__: object) -> Object:
        raise Conflict


class Down(MemoryStore):
    def get(self, key: str) -> Object | None:
        raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")


def test_a_bucket_that_fails_is_warned_of_and_is_not_the_deployments_failure() -> None:
    for store, words in ((Racing(), f"changed under each of {ROUNDS} attempts"), (Down(), "AWS cannot be reached")):
        app = FakeApp(store=store)
        point(app, POINTER)
        [warning] = app.screen.warnings
        assert words in warning
        assert "inv deploy --version 0.1.30-dev --env dev" in warning
