"""The figures of a ledger that was computed by hand, read over S3 in pages of any size, with its index and without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.bucket.ledger import StoredLedger
from tagship.domain.metrics import metrics
from tests.contract import strict_aws
from tests.unit.domain.test_metrics import BEGIN, END, LEDGER, computed


@pytest.fixture(scope="module", params=["plain", "indexed"])
def store(request: pytest.FixtureRequest) -> S3Store:
    made = S3Store(strict_aws.aws(), strict_aws.bucket(f"metrics-{request.param}"))
    for entry in LEDGER:
        StoredLedger(made, "hello").append(entry)
    if request.param == "indexed":
        StoredLedger(made, "hello").rebuild_index("dev")
    return made


@contextmanager
def pages_of(store: S3Store, size: int) -> Iterator[list[int]]:
    """Have S3 list so many keys a page; yields how many keys each page had."""
    events, read = store.aws.client("s3").meta.events, list[int]()

    def ask(params: dict[str, Any], **_more: Any) -> None:
        params["MaxKeys"] = size

    def note(parsed: dict[str, Any], **_more: Any) -> None:
        read.append(parsed["KeyCount"])

    events.register("provide-client-params.s3.ListObjectsV2", ask)
    events.register("after-call.s3.ListObjectsV2", note)
    try:
        yield read
    finally:
        events.unregister("provide-client-params.s3.ListObjectsV2", ask)
        events.unregister("after-call.s3.ListObjectsV2", note)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 25, 1000])
def test_the_figures_are_those_computed_by_hand_whatever_a_page_has(store: S3Store, size: int) -> None:
    with pages_of(store, size) as read:
        deployments = StoredLedger(store, "hello").deployments("dev")
    assert max(read) <= size
    assert len(read) >= len(LEDGER) / size, "so many pages were read"
    assert metrics(deployments, "dev", BEGIN, END) == computed()
