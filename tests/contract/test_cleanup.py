"""cleanup against the strict S3: how many requests a large bucket takes, and what is left of it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.domain import layout
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tests.contract import strict_aws
from tests.fakes.app import FakeApp

NAMES = (layout.BUNDLE, layout.SIGNATURE, layout.PROVENANCE, layout.SBOM, layout.MANIFEST)
ARTIFACTS = 597  # times five objects: three pages of a listing; of 100,000: python -m scripts.bench cleanup
RUNS = [f"9.0.{number}-dev" for number in range(3)]
numbers = itertools.count(1)


@contextmanager
def counted(store: S3Store) -> Iterator[Counter[str]]:
    calls: Counter[str] = Counter()
    events = store.aws.client("s3").meta.events
    events.register("before-call.s3", lambda model, **_: calls.update([model.name]), unique_id="counted")
    yield calls
    events.unregister("before-call.s3", unique_id="counted")


@pytest.fixture
def full() -> tuple[FakeApp, S3Store]:
    """Three versions that were deployed, and many that never were; a year passes on the clock of the ledger."""
    store = S3Store(strict_aws.aws(), strict_aws.bucket(f"cleanup-{next(numbers)}"))
    app = FakeApp()
    app.publish(*RUNS)
    for version in RUNS:
        deploy(app, artifact=version)
    for version in [*RUNS, *(f"0.{number}.0-dev" for number in range(ARTIFACTS))]:
        for name in NAMES:
            strict_aws.put(store.bucket, layout.artifact("hello", "dev", version, name))
    later = store.now()
    object.__setattr__(store, "now", lambda: later.replace(year=later.year + 1))
    app.store = store  # type: ignore[assignment]
    return app, store


def test_a_thousand_keys_take_at_most_two_requests_and_each_artifact_in_doubt_one(
    full: tuple[FakeApp, S3Store],
) -> None:
    app, store = full
    keys = (ARTIFACTS + len(RUNS)) * len(NAMES)
    with counted(store) as calls:
        result = cleanup(app)
    result.insist()
    [dev] = result.environments
    assert (dev.go, dev.deleted, dev.stay) == (ARTIFACTS, ARTIFACTS * len(NAMES), len(RUNS))
    assert set(calls) == {"ListObjectsV2", "DeleteObjects", "HeadObject", "GetBucketLifecycleConfiguration"}
    assert calls["GetBucketLifecycleConfiguration"] == 1
    assert calls["HeadObject"] <= len(RUNS) + 2, "those in doubt: the newest healthy ones, and what a rollback goes to"
    assert calls["ListObjectsV2"] + calls["DeleteObjects"] <= 2 * -(-keys // 1000) + 1
    left = {stored.key.split("/")[2] for stored in store.list("hello/dev/")}
    assert left == set(RUNS)
