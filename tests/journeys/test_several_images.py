"""A release of two images and a migration, one service: built, named in one manifest, migrated by a task of the first
image, run by two containers, and gone back from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.hook import runs_of
from tagship.domain.manifest import Manifest
from tagship.errors import Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tests.journeys.example import FIRST, SECOND, files
from tests.journeys.test_deploy_to_services import CLUSTER, SERVICE, free_port
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import client, git, repository, start

ACCOUNT = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = f"""
[images.api]
repository = "{ACCOUNT}/shop-api"
moving_tags = ["latest-{{environment}}"]
[images.sidecar]
repository = "{ACCOUNT}/shop-sidecar"
dockerfile = "sidecar/Dockerfile"
context = "sidecar"
"""
MIGRATION = f"""
[hooks.before_switch]
command = ["python3", "-c", "import os; print('migrated to', os.environ['VERSION'])"]
task = {{ service = "{SERVICE}", container = "app" }}
reversible = false
"""
SIDECAR = "import time\nwhile True:\n    time.sleep(1)\n"


def make(folder: Path) -> Path:
    made = files("ecs", steps="")
    text = made["tagship.toml"].replace("8734", str(free_port()))
    own = f'[environments.dev.image]\nrepository = "{ACCOUNT}/shop"\n'
    assert own in text
    made["tagship.toml"] = (
        text.replace(own, "") + 'images = { app = "api", sidecar = "sidecar" }\n' + IMAGES + MIGRATION
    )
    made["sidecar/Dockerfile"] = 'FROM scratch\nCOPY wait.py /\nCMD ["python3", "wait.py"]\n'
    made["sidecar/wait.py"] = SIDECAR
    return repository(folder, made)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = make(tmp_path_factory.mktemp("images"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        box = start(root)
        try:
            for version in (FIRST, SECOND):
                ship(box, version)
            yield box
        finally:
            lifecycle.down(root)


def ship(box: Running, version: str) -> None:
    (box.work / "service.json").write_text(json.dumps({"greeting": version, "fault": ""}), "utf-8")
    git(box.work, "commit", "--quiet", "--all", "-m", f"Greet with {version}")
    git(box.work, "tag", "-a", version, "-m", version)
    for verb in (build, bundle, publish, deploy):
        verb(bootstrap.app(box.work), artifact=version)


def manifest_of(box: Running, version: str) -> Manifest:
    key = layout.artifact("shop", "dev", version, layout.MANIFEST)
    stored = bootstrap.app(box.work).store.get(key)
    assert stored
    return Manifest.from_json(stored.body, key)


def containers(box: Running) -> dict[str, str]:
    """What each container of the running tasks runs, by digest."""
    ecs: Any = client(box, "ecs")
    arns = ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
    tasks = ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
    return {row["name"]: row["imageDigest"] for task in tasks for row in task["containers"]}


def test_each_container_runs_the_image_that_the_manifest_names_for_it(running: Running) -> None:
    images = manifest_of(running, SECOND).images
    assert containers(running) == {"app": images["api"].digest, "sidecar": images["sidecar"].digest}
    registry = bootstrap.app(running.work).registry
    latest = registry.find(f"{ACCOUNT}/shop-api", "latest-dev")
    assert latest
    assert latest.digest == images["api"].digest


def test_an_image_whose_inputs_did_not_change_is_kept_and_named_for_what_it_was_built_for(running: Running) -> None:
    first, second = manifest_of(running, FIRST).images, manifest_of(running, SECOND).images
    assert second["sidecar"].digest == first["sidecar"].digest
    assert (second["sidecar"].tag, second["sidecar"].built_for) == (SECOND, FIRST)
    assert second["api"].digest != first["api"].digest
    assert second["api"].built_for == ""
    registry = bootstrap.app(running.work).registry
    stored = registry.find(f"{ACCOUNT}/shop-sidecar", SECOND)
    assert stored
    assert stored.digest == first["sidecar"].digest


def test_every_container_of_a_task_is_a_process_that_runs(running: Running) -> None:
    mine = processes.belonging(running.folder)
    scripts = {word.decode() for pid, words in processes._commands() if pid in mine for word in words}
    assert {"app.py", "wait.py"} <= scripts


def test_the_migration_ran_in_a_task_of_the_releases_own_image_before_the_switch(running: Running) -> None:
    [*_, deployment] = bootstrap.app(running.work).ledger.deployments("dev")
    run = runs_of(deployment)["before_switch"]
    assert (run.state, run.irreversible) == ("passed", [SECOND])
    first, *log = run.output.splitlines()
    assert first.endswith(f" of {SERVICE}-hook:2: app exited with 0")
    assert log[-1] == f"migrated to {SECOND}"
    definition = client(running, "ecs").describe_task_definition(taskDefinition=f"{SERVICE}-hook:2")["taskDefinition"]
    images = {row["name"]: row["image"] for row in definition["containerDefinitions"]}
    assert images["app"] == manifest_of(running, SECOND).images["api"].by_digest


def test_a_rollback_across_that_migration_has_to_be_asked_for_and_takes_every_container_back(running: Running) -> None:
    app = bootstrap.app(running.work)
    with pytest.raises(Refused, match=SECOND):
        rollback(app, to=FIRST, env="dev", yes=True)
    rollback(app, to=FIRST, env="dev", yes=True, allow_irreversible=True)
    images = manifest_of(running, FIRST).images
    assert containers(running) == {"app": images["api"].digest, "sidecar": images["sidecar"].digest}
