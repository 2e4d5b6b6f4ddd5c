"""What Freezes do, asked of the fake and of the adapter over both stores."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.bucket.freezes import StoredFreezes
from tagship.domain.freeze import Freeze
from tagship.errors import Refused, ServiceFailed
from tagship.ports.bucket import Freezes
from tests.contract import strict_aws
from tests.fakes.clock import FakeClock
from tests.fakes.freezes import FakeFreezes
from tests.fakes.store import MemoryStore

numbers = itertools.count(1)


def s3() -> Freezes:
    store = S3Store(strict_aws.aws(), strict_aws.bucket(f"freezes-{next(numbers)}"))
    return StoredFreezes(store, "hello")


@pytest.fixture(params=[lambda: FakeFreezes(FakeClock()), lambda: StoredFreezes(MemoryStore(), "hello"), s3])
def freezes(request: pytest.FixtureRequest) -> Freezes:
    make: Callable[[], Freezes] = request.param
    return make()


def one(freezes: Freezes, reason: str = "the sale", hours: int = 8) -> Freeze:
    until = (freezes.now() + timedelta(hours=hours)).isoformat()
    return Freeze("prod", until, reason, "ada@laptop", freezes.now().isoformat())


def test_what_was_never_frozen_is_not(freezes: Freezes) -> None:
    assert freezes.look("prod") is None


def test_a_freeze_is_read_back_and_holds_that_environment_alone(freezes: Freezes) -> None:
    freezes.write(one(freezes), "")
    found = freezes.look("prod")
    assert found is not None
    assert found.active
    assert found.freeze.reason == "the sale"
    assert freezes.look("dev") is None


def test_of_two_that_freeze_at_once_one_is_told(freezes: Freezes) -> None:
    freezes.write(one(freezes), "")
    with pytest.raises(Refused):
        freezes.write(one(freezes, "another reason"), "")
    found = freezes.look("prod")
    assert found is not None
    assert found.freeze.reason == "the sale"


def test_a_freeze_is_changed_and_removed_only_as_it_was_looked_at(freezes: Freezes) -> None:
    freezes.write(one(freezes), "")
    before = freezes.look("prod")
    assert before is not None
    freezes.write(one(freezes, "longer", 16), before.etag)
    with pytest.raises(Refused):
        freezes.remove(before)
    after = freezes.look("prod")
    assert after is not None
    freezes.remove(after)
    assert freezes.look("prod") is None


def test_the_time_is_the_stores() -> None:
    assert abs(s3().now() - datetime.now(UTC)) < timedelta(seconds=3)
    assert FakeFreezes(FakeClock()).now() == FakeClock().now()


def test_an_object_that_is_no_freeze_holds_the_environment() -> None:
    store = MemoryStore()
    store.create("hello/_freeze/prod.json", b"rubbish")
    with pytest.raises(ServiceFailed):
        StoredFreezes(store, "hello").look("prod")
