"""A release of two images, one service: built, named in one manifest, run by two containers, and gone back from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.manifest import Manifest
from tagship.sandbox import lifecycle
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
"""
SIDECAR = "import time\nwhile True:\n    time.sleep(1)\n"


def make(folder: Path) -> Path:
    made = files("ecs", steps="")
    text = made["tagship.toml"].replace("8734", str(free_port()))
    own = f'[environments.dev.image]\nrepository = "{ACCOUNT}/shop"\n'
    assert own in text
    made["tagship.toml"] = text.replace(own, "") + 'images = { app = "api", sidecar = "sidecar" }\n' + IMAGES
    made["sidecar/Dockerfile"] = 'FROM scratch\nCOPY sidecar/wait.py /\nCMD ["python3", "wait.py"]\n'
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


def test_a_rollback_takes_every_container_back(running: Running) -> None:
    rollback(bootstrap.app(running.work), to=FIRST, env="dev", yes=True)
    images = manifest_of(running, FIRST).images
    assert containers(running) == {"app": images["api"].digest, "sidecar": images["sidecar"].digest}
