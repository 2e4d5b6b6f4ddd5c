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


def seed(settings: Settings, client: Client, world: World, count: int, *, follows: bool = False) -> list[SandboxHost]:
    """Make the groups of every environment; return where each answers.

    Those of a region that follows another are named with it.
    """
    fronts: list[SandboxHost] = []
    for name, environment in settings.environments.items():
        table = environment.runs_on(Asg)
        for group in table.groups if table else ():
            if PLACE.search(group):  # infrastructure decides it, and makes it
                continue
            port, region = world.ports.free(), settings.aws.region
            world.fronts[make(client, group, table.tags if table else {}, count, region)](port)
            called = f"{region}/{group}" if follows else group
            fronts.append(SandboxHost(called, called, name, world.folder / "hosts", port))
    return fronts


def make(client: Client, group: str, tags: Mapping[str, str], count: int, region: str = "us-east-1") -> str:
    """Create a launch template and its group; return the group's ARN."""
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
        AvailabilityZones=[f"{region}a"],
        LaunchTemplate={"LaunchTemplateName": group, "Version": "1"},
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in listed],
    )
    [made] = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    return str(made["AutoScalingGroupARN"])
