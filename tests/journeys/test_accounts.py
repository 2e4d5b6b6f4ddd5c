"""Three accounts: each environment is in its own, with artifacts and records; a promotion carries bytes across."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.adapters.aws.session import Aws
from tagship.domain import layout
from tagship.domain.crossing_grants import Reader, with_readers
from tagship.engine.trail import require_as_written
from tagship.errors import NotAllowed, Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.promote import promote
from tests.journeys.test_promote import ORDER, PROMOTION, typed
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop
from tests.unit.test_policies import read, template

ACCOUNTS = {"dev": "111111111111", "preprod": "222222222222", "prod": "333333333333"}
OWN = """
[environments.{name}.aws]
account = "{account}"
bucket = "hello-{name}"
"""
ROLE = "arn:aws:iam::333333333333:role/tagship/hello/ship/prod/ci"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dev, preprod and prod, an account and a bucket each."""
    more = {name: OWN.format(name=name, account=account) for name, account in ACCOUNTS.items()}
    return shop.make(tmp_path_factory.mktemp("accounts"), list(ORDER), more, head=shop.HEAD_WITH_KEYS + PROMOTION)


def test_the_same_bytes_are_at_every_end_of_three_accounts(root: Path) -> None:
    running = start(root)
    try:
        places = {name: Shop(root, running, name) for name in ORDER}
        first = places["dev"].publish("0.1.0")
        typed(root, "deploy", "--version", first)
        typed(root, "tested", "--env", "dev")
        typed(root, "promote", "--from", "dev", "--to", "preprod", "--yes")
        typed(root, "tested", "--env", "preprod")
        _by_one_role(root, running)
        assert [places[name].serving() for name in ORDER] == [[first]] * 3
        _everything_is_in_its_own_bucket(root, running, first)
        shown = typed(root, "status")
        assert re.findall(rf"^(\w+): {first}, healthy", shown, re.MULTILINE) == list(ORDER)
        _another_account_is_refused(root)
        _an_account_that_cannot_be_reached_is_named(root, running, first)
    finally:
        lifecycle.down(root)


def _by_one_role(root: Path, running: Running) -> None:
    """Promote to prod as its job does: one role, for the bucket of preprod too, which has to grant that."""
    app = _with_credentials_of(root, running, ROLE)
    with pytest.raises(NotAllowed):
        promote(app, source="preprod", to="prod", yes=True)
    made = template(
        with_readers(read("foundation"), [Reader("prod", ACCOUNTS["prod"], "preprod")]), Artifacts="hello-preprod"
    )
    document = made["ArtifactsPolicy"]["Properties"]["PolicyDocument"]
    grants = [one for one in document["Statement"] if one["Effect"] == "Allow"]
    text = json.dumps({**document, "Statement": grants}).replace("hello-artifacts", "hello-preprod")
    client(running, "s3", account=ACCOUNTS["preprod"]).put_bucket_policy(Bucket="hello-preprod", Policy=text)
    app = _with_credentials_of(root, running, ROLE)
    promote(app, source="preprod", to="prod", yes=True)
    with pytest.raises(Refused, match=r"account 333333333333, and tagship.toml says 222222222222"):
        app.store.create(layout.freeze("hello", "preprod"), b"")


def _with_credentials_of(root: Path, running: Running, role: str) -> bootstrap.Wiring:
    sts = client(running, "sts", account=ACCOUNTS["prod"])
    taken = sts.assume_role(RoleArn=role, RoleSessionName="job")["Credentials"]
    keys: Any = tuple(taken[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    app = bootstrap.app(root)
    for part in app.accounts:
        vars(part)["aws"] = Aws(
            "us-east-1", running.aws_url, sandbox=True, keys=keys, account=part.settings.aws.account
        )
    return app


def _everything_is_in_its_own_bucket(root: Path, running: Running, version: str) -> None:
    bundles = {}
    for name, account in ACCOUNTS.items():
        s3 = client(running, "s3", account=account)
        keys = [row["Key"] for row in s3.list_objects_v2(Bucket=f"hello-{name}")["Contents"]]
        mentioned = {layout.environment_of(key, "hello") for key in keys}
        assert mentioned == {name}, keys  # nothing of another environment, and nothing without one
        bundles[name] = s3.get_object(Bucket=f"hello-{name}", Key=f"hello/{name}/{version}/{layout.BUNDLE}")["Body"]
    assert len({body.read() for body in bundles.values()}) == 1
    app = bootstrap.app(root)
    for name in ORDER:
        require_as_written(app, name)


def _another_account_is_refused(root: Path) -> None:
    """A profile of prod, and settings that say preprod's account."""
    file = root / "tagship.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('account = "333333333333"', 'account = "444444444444"'), "utf-8")
    try:
        refused = typed(root, "freeze", "--env", "prod", "--reason", "held", "--until", "1h", code=8)
    finally:
        file.write_text(text, "utf-8")
    assert (
        "The AWS credentials are of the account 123456789012, and tagship.toml says 444444444444: they may not"
        in refused
    )


def _an_account_that_cannot_be_reached_is_named(root: Path, running: Running, version: str) -> None:
    """Whoever may read two of three is shown two, and told of the third."""
    file = root / "tagship.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('bucket = "hello-prod"', 'bucket = "hello-nowhere"'), "utf-8")
    try:
        for words in (("status",), ("history",), ("metrics",), ("status", "--version", version)):
            shown = typed(root, *words, code=8)
            assert re.search(r"prod: not known: The bucket does not exist", " ".join(shown.split())), shown
            assert "preprod" in shown.replace("prod: not known", "")
    finally:
        file.write_text(text, "utf-8")
