"""Versions of launch templates that deployments made, and what still launches or launched from them.

EC2 deletes whatever version it is asked to, but for the default one: a group that names a version that is gone launches
nothing any more. So every group of the account is asked, and every instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain.asg.record import VersionLabel
from tagship.domain.leftovers import Leftover

BATCH = 200  # versions a page, and a request (EC2 API Reference, DeleteLaunchTemplateVersions)
MANY = 100  # groups a page
GONE = "launchTemplateVersionDoesNotExist"
ALIVE = ["pending", "running", "stopping", "stopped", "shutting-down"]
TEMPLATE, VERSION = "aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"  # tags that EC2 itself sets
OVER = frozenset({"Successful", "Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful"})


@dataclass(frozen=True)
class TemplateShelf:
    """The versions of one launch template; see tagship.ports.leftovers.Shelf."""

    aws: Aws
    template: str

    @property
    def noun(self) -> str:
        return f"version of launch template {self.template}"

    @property
    def price(self) -> float:
        return 0.0

    def look(self) -> Sequence[Leftover]:
        """List the versions."""
        return [self._leftover(row) for row in self._versions()]

    def _versions(self) -> list[Any]:
        with self.aws.translated(f"reading launch template {self.template}"):
            pages = self.aws.client("ec2").get_paginator("describe_launch_template_versions")
            return [
                row
                for page in pages.paginate(LaunchTemplateId=self.template, PaginationConfig={"PageSize": BATCH})
                for row in page["LaunchTemplateVersions"]
            ]

    def _leftover(self, row: Mapping[str, Any]) -> Leftover:
        label, number = VersionLabel.read(row.get("VersionDescription") or ""), str(row["VersionNumber"])
        artifacts = (label.artifact,) if label else ()
        return Leftover(number, f"version {number} of launch template {self.template}", artifacts, row["CreateTime"])

    def used(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Ask the template, every group of the account and every instance."""
        names = self._named()
        newest = max((leftover.id for leftover in leftovers), key=int, default="")
        reasons = {newest: "it is the newest version"} if newest else {}
        for version, reason in (*self._by_groups(), *self._by_instances()):
            reasons.setdefault(names.get(version, version), reason)
        return {names["$Default"]: "it is the default version"} | reasons

    def _named(self) -> dict[str, str]:
        """Map $Default and $Latest to their numbers."""
        with self.aws.translated(f"reading launch template {self.template}"):
            answer = self.aws.client("ec2").describe_launch_templates(LaunchTemplateIds=[self.template])
        row = answer["LaunchTemplates"][0]
        names = {"$Default": str(row["DefaultVersionNumber"]), "$Latest": str(row["LatestVersionNumber"])}
        return {**names, "": names["$Default"]}

    def _by_groups(self) -> Iterator[tuple[str, str]]:
        client: Any = self.aws.client("autoscaling")
        with self.aws.translated("reading the Auto Scaling groups of the account"):
            pages = client.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": MANY})
            rows = [row for page in pages for row in page["AutoScalingGroups"]]
        for row in rows:
            name, versions = row["AutoScalingGroupName"], list(self._of(_specifications(row)))
            yield from ((version, f"group {name} launches it") for version in versions)
            launched = list(self._of(_launched(row)))
            yield from ((version, f"an instance of group {name} was launched from it") for version in launched)
            if versions or launched:
                yield from self._by_refreshes(name)
                yield from self._by_warm_pool(row)

    def _by_refreshes(self, group: str) -> Iterator[tuple[str, str]]:
        with self.aws.translated(f"asking how the instances of {group} are replaced"):
            answer = self.aws.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=group)
        for refresh in answer["InstanceRefreshes"]:
            desired = refresh.get("DesiredConfiguration", {}) if refresh["Status"] not in OVER else {}
            for version in self._of(_specifications(desired)):
                yield version, f"a refresh of group {group} leads to it"

    def _by_warm_pool(self, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        name = row["AutoScalingGroupName"]
        if not row.get("WarmPoolConfiguration"):
            return
        with self.aws.translated(f"reading the warm pool of {name}"):
            answer = self.aws.client("autoscaling").describe_warm_pool(AutoScalingGroupName=name)
        for version in self._of(_launched(answer)):
            yield version, f"an instance of the warm pool of {name} was launched from it"

    def _by_instances(self) -> Iterator[tuple[str, str]]:
        filters: Any = [
            {"Name": f"tag:{TEMPLATE}", "Values": [self.template]},
            {"Name": "instance-state-name", "Values": ALIVE},
        ]
        with self.aws.translated(f"reading the instances of launch template {self.template}"):
            pages = self.aws.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
            rows = [row for page in pages for group in page["Reservations"] for row in group["Instances"]]
        for row in rows:
            version = next((tag["Value"] for tag in row.get("Tags", ()) if tag["Key"] == VERSION), "")
            yield version, f"instance {row['InstanceId']} was launched from it"

    def _of(self, specifications: Iterator[Mapping[str, str]]) -> Iterator[str]:
        """Give the versions of this template that are named."""
        for named in specifications:
            if named.get("LaunchTemplateId") == self.template:
                yield named.get("Version", "")

    def delete(self, leftovers: Sequence[Leftover]) -> Mapping[str, str]:
        """Delete versions, many a request."""
        failures: dict[str, str] = {}
        numbers = [leftover.id for leftover in leftovers]
        for start in range(0, len(numbers), BATCH):
            with self.aws.translated(f"deleting versions of launch template {self.template}"):
                answer = self.aws.client("ec2").delete_launch_template_versions(
                    LaunchTemplateId=self.template, Versions=numbers[start : start + BATCH]
                )
            for row in answer.get("UnsuccessfullyDeletedLaunchTemplateVersions", ()):
                error = row.get("ResponseError", {})
                if error.get("Code") != GONE:
                    failures[str(row["VersionNumber"])] = error.get("Message") or error.get("Code", "EC2 did not say")
        return failures


def _specifications(row: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """Give every launch template that a group, or a configuration, names."""
    yield row.get("LaunchTemplate", {})
    policy = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {})
    yield policy.get("LaunchTemplateSpecification", {})
    for override in policy.get("Overrides", ()):
        yield override.get("LaunchTemplateSpecification", {})


def _launched(row: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    for instance in row.get("Instances", ()):
        yield instance.get("LaunchTemplate", {})
