"""Somebody who can write to the bucket rewrites what happened: `inv history --verify` names it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.domain import layout
from tagship.domain.deployment import Entry
from tagship.errors import NotAuthentic
from tagship.verbs.deploy import deploy
from tagship.verbs.history import history
from tests.contract import strict_aws
from tests.contract.people import app_over, owner
from tests.fakes.app import FakeApp

numbers = itertools.count(1)


@pytest.fixture
def app() -> FakeApp:
    """Three deployments, each healthy, an hour apart; the bucket has no policy."""
    made = app_over(S3Store(owner(), strict_aws.bucket(f"record-{next(numbers)}")))
    for version in ("0.1.29-dev", "0.1.30-dev", "0.1.31-dev"):
        made.publish(version)
        deploy(made, artifact=version)
    history(made, env="dev", verify=True)
    assert "none altered, deleted or put between" in made.screen.text
    return made


def keys(app: FakeApp) -> list[str]:
    listed = [stored.key for stored in app.store.list(layout.ledger("hello", "dev"))]
    return sorted(key for key in listed if "/_" not in key.removeprefix("hello/_ledger/dev"))


def refused(app: FakeApp) -> str:
    with pytest.raises(NotAuthentic) as raised:
        history(app, env="dev", verify=True)
    assert raised.value.what.startswith("The ledger of dev is not what was written")
    assert "list-object-versions" in raised.value.remedy
    return raised.value.evidence


@pytest.mark.parametrize(
    "change",
    [
        lambda values: {**values, "who": "eve@laptop"},
        lambda values: {**values, "artifact_id": "0.1.99-dev"},
        lambda values: {**values, "state": "healthy", "reason": "it was fine"},
        lambda values: {name: value for name, value in values.items() if name != "by"},
    ],
    ids=["who", "version", "reason", "ARN"],
)
def test_an_entry_that_is_written_over_is_named(app: FakeApp, change: Callable[[dict[str, object]], object]) -> None:
    key = keys(app)[1]
    stored = app.store.get(key)
    assert stored
    app.store.replace(key, json.dumps(change(json.loads(stored.body)), indent=2, sort_keys=True).encode(), stored.etag)
    assert f"{key.removeprefix('hello/_ledger/dev/')} is not what it was" in refused(app)


def test_an_entry_that_is_deleted_is_named(app: FakeApp) -> None:
    key = keys(app)[2]
    stored = app.store.get(key)
    assert stored
    app.store.delete(key, stored.etag)
    assert f"{key.removeprefix('hello/_ledger/dev/')} is gone" in refused(app)


def test_a_deployment_that_never_was_is_named(app: FakeApp) -> None:
    """It is said to have been between the others, and S3 says when it was put."""
    forged = Entry("20201120-120000-000000-abcdef", 1, "healthy", "2020-11-20T12:00:00+00:00", "hello", "dev", "deploy",
                   "0.1.28-dev", "ada@laptop", "", fence=1)  # fmt: skip
    app.store.create(layout.ledger_entry("hello", "dev", forged.deployment_id, 1, "healthy"), forged.to_json())
    assert "20201120-120000-000000-abcdef/1-healthy.json says 2020-11-20T12:00:00+00:00, and was put at" in refused(app)


def test_an_entry_says_who_aws_says_wrote_it(app: FakeApp) -> None:
    for key in keys(app):
        stored = app.store.get(key)
        assert stored
        assert json.loads(stored.body)["by"] == app.caller
