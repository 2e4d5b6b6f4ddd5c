"""Three accounts: each environment is in its own, with artifacts and records; a promotion carries bytes across."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.engine.trail import require_as_written
from tagship.sandbox import lifecycle
from tests.journeys.test_promote import HEAD, ORDER, PROMOTION, typed
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop

ACCOUNTS = {"dev": "111111111111", "preprod": "222222222222", "prod": "333333333333"}
OWN = """
[environments.{name}.aws]
account = "{account}"
bucket = "hello-{name}"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dev, preprod and prod, an account and a bucket each."""
    more = {name: OWN.format(name=name, account=account) for name, account in ACCOUNTS.items()}
    return shop.make(tmp_path_factory.mktemp("accounts"), list(ORDER), more, head=HEAD + PROMOTION)


def test_the_same_bytes_are_at_every_end_of_three_accounts(root: Path) -> None:
    running = start(root)
    try:
        places = {name: Shop(root, running, name) for name in ORDER}
        first = places["dev"].publish("0.1.0")
        typed(root, "deploy", "--version", first)
        typed(root, "tested", "--env", "dev")
        typed(root, "promote", "--from", "dev", "--to", "preprod", "--yes")
        typed(root, "tested", "--env", "preprod")
        typed(root, "promote", "--all-the-way", "--yes")
        assert [places[name].serving() for name in ORDER] == [[first]] * 3

        buckets = {}
        for name, account in ACCOUNTS.items():
            s3 = client(running, "s3", account=account)
            keys = [row["Key"] for row in s3.list_objects_v2(Bucket=f"hello-{name}")["Contents"]]
            mentioned = {layout.environment_of(key, "hello") for key in keys}
            assert mentioned == {name}, keys  # nothing of another environment, and nothing without one
            buckets[name] = s3.get_object(Bucket=f"hello-{name}", Key=f"hello/{name}/{first}/{layout.BUNDLE}")["Body"]
        assert len({body.read() for body in buckets.values()}) == 1

        app = bootstrap.app(root)
        for name in ORDER:
            require_as_written(app, name)
        shown = typed(root, "status")
        assert re.findall(rf"^(\w+): {first}, healthy", shown, re.MULTILINE) == list(ORDER)
    finally:
        lifecycle.down(root)
