"""Instances that somebody runs without a group: one with tagship's user data boots it, and ends with its instance.

Follows https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html for UserData. Does not model:
launch templates in RunInstances, stopping and starting; what else user data would do (asg/boots.py).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from moto.ec2.responses import EC2Response

from tagship.sandbox.asg.boots import Boots
from tagship.sandbox.aws import stock
from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.world import World


def install(world: World) -> None:
    """Replace moto's operations by those that boot and end machines."""
    boots = Boots(world)
    stock.replace(EC2Response, "run_instances", lambda original: _running(boots, original))
    stock.replace(EC2Response, "terminate_instances", lambda original: _ending(boots, original))


def _running(boots: Boots, original: Any) -> Callable[[Any], Any]:
    """Boot what was run."""

    def run_instances(self: Any) -> Any:
        before = _ids(self)
        answer = original(self)
        if user_data := self._get_param("UserData"):
            for instance in sorted(_ids(self) - before):
                boots.boot(instance, _decoded(user_data), AccountRegion(self.region, self.current_account))
        return answer

    return run_instances


def _ending(boots: Boots, original: Any) -> Callable[[Any], Any]:
    """End the machines of what was terminated."""

    def terminate_instances(self: Any) -> Any:
        answer = original(self)
        for instance in self._get_param("InstanceIds", []):
            boots.end(instance)
        return answer

    return terminate_instances


def _ids(response: Any) -> set[str]:
    return {str(row.id) for held in response.ec2_backend.all_reservations() for row in held.instances}


def _decoded(user_data: str) -> bytes:
    """Read the base64 in which it is sent."""
    return base64.b64decode(user_data)
