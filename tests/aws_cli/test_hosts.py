"""tagship deploys to hosts and goes back, and the AWS CLI is asked what is so now: the bucket, and SSM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.sandbox import lifecycle
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tests.aws_cli.conftest import Cli, commands
from tests.sandbox import shop
from tests.sandbox.conftest import start

BUCKET = ("--bucket", "hello-artifacts")  # as the example names it


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[shop.Shop]:
    """Two hosts to which two versions were deployed."""
    root = shop.make(tmp_path_factory.mktemp("hosts"), ["dev"])
    made = shop.Shop(root, start(root, hosts=2), "dev")
    for version in ("0.1.0", "0.1.1"):
        deploy(made.app(), artifact=made.publish(version))
    yield made
    lifecycle.down(root)


@pytest.fixture
def aws(hosts: shop.Shop) -> Cli:
    return commands(hosts.running, hosts.root)


def test_an_artifact_is_objects_with_their_checksums_and_metadata(hosts: shop.Shop, aws: Cli) -> None:
    app = hosts.app()
    key = layout.artifact(app.settings.app, "dev", "0.1.1-dev", layout.BUNDLE)
    head = aws("s3api", "head-object", *BUCKET, "--key", key, "--checksum-mode", "ENABLED")
    assert head["ChecksumSHA256"]
    assert {"commit-sha", "branch", "build-time"} <= set(head["Metadata"])


def test_each_deployment_is_one_command_to_both_hosts_which_succeeded(hosts: shop.Shop, aws: Cli) -> None:
    rows = aws("ssm", "list-commands")["Commands"]
    deployed = [row for row in rows if len(row["InstanceIds"]) == 2]
    assert deployed
    assert {row["Status"] for row in deployed} == {"Success"}
    invocations = aws("ssm", "list-command-invocations", "--command-id", deployed[0]["CommandId"])
    assert {row["Status"] for row in invocations["CommandInvocations"]} == {"Success"}


def test_a_rollback_stores_nothing_under_the_artifacts_and_the_pointer_names_what_serves(
    hosts: shop.Shop, aws: Cli, tmp_path: Path
) -> None:
    app = hosts.app()
    listing = ("s3api", "list-objects-v2", *BUCKET, "--prefix", f"{app.settings.app}/dev/")
    before = {row["Key"]: row["ETag"] for row in aws(*listing)["Contents"]}
    rollback(app, to="0.1.0-dev", env="dev", yes=True)
    assert {row["Key"]: row["ETag"] for row in aws(*listing)["Contents"]} == before
    assert hosts.serving() == ["0.1.0-dev"] * 2
    entries = aws("s3api", "list-objects-v2", *BUCKET, "--prefix", f"{app.settings.app}/_ledger/dev/")["Contents"]
    last = max((row["Key"] for row in entries if row["Key"].endswith("healthy.json")), default="")
    to = tmp_path / "entry.json"
    aws("s3api", "get-object", *BUCKET, "--key", last, str(to))
    assert json.loads(to.read_text())["artifact_id"] == "0.1.0-dev"
