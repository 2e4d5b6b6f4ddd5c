"""AMIs: the one that the sandbox launches from is there, and any can be taken away.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html: an AMI that was deregistered, or
that is not shared with the account any more, is not shown. Does not model: IncludeDeprecated, IncludeDisabled.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from moto.ec2.models.amis import Ami

from tagship.sandbox.aws import stock
from tagship.sandbox.world import World

IMAGE = "ami-0a5b1c2d3e4f50617"
TAKEN = "_tagship_taken"  # on moto's backend: the AMIs that are not shown now


def install(world: World) -> None:
    """Have EC2 show the sandbox's AMI."""
    ec2 = stock.backend("ec2", world.region)
    ec2.amis[IMAGE] = Ami(
        ec2, IMAGE, name="sandbox", architecture="x86_64", virtualization_type="hvm", region_name=f"{world.region}a"
    )


def take_away(region: str, images: Collection[str]) -> None:
    """Have EC2 show every AMI but these."""
    ec2 = stock.backend("ec2", region)
    taken: dict[str, Any] = vars(ec2).setdefault(TAKEN, {})
    ec2.amis |= taken
    taken.clear()
    taken |= {image: ec2.amis.pop(image) for image in images if image in ec2.amis}


def shown(region: str, image: str) -> bool:
    """Tell whether an AMI is there; what a parameter names is."""
    return not image.startswith("ami-") or image in stock.backend("ec2", region).amis
