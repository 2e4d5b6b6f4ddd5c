"""AMIs: the one that the sandbox launches from is there in every account and region, and any can be taken away.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html: an AMI that was deregistered, or
that is not shared with the account any more, is not shown. Does not model: IncludeDeprecated, IncludeDisabled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response

from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.world import World

IMAGE = "ami-0a5b1c2d3e4f50617"
TAKEN = "_tagship_taken"  # on moto's backend: the AMIs that are not shown now


def install(_world: World) -> None:
    """Have EC2 show the sandbox's AMI."""
    stock.replace(EC2Response, "describe_images", _describing)


def _describing(original: Any) -> Callable[[Any], Any]:
    def describe_images(self: Any) -> Any:
        _images(AccountRegion(self.region, self.current_account))
        return original(self)

    return describe_images


def _images(place: AccountRegion) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the AMIs that are shown, and those that were taken away."""
    ec2 = stock.backend("ec2", place.region, place.account)
    taken: dict[str, Any] = vars(ec2).setdefault(TAKEN, {})
    if IMAGE not in ec2.amis and IMAGE not in taken:
        region = f"{place.region}a"
        about: Any = {"name": "sandbox", "architecture": "x86_64", "virtualization_type": "hvm"}
        ec2.amis[IMAGE] = Ami(ec2, IMAGE, region_name=region, **about)
    return ec2.amis, taken


def take_away(place: AccountRegion, images: Collection[str]) -> None:
    """Have EC2 show every AMI but these."""
    amis, taken = _images(place)
    amis |= taken
    taken.clear()
    taken |= {image: amis.pop(image) for image in images if image in amis}


def shown(place: AccountRegion, image: str) -> bool:
    """Tell whether an AMI is there; what a parameter names is."""
    return not image.startswith("ami-") or image in _images(place)[0]
