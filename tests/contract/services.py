"""An environment of services on the sandbox's ECS in this process, and artifacts for it that nobody had to build."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.clock import SystemClock
from tagship.adapters.targets.ecs.target import EcsTarget, connect
from tagship.domain.health import Sample
from tagship.domain.manifest import ImageRef
from tests.contract import strict_aws
from tests.contract.place import HEALTH, Deployable, Place
from tests.fakes.app import settings
from tests.fakes.images import FakeImages

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
PLACEHOLDER = f"{REPOSITORY}:placeholder"
ENDINGS = {"crash": "exits(1)", "stuck": "never_healthy"}  # a fault -> how the sandbox's tasks of its image end
_NUMBERS = itertools.count(1)


class Hasty(SystemClock):
    """Waits a tenth of what is asked: the sandbox's steps are short."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 10)


@dataclass
class Services(Deployable):
    """Services by their names, in a cluster of their own."""

    cluster: str
    names: Sequence[str]
    images: dict[str, tuple[str, str]] = field(default_factory=dict)  # digest -> version, fault

    @classmethod
    def made(cls, names: Sequence[str], url: bool = True, service: Any = None, **ecs: Any) -> Services:
        number = next(_NUMBERS)
        cluster = f"dev-{number}"
        tables = {
            name: {
                "containers": ["app"],
                **({"health": {"url": f"http://{name}", "version_key": "version"}} if url else {}),
            }
            for name in names
        }
        families = [f"{cluster}-{name}" for name in names]
        dev = {
            "branch": "dev",
            "health": HEALTH,
            "image": {"repository": REPOSITORY},
            "variables": {"GREETING": "hello"},
            "ecs": {"cluster": cluster, "services": tables, "timeout": 20, "families": families, **ecs},
        }
        aws = strict_aws.aws()
        store = S3Store(aws, strict_aws.bucket(f"services-{number}"))
        app = Place(settings=settings(environments={"dev": dev}), aws=aws, store=store)  # type: ignore[arg-type]
        app.clock = Hasty()  # type: ignore[assignment]
        place = cls(app, cluster, names)
        app.web = place  # type: ignore[assignment]
        app.given["registry"] = FakeImages()
        switch(step=0.02, listed_after=0, stale_reads=1, newer={}, newer_container={})
        place.client.create_cluster(clusterName=cluster)
        for name in names:
            place._create(name, service or {})
        return place

    def _create(self, name: str, more: Any) -> None:
        family = f"{self.cluster}-{name}"
        container = {"name": "app", "image": PLACEHOLDER, "environment": [{"name": "TABLE", "value": "of-infra"}]}
        self.client.register_task_definition(
            family=family,
            containerDefinitions=[container, {"name": "proxy", "image": "public.ecr.aws/proxy:1"}],
            tags=[{"key": "team", "value": "web"}],
        )
        breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 2}}
        asked = {"desiredCount": 2, "deploymentConfiguration": {"deploymentCircuitBreaker": breaker}, **more}
        self.client.create_service(cluster=self.cluster, serviceName=name, taskDefinition=family, **asked)

    @property
    def client(self) -> Any:
        aws: Aws = self.app.aws
        return aws.once("ecs")

    def connect(self) -> EcsTarget:
        return connect(self.app, "dev")

    def remove(self) -> None:
        for name in self.names:
            self.client.delete_service(cluster=self.cluster, service=name, force=True)

    # -- artifacts -----------------------------------------------------------------------------------------------------

    def publish(self, version: str, fault: str = "") -> tuple[str, str]:
        """Store an artifact; returns its id and its manifest's SHA-256."""
        digest = "sha256:" + hashlib.sha256(f"{self.cluster} {version}".encode()).hexdigest()
        self.images[digest] = version, fault
        switch(scripts={digest: ENDINGS.get(fault, "runs")})
        self.app.registry.stored[REPOSITORY, version] = ImageRef(REPOSITORY, version, digest)  # type: ignore[attr-defined]
        return self.store(version, image=ImageRef(REPOSITORY, version, digest))

    # -- asking --------------------------------------------------------------------------------------------------------

    def described(self, name: str) -> Any:
        [service] = self.client.describe_services(cluster=self.cluster, services=[name])["services"]
        return service

    def definition(self, name: str) -> Any:
        """The task definition that a service runs, with its tags."""
        arn = self.described(name)["taskDefinition"]
        return self.client.describe_task_definition(taskDefinition=arn, include=["TAGS"])

    def digests(self, name: str) -> list[str]:
        """What its running tasks run, each."""
        arns = self.client.list_tasks(cluster=self.cluster, serviceName=name, desiredStatus="RUNNING")["taskArns"]
        tasks = self.client.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []
        return [
            row["imageDigest"] for task in tasks if task["lastStatus"] == "RUNNING" for row in task["containers"][:1]
        ]

    def ask(self, url: str, version_key: str, timeout: float) -> Sample:
        """What a service answers: the port `web`."""
        digests = self.digests(url.removeprefix("http://"))
        version, fault = self.images.get(digests[0], ("", "")) if digests else ("", "error")
        if fault == "error":
            return Sample(500)
        return Sample(200, "0.0.0-impostor" if fault == "impostor" else version)

    def serving(self) -> list[str]:
        """The version that all tasks of a service run; several if they are mixed."""
        return [
            "+".join(sorted({self.images.get(digest, ("", ""))[0] for digest in self.digests(name)}))
            for name in self.names
        ]


def switch(**asked: Any) -> None:
    """Have the sandbox's ECS behave otherwise."""
    strict_aws.world().switch({"ecs": asked})
