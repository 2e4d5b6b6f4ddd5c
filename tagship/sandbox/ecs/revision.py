"""A service revision: what one deployment of a service is to run. It never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# The members of UpdateService that start a deployment; every other one changes the service and nothing that runs.
TRIGGERS = (
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)


@dataclass(frozen=True)
class Revision:
    """`settings` are the members of TRIGGERS that the service has."""

    digits: str
    arn: str
    settings: Mapping[str, Any]
    images: Sequence[Mapping[str, str]]  # as containerImages has them
    created: datetime

    @property
    def definition(self) -> str:
        """Return the ARN of its task definition."""
        return str(self.settings["taskDefinition"])

    @property
    def deployment(self) -> str:
        """Return the id that `deployments[]` of its service has for it."""
        return f"ecs-svc/{self.digits}"

    @property
    def target_group(self) -> str:
        """Return the ARN of the first target group, or ""."""
        balancers: Sequence[Mapping[str, Any]] = self.settings.get("loadBalancers", [])
        return next((str(balancer.get("targetGroupArn", "")) for balancer in balancers), "")
