"""The instances that groups launch: of moto's EC2, from a version of a launch template, each with its boot."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from tagship.sandbox.asg.boots import Boots
from tagship.sandbox.asg.group import Configuration, Group, LaunchFailed
from tagship.sandbox.aws import machine_images, stock
from tagship.sandbox.aws.apart import AccountRegion

GROUP_TAG = "aws:autoscaling:groupName"


@dataclass
class Ec2Fleet:
    """Launches and terminates, in one account and region."""

    place: AccountRegion
    boots: Boots

    @property
    def _ec2(self) -> Any:
        return stock.backend("ec2", self.place.region, self.place.account)

    def template(self, named: Mapping[str, str]) -> Any:
        """Find a launch template by its id or name."""
        if named.get("LaunchTemplateId"):
            return self._ec2.get_launch_template(named["LaunchTemplateId"])
        return self._ec2.get_launch_template_by_name(named["LaunchTemplateName"])

    def number(self, configuration: Configuration) -> str:
        return str(self._version(configuration).number)

    def parameter(self, configuration: Configuration) -> str:
        image = str(self._version(configuration).data.get("ImageId", ""))
        return image if image.startswith("resolve:") else ""

    def _version(self, configuration: Configuration) -> Any:
        return self._ec2.get_launch_template(configuration.template).get_version(configuration.version)

    def launch(self, group: Group, configuration: Configuration) -> str:
        """Launch an instance with the group's tags, and boot it."""
        try:
            version = self._version(configuration)
        except EC2ClientError as reason:
            raise LaunchFailed(str(reason)) from reason
        if not machine_images.shown(self.place, version.image_id):
            raise LaunchFailed(f"The image id '[{version.image_id}]' does not exist. Launching EC2 instance failed.")
        tags = {tag["Key"]: tag["Value"] for tag in group.tags if tag["PropagateAtLaunch"]}
        reservation = self._ec2.run_instances(
            version.image_id,
            1,
            version.data.get("UserData"),
            version.security_groups,
            instance_type=version.instance_type or "t3.micro",
            tags={"instance": {**tags, **version.instance_tags, GROUP_TAG: group.name}},
            is_instance_type_default=False,
        )
        instance = str(reservation.instances[0].id)
        self.boots.boot(instance, base64.b64decode(str(version.data.get("UserData") or "")), self.place)
        return instance

    def terminate(self, instance: str) -> None:
        if self.runs(instance):
            self._ec2.terminate_instances([instance])
        self.boots.end(instance)

    def runs(self, instance: str) -> bool:
        state = next((row.state for row in self._instances(instance)), "terminated")
        return state in {"pending", "running"}

    def _instances(self, instance: str) -> list[Any]:
        reservations = self._ec2.all_reservations(filters={"instance-id": [instance]})
        return [row for reservation in reservations for row in reservation.instances]
