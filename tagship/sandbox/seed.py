"""What a fresh sandbox holds: the bucket, the hosts of every environment, and the SSM document that they obey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.sandbox import hosts
from tagship.sandbox.ssm import Agents
from tagship.sandbox.state import SandboxHost
from tagship.settings import Environment, Settings

TEMPLATE = Path("deploy/aws/ssm-document.json")
ENTRY = Path("deploy/host/entry.sh")


def plant(url: str, folder: Path, chosen: Settings, root: Path, count: int, agents: Agents) -> tuple[SandboxHost, ...]:
    """Make all of it through the API, as an account would be prepared; returns the hosts."""
    import boto3

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, region_name=chosen.aws.region, endpoint_url=url)

    _bucket(client("s3"), chosen.aws.bucket, chosen.aws.region)
    _documents(client("ssm"), chosen, root)
    ec2 = client("ec2")
    made = []
    for name, environment in chosen.environments.items():
        for number in range(1, count + 1) if environment.ec2 else ():
            made.append(_host(ec2, f"{chosen.app}-{name}-{number}", name, environment, folder, url, chosen, agents))
    return tuple(made)


def _bucket(s3: Any, name: str, region: str) -> None:
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **elsewhere)


def _documents(ssm: Any, chosen: Settings, root: Path) -> None:
    """The document of every environment; a repository without one is served by AWS-RunShellScript."""
    if not (root / TEMPLATE).is_file():
        return
    from tagship.domain import document

    content = document.render((root / TEMPLATE).read_text("utf-8"), (root / ENTRY).read_text("utf-8"))
    for name in {each.ec2.document for each in chosen.environments.values() if each.ec2}:
        ssm.create_document(
            Name=name, Content=content, DocumentType="Command", DocumentFormat="JSON", TargetType="/AWS::EC2::Instance"
        )


def _host(
    ec2: Any, name: str, environment: str, wanted: Environment, folder: Path, url: str, chosen: Settings, agents: Agents
) -> SandboxHost:
    tags: Mapping[str, str] = {"Name": name, **(wanted.ec2.tags if wanted.ec2 else {})}
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    answer = ec2.run_instances(
        ImageId="ami-0a5b1c2d3e4f50617",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": listed}],
    )
    id_ = answer["Instances"][0]["InstanceId"]
    host = hosts.LocalHost(id_, folder / "hosts" / id_, url, chosen.aws.region)
    port = hosts.build(host.root, chosen.app, folder / "keys/release.pub.pem")
    agents.machines[id_] = host
    return hosts.describe(host, name, environment, port)
