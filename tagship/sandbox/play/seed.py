"""What a fresh sandbox holds: the bucket, the hosts of every environment, and the SSM document that they obey."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.sandbox.aws import ssm
from tagship.sandbox.aws.ssm import Agents
from tagship.sandbox.hosts import local
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.state import SandboxHost
from tagship.settings import Settings

TEMPLATE = Path("deploy/aws/ssm-document.json")
ENTRY = Path("deploy/host/entry.sh")


@dataclass(frozen=True)
class Ground:
    """What seed.plant plants in: the API, the sandbox's folder, the repository and its settings."""

    url: str
    folder: Path
    settings: Settings
    root: Path

    def client(self, service: str) -> Any:
        import boto3

        make: Any = boto3.client
        return make(service, region_name=self.settings.aws.region, endpoint_url=self.url)


def plant(ground: Ground, count: int, agents: Agents, simulated: int = 0) -> tuple[SandboxHost, ...]:
    """Make all of it through the API, as an account would be prepared; returns the hosts, `count` an environment (or,
    where `simulated` is not 0, that many simulated ones)."""
    _bucket(ground)
    _documents(ground)
    ec2 = ground.client("ec2")
    if simulated:
        named = [name for name, environment in ground.settings.environments.items() if environment.ec2]
        return tuple(host for name in named for host in _fleet(ground, ec2, name, simulated, agents))
    return tuple(
        _host(ground, ec2, name, number, agents)
        for name, environment in ground.settings.environments.items()
        for number in range(1, count + 1)
        if environment.ec2
    )


def _bucket(ground: Ground) -> None:
    region = ground.settings.aws.region
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    ground.client("s3").create_bucket(Bucket=ground.settings.aws.bucket, **elsewhere)


def _documents(ground: Ground) -> None:
    """The document of every environment; a repository without one is served by AWS-RunShellScript."""
    if not (ground.root / TEMPLATE).is_file():
        return
    from tagship.domain.ec2 import document

    content = document.render((ground.root / TEMPLATE).read_text("utf-8"), (ground.root / ENTRY).read_text("utf-8"))
    for name in {each.ec2.document for each in ground.settings.environments.values() if each.ec2}:
        ground.client("ssm").create_document(Name=name, Content=content, DocumentType="Command", DocumentFormat="JSON")


def _fleet(ground: Ground, ec2: Any, environment: str, count: int, agents: Agents) -> list[SandboxHost]:
    """Instances with the environment's tags, in one call, and a simulated host behind each; they have no disk."""
    names = {}
    for number, id_ in enumerate(_instances(ground, ec2, environment, f"simulated-{environment}", count), 1):
        names[id_] = f"simulated-{environment}-{number}"
        agents.machines[id_] = SimulatedHost(id_, ground.folder / "hosts" / id_, agents.behaviour)
    ssm.name(ground.settings.aws.region, names)
    return [SandboxHost(id_, name, environment, ground.folder / "hosts" / id_, 0) for id_, name in names.items()]


def _instances(ground: Ground, ec2: Any, environment: str, name: str, count: int) -> list[str]:
    wanted = ground.settings.environments[environment].ec2
    tags = {"Name": name, **(wanted.tags if wanted else {})}
    answer = ec2.run_instances(
        ImageId="ami-0a5b1c2d3e4f50617",
        InstanceType="t3.micro",
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    return [each["InstanceId"] for each in answer["Instances"]]


def _host(ground: Ground, ec2: Any, environment: str, number: int, agents: Agents) -> SandboxHost:
    """One instance with the environment's tags, and the disk that stands behind it."""
    name = f"{ground.settings.app}-{environment}-{number}"
    [id_] = _instances(ground, ec2, environment, name, 1)
    host = local.LocalHost(id_, ground.folder / "hosts" / id_, ground.url, ground.settings.aws.region)
    unsigned = ground.settings.environment(environment).allow_unsigned
    port = local.build(host.root, ground.settings.app, ground.folder / "keys/release.pub.pem", unsigned=unsigned)
    agents.machines[id_] = host
    return SandboxHost(id_, name, environment, host.root, port)
