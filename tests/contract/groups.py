"""An environment of Auto Scaling groups on the sandbox in this process, whose instances are simulated hosts."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.targets.asg.target import AsgTarget, connect
from tagship.domain import layout
from tagship.domain.ec2 import document
from tagship.domain.manifest import sha256
from tagship.sandbox.hosts.simulated import SimulatedHost
from tests.contract import strict_aws
from tests.contract.place import HEALTH, Deployable, Place
from tests.contract.services import Hasty
from tests.fakes.app import settings

TOP = Path(__file__).parents[2]
AMI, NO_AMI = "ami-0a5b1c2d3e4f50617", "ami-00000000000000000"
DOCUMENT = "tagship-deploy"
REFRESH = {"min_healthy": 50, "max_healthy": 100, "timeout": 30}
_NUMBERS = itertools.count(1)


@dataclass
class Groups(Deployable):
    """Groups of two instances each, by their names; each has a launch template of its own."""

    names: Sequence[str]

    @classmethod
    def made(cls, short: Sequence[str], refresh: dict[str, Any] | None = None, **asg: Any) -> Groups:
        number = next(_NUMBERS)
        names = [f"{name}-{number}" for name in short]
        tags = {"tagship:environment": f"dev-{number}"}
        table = {"groups": names, "tags": tags, "command": ["python3", "app.py"], "timeout": 5, "drain": 0}
        dev = {"branch": "dev", "health": HEALTH, "asg": {**table, "refresh": {**REFRESH, **(refresh or {})}, **asg}}
        aws = strict_aws.aws()
        store = S3Store(aws, strict_aws.bucket(f"groups-{number}"))
        app = Place(settings=settings(environments={"dev": dev}), aws=aws, store=store)  # type: ignore[arg-type]
        app.clock = Hasty()  # type: ignore[assignment]
        place = cls(app, names)
        switch(pending=0.05, warmup=0.3, keeps_pointer=False, no_image=[])
        strict_aws.world().switch({"scale": 0.001})
        _documents()
        for name in names:
            place._create(name, tags)
        return place

    def _create(self, name: str, tags: dict[str, str]) -> None:
        self.ec2.create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"ImageId": AMI, "InstanceType": "t3.micro"}
        )
        self.client.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=2,
            AvailabilityZones=["us-east-1a"],
            LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
        )

    @property
    def client(self) -> Any:
        return self.app.aws.once("autoscaling")

    @property
    def ec2(self) -> Any:
        return self.app.aws.once("ec2")

    def connect(self) -> AsgTarget:
        target = connect(self.app, "dev")
        target.ask_again = timedelta(seconds=0.1)
        return target

    def remove(self) -> None:
        for name in self.names:
            self.client.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)

    # -- artifacts -----------------------------------------------------------------------------------------------------

    def publish(self, version: str, fault: str = "") -> tuple[str, str]:
        """An artifact that instances boot so; its id and its manifest's SHA-256, which only names it here."""
        switch(boots={version: fault})
        return version, sha256(version.encode())

    # -- asking --------------------------------------------------------------------------------------------------------

    def short(self, unit: str) -> str:
        return unit.partition("-")[0]

    def described(self, name: str) -> Any:
        [group] = self.client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return group

    def ids(self, name: str) -> list[str]:
        return [row["InstanceId"] for row in self.described(name)["Instances"]]

    def launches(self, name: str) -> str:
        """The number of the version that a group launches."""
        return str(self.described(name)["LaunchTemplate"]["Version"])

    def refreshes(self, name: str) -> Any:
        return self.client.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]

    def key(self, name: str) -> str:
        return layout.group("hello", "dev", name)

    def serving(self) -> list[str]:
        """The version that all instances of a group answer as; several if they are mixed."""
        return ["+".join(sorted({self.answer(id_) for id_ in self.ids(name)})) for name in self.names]

    def answer(self, instance: str) -> str:
        host = strict_aws.world().machines.get(instance)
        return host.serving if isinstance(host, SimulatedHost) else ""


def _documents() -> None:
    """The documents by which instances are ordered, and asked."""
    client = strict_aws.aws().client("ssm")
    template = (TOP / "deploy/aws/ssm-document.json").read_text("utf-8")
    entry = (TOP / "deploy/host/entry.sh").read_text("utf-8")
    names = [row["Name"] for row in client.list_documents()["DocumentIdentifiers"]]
    for name, actions in ((DOCUMENT, ()), (document.for_status(DOCUMENT), ("status",))):
        if name not in names:
            content = document.render(template, entry, actions)
            client.create_document(Name=name, Content=content, DocumentType="Command", DocumentFormat="JSON")


def switch(**asked: Any) -> None:
    """Have the sandbox's Auto Scaling behave otherwise."""
    strict_aws.world().switch({"asg": asked})


def until(look: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)
