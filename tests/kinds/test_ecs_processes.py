"""Tasks of the sandbox's ECS as processes of an image that `build` unpacked, behind their service's address."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.aws.session import Aws
from tagship.sandbox import web
from tagship.sandbox.aws import ecs as service
from tagship.sandbox.aws import services
from tagship.sandbox.images import SandboxImages
from tagship.sandbox.play import services as made
from tagship.sandbox.world import World
from tests.contract import strict_aws

APP = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{text}")
print("began", "{text}", flush=True)
{first}
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY app.py .\nCMD ["python3", "app.py"]\n'
AT = {"cluster": "real", "service": "web"}
BREAKER = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1}}


@dataclass
class Shop:
    """A world with one service of one task, its address, and how to make images for it."""

    client: Any
    folder: Path
    world: World
    address: str = ""

    def image(self, text: str, first: str = "") -> str:
        """Build an image that answers with `text`; its digest."""
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "app.py").write_text(APP.format(text=text, first=first), "utf-8")
        (context / "Dockerfile").write_text(DOCKERFILE, "utf-8")
        images = SandboxImages(self.folder / "images", lambda _: None)
        to = self.folder / "image.json"
        return images.build(context, context / "Dockerfile", "hello", text, labels={}, arguments={}, to=to)

    def definition(self, digest: str) -> str:
        container = {"name": "app", "image": f"hello@{digest}", "portMappings": [{"containerPort": 8080}]}
        answer = self.client.register_task_definition(family="real", containerDefinitions=[container])
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def deploy(self, digest: str) -> str:
        """Update the service; the deployment's ARN."""
        self.client.update_service(
            **AT,
            taskDefinition=self.definition(digest),
            deploymentConfiguration={"deploymentCircuitBreaker": BREAKER},
        )
        [row] = self.client.list_service_deployments(**AT, status=["PENDING", "IN_PROGRESS"])["serviceDeployments"]
        return str(row["serviceDeploymentArn"])

    def follow(self, arn: str) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            [row] = self.client.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
            if row["status"] not in {"PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}:
                return row
            time.sleep(0.05)
        raise AssertionError("it did not end in time")

    def answer(self) -> str:
        try:
            with urllib.request.urlopen(self.address) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as problem:
            return str(problem.code)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The strict AWS's ECS is put back at the end: a process has one."""
    world = World(tmp_path, strict_aws.REGION)
    service.install(world)
    listening = web.server(services.application(world.keys))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{listening.server_port}"
    client = Aws(strict_aws.REGION, url, sandbox=True, keys=(world.keys.access, world.keys.secret)).once("ecs")
    world.switch({"ecs": {"step": 0.05, "listed_after": 0}})
    made_shop = Shop(client, tmp_path, world)
    client.create_cluster(clusterName="real")
    first = made_shop.definition(made_shop.image("one"))
    answer = client.create_service(cluster="real", serviceName="web", taskDefinition=first, desiredCount=1)
    made_shop.address = world.fronts[answer["service"]["serviceArn"]](0)
    [row] = client.list_service_deployments(**AT)["serviceDeployments"]
    assert made_shop.follow(row["serviceDeploymentArn"])["status"] == "SUCCESSFUL"
    yield made_shop
    client.delete_service(**AT, force=True)
    listening.shutdown()
    service.install(strict_aws.world())


def test_the_address_of_a_service_is_answered_by_the_version_that_runs(shop: Shop) -> None:
    assert shop.answer() == "one"
    assert shop.follow(shop.deploy(shop.image("two")))["status"] == "SUCCESSFUL"
    assert shop.answer() == "two"


def test_a_process_that_exits_trips_the_breaker_and_its_exit_code_is_the_tasks(shop: Shop) -> None:
    arn = shop.deploy(shop.image("bad", first="sys.exit(7)"))
    row = shop.follow(arn)
    assert (row["status"], shop.answer()) == ("ROLLBACK_SUCCESSFUL", "one")
    arns = shop.client.list_tasks(cluster="real", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    tasks = shop.client.describe_tasks(cluster="real", tasks=arns)["tasks"]
    assert [task["containers"][0]["exitCode"] for task in tasks] == [7]


def test_the_old_version_answers_while_a_new_one_does_not_listen_yet(shop: Shop) -> None:
    arn = shop.deploy(shop.image("slow", first="import time; time.sleep(1.5)"))
    seen = {shop.answer()}
    while shop.client.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]["status"] in {
        "PENDING",
        "IN_PROGRESS",
    }:
        seen.add(shop.answer())
        time.sleep(0.05)
    assert shop.answer() == "slow"
    assert seen <= {"one", "slow"}
    assert "one" in seen


def test_a_service_without_a_healthy_task_answers_503(shop: Shop) -> None:
    shop.client.update_service(**AT, desiredCount=0)
    deadline = time.monotonic() + 30
    while shop.answer() != "503":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_service_that_a_sandbox_makes_runs_nothing_yet_and_answers_at_its_health_url(shop: Shop) -> None:
    port = shop.world.ports.free()
    shop.address = f"http://127.0.0.1:{port}/healthz"
    urls = {"api": shop.address, "worker": "", "far": "https://hello.example/healthz"}
    made.make(shop.client, shop.world.fronts, "made", "hello", urls, role="task")
    assert len(shop.client.list_services(cluster="made")["serviceArns"]) == 3
    assert shop.answer() == "503"
    shop.client.update_service(cluster="made", service="api", taskDefinition=shop.definition(shop.image("two")))
    deadline = time.monotonic() + 30
    while shop.answer() != "two":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shop.client.delete_service(cluster="made", service="api", force=True)
