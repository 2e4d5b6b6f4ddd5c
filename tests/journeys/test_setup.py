"""setup on the sandbox, through the command: what it makes is what a deployment then uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.keys import compact
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = shop.make(tmp_path_factory.mktemp("shop"), ["dev", "prod"])
    running = start(root)
    yield Shop(root, running, "dev")
    lifecycle.down(root)


def tagship(here: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    """`tagship …` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from tagship.tasks.program import run; run()", *words],
        cwd=here.root,
        env={**os.environ, "PYTHONPATH": str(shop.HERE)},
        capture_output=True,
        text=True,
        check=False,
    )


def prepared(here: Shop, *words: str) -> dict[str, Any]:
    ran = tagship(here, "setup", "--json", *words)
    assert ran.returncode == 0, ran.stderr
    value: dict[str, Any] = json.loads(ran.stdout)
    return value


def words(value: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["change"] for one in value["changes"]}


def versions(running: Running) -> dict[str, Any]:
    told: dict[str, Any] = client(running, "ssm").describe_document(Name="tagship-deploy")["Document"]
    return told


def test_an_account_is_prepared_once_and_then_kept(here: Shop) -> None:
    stacks = {"tagship-hello": "make", "tagship-hello-dev": "make", "tagship-hello-prod": "make"}
    document = {"tagship-deploy": "keep", "tagship-deploy-status": "keep"}  # a fresh sandbox has them
    assert words(prepared(here, "--dry-run")) == {**stacks, **document}
    first = prepared(here)
    assert words(first) == {**stacks, **document}
    assert ":role/tagship/hello/ship/dev/tagship-hello-dev-Ci-" in first["outputs"]["tagship-hello-dev"]["CiRoleArn"]
    assert set(words(prepared(here)).values()) == {"keep"}
    assert "nothing to do" in tagship(here, "setup").stdout
    stack = client(here.running, "cloudformation").get_template(StackName="tagship-hello-prod")
    assert '"ssm:resourceTag/tagship:environment": "prod"' in stack["TemplateBody"]


def test_a_changed_document_becomes_a_version_that_a_deployment_then_obeys(here: Shop) -> None:
    entry = here.root / "deploy/host/entry.sh"
    before = entry.read_text("utf-8")
    entry.write_text(before.replace("Standard output is the verdict", "Standard output is still the verdict"), "utf-8")
    assert words(prepared(here, "--document-only")) == {"tagship-deploy": "change", "tagship-deploy-status": "change"}
    assert (versions(here.running)["DefaultVersion"], versions(here.running)["LatestVersion"]) == ("2", "2")
    version = here.publish("0.1.0")
    assert deploy(here.app(), artifact=version).state == "healthy"
    assert here.serving() == [version]
    entry.write_text(before, "utf-8")
    shown = tagship(here, "setup", "--dry-run").stdout
    assert '-     "# Standard output is still the verdict' in shown
    assert '+     "# Standard output is the verdict' in shown
    assert versions(here.running)["DefaultVersion"] == "2"


def test_user_data_is_printed_by_the_command(here: Shop, tmp_path: Path) -> None:
    ran = tagship(here, "user-data", "--env", "dev")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("#!/usr/bin/env bash\n")
    assert compact(here.running.public_key.read_text("utf-8")) in ran.stdout
    assert tagship(here, "user-data", "--env", "dev", "--output", str(tmp_path / "user-data")).returncode == 0
    assert (tmp_path / "user-data").read_text("utf-8") == ran.stdout
    told = json.loads(tagship(here, "user-data", "--env", "dev", "--json").stdout)
    assert told["bytes"] == len(ran.stdout.encode()) < told["limit"] == 16384
