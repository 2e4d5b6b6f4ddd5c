"""The Auto Scaling groups that the settings name: a sandbox has no infrastructure that would make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tagship.domain.outputs import PLACE
from tagship.sandbox.aws.machine_images import IMAGE
from tagship.sandbox.state import SandboxHost
from tagship.sandbox.world import World
from tagship.settings import Settings
from tagship.settings.asg import Asg

MOST = 10  # instances that a group can scale out to

Client = Callable[[str], Any]


def seed(settings: Settings, client: Client, world: World, count: int) -> list[SandboxHost]:
    """Make the groups of every environment; return where each answers."""
    fronts: list[SandboxHost] = []
    for name, environment in settings.environments.items():
        table = environment.runs_on(Asg)
        for group in table.groups if table else ():
            if PLACE.search(group):  # infrastructure decides it, and makes it
                continue
            port = world.ports.free()
            make(client, group, table.tags if table else {}, count)
            world.fronts[group](port)
            fronts.append(SandboxHost(group, group, name, world.folder / "hosts", port))
    return fronts


def make(client: Client, group: str, tags: Mapping[str, str], count: int) -> None:
    """Create a launch template without user data, and a group of it."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    client("ec2").create_launch_template(
        LaunchTemplateName=group,
        LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": listed}],
    )
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=group,
        MinSize=0,
        MaxSize=MOST,
        DesiredCapacity=count,
        AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateName": group, "Version": "1"},
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in listed],
    )
