"""A service of ECS from the first `inv deploy-dev` to a rollback, as typed: its tasks are processes that answer."""

from __future__ import annotations

import json
import os
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.errors import DeployFailed
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.verbs.deploy import deploy
from tagship.verbs.status import status
from tests.journeys.example import FIRST, SECOND, Example, files, greeting
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import client, git, repository, start

CRASHING, WRONG = "0.1.2-dev", "0.1.3-dev"
CLUSTER, SERVICE = "shop-dev", "shop-dev-api"


@dataclass
class Place(Example):
    """examples/ecs: a service whose tasks answer."""

    url: str = ""

    def version(self, version: str, fault: str) -> Mapping[str, str]:
        return {"service.json": greeting(version, fault=fault)}

    def answer(self, page: str = "version") -> Any:
        with urllib.request.urlopen(f"{self.url}/{page}", timeout=5) as answer:
            return json.load(answer)

    @property
    def ecs(self) -> Any:
        return client(self.running, "ecs")

    def digests(self) -> set[str]:
        """What the running tasks run."""
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
        tasks = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
        return {container["imageDigest"] for task in tasks for container in task["containers"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make(folder: Path, more: str = "") -> Path:
    """The repository: examples/ecs, the workflow, and a port of its own."""
    port = free_port()
    made = files("ecs")
    made["tagship.toml"] = made["tagship.toml"].replace("8734", str(port)) + more
    return repository(folder, made)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox to which two good versions and two broken ones were deployed, the first and the crashing one by CI."""
    root = make(tmp_path_factory.mktemp("services"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        running = start(root)
        url = next(line for line in (root / "tagship.toml").read_text().splitlines() if line.startswith("health.url"))
        made = Place(running, url=url.split('"')[1].removesuffix("/healthz"))
        made.release(FIRST, "--first")
        made.deploy(SECOND)
        made.release(CRASHING, fault="crash")
        made.deploy(WRONG, "error")
        yield made
    lifecycle.down(root)
    assert not processes.belonging(running.folder)


def test_a_release_ends_with_tasks_of_the_image_that_ci_built(place: Place) -> None:
    assert f"{FIRST} is healthy on dev" in place.shown[FIRST]
    assert f"{SECOND} is healthy on dev (shop-dev-api) after " in place.shown[SECOND]
    built = place.answer()
    assert built["version"] == SECOND
    assert built["commit_sha"] == git(place.work, "rev-parse", f"{SECOND}^{{commit}}")
    assert built["branch"] == "dev"
    image = place.running.images(lambda _: None).find("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop", SECOND)
    assert image
    assert place.digests() == {image.digest}


def test_a_version_whose_tasks_exit_is_rolled_back_by_ecs_and_the_reason_is_the_tasks_own(place: Place) -> None:
    shown = place.shown[CRASHING]
    assert f"error: {CRASHING} failed on dev (the circuit breaker ended it after 2 of 2 failures)." in shown
    assert f"now: {SECOND} is serving." in shown
    assert "app exited with 3" in shown
    assert "host" not in shown
    assert f"{CRASHING} on dev: rolled-back" in place.last_summary()
    assert "app exited with 3" in place.last_summary()
    [deployment] = [row for row in bootstrap.app(place.work).ledger.deployments("dev") if row.artifact_id == CRASHING]
    assert deployment.state == "rolled-back"
    assert any("app exited with 3" in json.dumps(dict(entry.details)) for entry in deployment.entries)


def test_a_version_that_answers_badly_is_put_back_by_tagship(place: Place) -> None:
    shown = place.shown[WRONG]
    assert f"error: {WRONG} failed on dev (it answered 500)." in shown
    assert f"now: {SECOND} is serving." in shown
    assert place.answer()["version"] == SECOND


def test_a_failed_deployment_exits_with_six_and_says_so_of_the_service(place: Place) -> None:
    with pytest.raises(DeployFailed) as caught:
        deploy(bootstrap.app(place.work), artifact=WRONG)
    assert (caught.value.exit_code, caught.value.state) == (6, f"{SECOND} is serving.")
    assert "warning: Stopped: shop-dev-api failed.\n" in place.shown[WRONG]


def test_why_not_says_what_befell_a_version_of_a_service(place: Place) -> None:
    shown = place.inv("why-not", "--version", CRASHING, "--env", "dev")
    assert "the circuit breaker ended it" in shown


def test_a_rollback_registers_nothing_and_status_history_and_heal_say_what_is(place: Place) -> None:
    before = place.ecs.list_task_definitions(familyPrefix=SERVICE)["taskDefinitionArns"]
    shown = place.inv("rollback", "--to", FIRST)
    assert f"{FIRST} is healthy on dev (shop-dev-api) after " in shown
    assert "host" not in shown
    assert place.answer()["version"] == FIRST
    assert place.ecs.list_task_definitions(familyPrefix=SERVICE)["taskDefinitionArns"] == before
    assert f"{SERVICE}  {SERVICE}  {FIRST}  as recorded" in place.inv("status")
    assert f"rollback {FIRST} on dev" in place.inv("history")
    assert "every service of dev runs 0.1.0-dev: there is nothing to heal" in place.inv("heal")
    assert "There is no unfinished deployment of dev." in place.inv("resume", fails=True)
    place.inv("rollback", "--to", SECOND, "--allow-bad")


def test_a_service_that_somebody_updated_is_drift_and_heal_brings_it_back(place: Place) -> None:
    theirs = place.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]["taskDefinition"]
    place.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=f"{SERVICE}:1")
    [environment] = status(bootstrap.app(place.work))
    assert environment.drifted
    place.inv("heal", "--env", "dev")
    now = place.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]["taskDefinition"]
    [image], [healed] = (images(place, definition) for definition in (theirs, now))
    assert healed == image  # by its digest; the revision may be a new one of the family's newest
    assert place.answer()["version"] == SECOND


def images(place: Place, definition: str) -> set[str]:
    """What the containers of a task definition run."""
    described = place.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    return {container["image"] for container in described["containerDefinitions"]}


def test_what_is_for_hosts_is_refused_in_the_words_of_services(place: Place) -> None:
    assert "dev has no hosts that boot: it needs no user data." in place.inv("user-data", "--env", "dev", fails=True)
    assert "dev has no hosts to adopt." in place.inv("adopt", "--env", "dev", fails=True)
    assert "dev has no hosts that pin keys." in place.inv("pin", "--env", "dev", fails=True)
