"""The pointer: what hosts that boot have to run, signed, and written by the last healthy deployment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tagship.adapters.targets.ec2.pointer import ROUNDS, StoredPointer
from tagship.domain import layout
from tagship.domain.ec2.pointer import PLACED_WITHIN, Pointer
from tagship.domain.fence import LEAP
from tagship.domain.sealed import canonical, opened, seal
from tagship.errors import ServiceFailed, SettingsError
from tagship.ports.bucket import Conflict, Object
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.clock import FakeClock
from tests.fakes.signing import WordSigner
from tests.fakes.store import MemoryStore

KEY = layout.pointer("hello", "dev")
OLD, NEW = "0.1.30-dev", "0.1.31-dev"
POINTER = Pointer("hello", "dev", OLD, "ab" * 32, "20261120-155301-123456-9f3a1c", 7)
LATER = replace(POINTER, artifact=NEW, fence=8)


def point(app: FakeApp, to: Pointer) -> None:
    StoredPointer(app, "dev").point(to)


def stored(app: FakeApp) -> Pointer:
    """What a host that boots is told, by its signature."""
    raw = app.store.objects[KEY].body
    read = Pointer.of(opened(raw, lambda: app.keys("dev", "orders").verifier, "it", unsigned=False, again=""))
    assert read
    return read


def forge(app: FakeApp, pointer: Pointer, signer: WordSigner | None = None) -> None:
    """Somebody who can write to the bucket writes a pointer there."""
    raw = seal(pointer.at(app.clock.now()).as_data(), signer.sign if signer else None)
    put(app, raw)


def put(app: FakeApp, raw: bytes) -> None:
    there = app.store.objects.get(KEY)
    if there:
        app.store.replace(KEY, raw, there.etag)
    else:
        app.store.create(KEY, raw)


def test_it_says_all_that_a_host_needs_a_value_a_line() -> None:
    app = FakeApp()
    point(app, POINTER)
    lines = app.store.objects[KEY].body.decode().splitlines()
    assert [line for line in lines if "signature" not in line] == [
        "{",
        '  "app": "hello",',
        '  "artifact": "0.1.30-dev",',
        '  "deployment": "20261120-155301-123456-9f3a1c",',
        '  "environment": "dev",',
        '  "expires": "2026-11-20T13:00:00+00:00",',
        '  "fence": 7,',
        '  "issued": "2026-11-20T12:00:00+00:00",',
        '  "key": "90e4116627d6dd8f",',
        '  "kind": "pointer",',
        f'  "manifest_sha256": "{"ab" * 32}",',
        '  "numbers": "",',
        '  "tagship": 1',
        "}",
    ]
    assert stored(app).says_as(POINTER)


def test_what_is_no_pointer_reads_as_none() -> None:
    good = POINTER.at(FakeClock().now()).as_data()
    assert Pointer.of(good)
    odd: list[dict[str, Any]] = [{"fence": "x"}, {"more": 2}, {"kind": "fence"}, {"issued": ""}, {"expires": "noon"}]
    for change in odd:
        assert Pointer.of({**good, **change}) is None
    assert Pointer.of({}) is None


def test_the_first_healthy_deployment_writes_it_and_the_next_one_moves_it() -> None:
    app = FakeApp()
    point(app, POINTER)
    point(app, LATER)
    assert stored(app).says_as(LATER)
    assert app.screen.warnings == []


def test_a_rollback_moves_it_back() -> None:
    app = FakeApp()
    point(app, replace(POINTER, artifact=NEW))
    point(app, replace(POINTER, fence=8))
    assert stored(app).says_as(replace(POINTER, fence=8))


def test_a_deployment_that_was_overtaken_leaves_it() -> None:
    app = FakeApp()
    point(app, replace(POINTER, fence=9))
    point(app, POINTER)
    assert stored(app).fence == 9
    assert app.screen.warnings == []


def test_what_says_the_same_stays_as_it_is() -> None:
    app = FakeApp()
    point(app, POINTER)
    before = app.store.objects[KEY]
    app.clock.advance(3 * 3600)
    point(app, POINTER)
    assert app.store.objects[KEY] == before


FORGED = {
    "unsigned": (lambda app: forge(app, replace(LATER, fence=99)), "The pointer of dev is not signed."),
    "by another key": (lambda app: forge(app, LATER, WordSigner("evil")), "The signature of the pointer of dev"),
    "of another environment": (
        lambda app: forge(app, replace(LATER, environment="prod"), app.signer),
        "The pointer of dev is not one of this environment.",
    ),
    "no pointer": (lambda app: put(app, b"not a pointer"), "The pointer of dev cannot be read."),
    "another record": (
        lambda app: put(app, seal({"kind": "fence", "tagship": 1}, app.signer.sign)),
        "The pointer of dev is not one of this environment.",
    ),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_no_deployment_wrote_is_named_and_the_right_one_is_written(kind: str) -> None:
    app = FakeApp()
    write, problem = FORGED[kind]
    point(app, replace(POINTER, fence=6))
    write(app)
    assert StoredPointer(app, "dev").uncommitted(OLD).startswith(problem)
    point(app, POINTER)
    assert stored(app).says_as(POINTER)
    [warning] = app.screen.warnings
    assert warning.startswith(problem)
    assert warning.endswith(
        "No deployment wrote that: hosts that booted since may have started something else, or nothing. "
        "It is rewritten to name 0.1.30-dev; look at the hosts: inv status --env dev"
    )
    assert StoredPointer(app, "dev").uncommitted(OLD) == ""


def test_a_number_that_leaps_holds_no_deployment_off() -> None:
    app = FakeApp()
    forge(app, replace(LATER, fence=POINTER.fence + LEAP + 1), app.signer)
    point(app, POINTER)
    assert stored(app).says_as(POINTER)


def test_an_old_one_that_somebody_put_back_is_told_by_when_it_was_put_there() -> None:
    app = FakeApp()
    point(app, POINTER)
    old = app.store.objects[KEY].body
    app.clock.advance(PLACED_WITHIN.total_seconds() + 60)
    point(app, LATER)
    put(app, old)
    problem = (
        "The pointer of dev is an old one that names 0.1.30-dev: it was issued 2026-11-20 12:00 UTC, and put there "
    )
    assert StoredPointer(app, "dev").uncommitted(NEW).startswith(f"{problem}2026-11-20 13:01 UTC.")
    point(app, replace(LATER, fence=9))
    [warning] = app.screen.warnings
    assert warning.startswith(problem)
    assert stored(app).artifact == NEW


def test_a_year_later_it_still_counts() -> None:
    """It expires for who puts it there, and not for who reads it."""
    app = FakeApp()
    point(app, POINTER)
    app.clock.advance(timedelta(days=365).total_seconds())
    assert StoredPointer(app, "dev").uncommitted(OLD) == ""


def test_what_it_names_and_whether_it_is_there_is_told() -> None:
    app = FakeApp()
    said = StoredPointer(app, "dev").uncommitted
    assert said(OLD) == "the pointer of dev is not there: hosts that boot start nothing"
    point(app, POINTER)
    assert said(NEW) == "the pointer of dev names 0.1.30-dev: hosts that boot start that"


def test_where_nothing_is_signed_it_is_not_either_and_a_forged_signature_does_not_count() -> None:
    unsigned = settings(signing=None, environments=environments(allow_unsigned=True))
    app = FakeApp(unsigned)
    point(app, POINTER)
    assert b"signature" not in app.store.objects[KEY].body
    assert StoredPointer(app, "dev").uncommitted(OLD) == ""
    forge(app, LATER, WordSigner("evil"))
    point(app, POINTER)
    assert len(app.screen.warnings) == 1
    assert app.store.objects[KEY].body == canonical(POINTER.at(app.clock.now()).as_data())


class Racing(MemoryStore):
    """Every write loses against somebody else's."""

    def create(self, key: str, *_: object, **__: object) -> Object:
        raise Conflict

    def replace(self, key: str, *_: object, **__: object) -> Object:
        raise Conflict


class Down(MemoryStore):
    def get(self, key: str) -> Object | None:
        raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")


class Keyless(WordSigner):
    def sign(self, raw: bytes) -> bytes:
        raise SettingsError("signing.key cannot be used: No such file.", remedy="Make one.")


def test_a_bucket_or_a_key_that_fails_is_warned_of_and_is_not_the_deployments_failure() -> None:
    failing = [
        (FakeApp(store=Racing()), f"changed under each of {ROUNDS} attempts"),
        (FakeApp(store=Down()), "AWS cannot be reached"),
        (FakeApp(signer=Keyless()), "signing.key cannot be used"),
    ]
    for app, words in failing:
        point(app, POINTER)
        [warning] = app.screen.warnings
        assert words in warning
        assert "a host that boots starts what ran before" in warning
        assert "inv deploy --version 0.1.30-dev --env dev" in warning
