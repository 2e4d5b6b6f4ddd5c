"""What a fresh sandbox holds: the bucket, what every environment runs on, the SSM document of hosts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tagship import resources
from tagship.domain.keys import ORDERS, RELEASE
from tagship.domain.outputs import PLACE
from tagship.sandbox.aws import instances
from tagship.sandbox.aws.machine_images import IMAGE
from tagship.sandbox.hosts import local
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.pairs import pair_of
from tagship.sandbox.play import functions, groups, secrets, services
from tagship.sandbox.state import SandboxHost
from tagship.sandbox.world import World
from tagship.settings import Settings
from tagship.settings.ec2 import Ec2, Hosts
from tagship.settings.previews import any_of


@dataclass(frozen=True)
class Ground:
    """Where a sandbox's content is made: the sandbox, and a repository.

    The repository at `root` is the one that the settings are of.
    """

    world: World
    settings: Settings
    root: Path

    def client(self, service: str) -> Any:
        import boto3

        make: Any = boto3.client
        signed = self.world.keys.signed(self.settings.aws.account)
        return make(service, region_name=self.settings.aws.region, endpoint_url=self.world.url, **signed)


def plant(ground: Ground, count: int, simulated: int = 0) -> tuple[SandboxHost, ...]:
    """Prepare each account through the API; return the hosts.

    There are `count` of them an environment, or, unless `simulated` is 0, that many simulated ones.
    """
    settings = ground.settings
    grounds = [replace(ground, settings=settings.within(account)) for account in settings.accounts]
    followers = [
        replace(ground, settings=settings.in_region(name, place))
        for name in settings.environments
        for place in settings.places(name)[1:]
    ]
    planted = [host for part in grounds for host in _planted(part, count, simulated)]
    return (*planted, *(host for part in followers for host in _following(part, count)))


def _following(ground: Ground, count: int) -> list[SandboxHost]:
    """Prepare a region that follows another, with units of its own."""
    # A URL of this machine leads to the services of the first region: it is but one.
    _bucket(ground)
    _documents(ground)
    functions.seed(ground.settings, ground.client, ground.world.folder / "images")
    services.seed(ground.settings, ground.client("ecs"), {}, ground.client("logs"))
    fronts = groups.seed(ground.settings, ground.client, ground.world, count, follows=True)
    [name] = ground.settings.environments
    if not ground.settings.environments[name].runs_on(Ec2):
        return fronts
    return [_host(ground, ground.client("ec2"), name, number) for number in range(1, count + 1)]


def _planted(ground: Ground, count: int, simulated: int) -> tuple[SandboxHost, ...]:
    """Prepare one account, of whose environments alone the settings are."""
    _bucket(ground)
    _documents(ground)
    secrets.seed(ground.settings, ground.client, ground.root)
    functions.seed(ground.settings, ground.client, ground.world.folder / "images")
    services.seed(ground.settings, ground.client("ecs"), ground.world.fronts, ground.client("logs"))
    ec2 = ground.client("ec2")
    named = [name for name, environment in ground.settings.environments.items() if environment.runs_on(Ec2)]
    fronts = groups.seed(ground.settings, ground.client, ground.world, count)
    if simulated:
        return (*(host for name in named for host in _fleet(ground, ec2, name, simulated)), *fronts)
    return (*(_host(ground, ec2, name, number) for name in named for number in range(1, count + 1)), *fronts)


def _bucket(ground: Ground) -> None:
    region = ground.settings.aws.region
    elsewhere = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    served = (made.environments.items() for made in ground.settings.static.values())
    sites = {place.bucket for made in served for name, place in made if name in ground.settings.environments}
    sites = {bucket for bucket in sites if not PLACE.search(bucket)}  # infrastructure makes others
    for bucket in sorted({ground.settings.aws.bucket, *sites}):
        ground.client("s3").create_bucket(Bucket=bucket, **elsewhere)


def _documents(ground: Ground) -> None:
    """Create the SSM documents of every environment, and of previews."""
    preview = any_of(ground.settings.environment_model(), ground.settings.previews)
    chosen = [*ground.settings.environments.values(), *([preview] if preview else [])]
    hosts = [environment.runs_on(Hosts) for environment in chosen]
    documents = [host.documents(lambda path: resources.text(ground.root, path)) for host in hosts if host]
    for name, content in {name: content for made in documents for name, content in made.items()}.items():
        ground.client("ssm").create_document(Name=name, Content=content, DocumentType="Command", DocumentFormat="JSON")


def _fleet(ground: Ground, ec2: Any, environment: str, count: int) -> list[SandboxHost]:
    """Make instances in one call, and a simulated host behind each."""
    # They have the environment's tags and no disk.
    world, prefix = ground.world, f"simulated-{environment}"
    ids = _instances(ground, ec2, environment, prefix, count)
    names = {id_: f"{prefix}-{number}" for number, id_ in enumerate(ids, 1)}
    world.machines |= {id_: SimulatedHost(id_, world.disk(id_), world.behaviour) for id_ in ids}
    instances.name(ground.settings.aws.region, ground.settings.aws.account, names)
    return [SandboxHost(id_, name, environment, world.disk(id_), 0) for id_, name in names.items()]


def _instances(ground: Ground, ec2: Any, environment: str, name: str, count: int) -> list[str]:
    hosts = ground.settings.environments[environment].runs_on(Ec2)
    tags = {"Name": name, **(hosts.tags if hosts else {})}
    answer = ec2.run_instances(
        ImageId=IMAGE,
        InstanceType="t3.micro",
        MinCount=count,
        MaxCount=count,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )
    return [instance["InstanceId"] for instance in answer["Instances"]]


def _host(ground: Ground, ec2: Any, environment: str, number: int) -> SandboxHost:
    """Make one instance with the environment's tags, and its disk."""
    world, app = ground.world, ground.settings.app
    name = f"{app}-{environment}-{number}"
    [id_] = _instances(ground, ec2, environment, name, 1)
    host = local.LocalHost(
        id_, world.disk(id_), world.url, ground.settings.aws.region, world.keys, ground.settings.aws.account
    )
    port = world.ports.free()
    unsigned = ground.settings.environment(environment).allow_unsigned
    signing = ground.settings.signing
    release, orders = (pair_of(world.folder, signing, environment, purpose).public for purpose in (RELEASE, ORDERS))
    local.build(host.root, app, release, port, unsigned=unsigned)
    if signing:
        local.pin(host.root, app, environment, release, orders)
    world.machines[id_] = host
    return SandboxHost(id_, name, environment, host.root, port)
