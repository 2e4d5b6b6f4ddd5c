"""Which machines an environment's tags name, and which of them SSM can reach. At most 50 ids go into one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.units import Unit

IDS = 50  # instance ids a call


@dataclass(frozen=True)
class Instances:
    """The running instances that carry every one of some tags."""

    aws: Aws
    tags: Mapping[str, str]

    @property
    def wanted(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.tags.items())

    def running(self) -> list[Any]:
        """As EC2 describes them, in pages."""
        filters: Any = [{"Name": f"tag:{name}", "Values": [value]} for name, value in self.tags.items()]
        filters.append({"Name": "instance-state-name", "Values": ["running"]})
        pages = self.aws.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        return [one for page in pages for group in page["Reservations"] for one in group["Instances"]]

    def pings(self, ids: Sequence[str]) -> dict[str, str]:
        """PingStatus by instance id; SSM knows nothing of a host whose agent never registered."""
        pages = self.aws.client("ssm").get_paginator("describe_instance_information")
        found: dict[str, str] = {}
        for some in calls(ids):
            for page in pages.paginate(Filters=[{"Key": "InstanceIds", "Values": some}]):
                found.update({one["InstanceId"]: one["PingStatus"] for one in page["InstanceInformationList"]})
        return found

    def there(self, ids: Sequence[str]) -> list[str]:
        """Those of the hosts that still run, carry the tags and are known to SSM."""
        running = {one["InstanceId"] for one in self.running()}
        pings = self.pings([one for one in ids if one in running])
        return [one for one in ids if one in pings]


def described(instance: Any, pings: Mapping[str, str]) -> Unit:
    """An instance as tagship speaks of it, and why it cannot be told anything, if it cannot."""
    one = instance["InstanceId"]
    name = next((tag["Value"] for tag in instance.get("Tags", ()) if tag["Key"] == "Name"), one)
    ping = pings.get(one, "")
    problem = {"Online": "", "": "SSM does not know it: no agent has registered"}
    return Unit(one, name, ping == "Online", problem.get(ping, f"its agent's PingStatus is {ping}"), noun="host")


def calls(ids: Iterable[str]) -> Iterable[list[str]]:
    """The ids, as many at a time as one call takes."""
    waiting = iter(ids)
    while some := list(islice(waiting, IDS)):
        yield some
