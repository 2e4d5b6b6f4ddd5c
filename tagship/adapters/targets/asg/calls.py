"""What tagship asks of Auto Scaling groups, their refreshes and their launch templates.

A refresh is found by the version that it leads to: a version is made for one deployment, so an answer of
StartInstanceRefresh that is lost leaves no doubt. A group itself is never updated: a refresh that goes back returns to
what the group has.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.domain import commands
from tagship.domain.asg.group import GroupFacts, group_of
from tagship.domain.asg.record import VersionLabel
from tagship.domain.asg.refresh import RefreshFacts, refresh_of
from tagship.errors import ServiceFailed, Unheard

MOST = 100  # groups in an answer
FEW = 20  # refreshes that are looked through
VERSIONS = 50  # of a template that an artifact is looked for in
IN_PROGRESS = ("InstanceRefreshInProgress", "InstanceRefreshInProgressFault")
NONE_ACTIVE = ("ActiveInstanceRefreshNotFound", "ActiveInstanceRefreshNotFoundFault")
IRREVERSIBLE = ("IrreversibleInstanceRefresh", "IrreversibleInstanceRefreshFault")


class Busy(Exception):
    """Another refresh of the group is under way."""


@dataclass(frozen=True)
class TemplateVersion:
    """A version of a launch template.

    `label` is None if tagship did not make it. `type` is empty if it names requirements, or leaves it to the group.
    """

    number: str
    image: str
    label: VersionLabel | None
    type: str = ""


@dataclass(frozen=True)
class AsgCalls:
    """The calls for groups. Each raises ServiceFailed."""

    aws: Aws
    environment: str
    _versions: dict[tuple[str, str], TemplateVersion] = field(default_factory=dict)  # a version never changes

    @property
    def _scaling(self) -> Any:
        return self.aws.client("autoscaling")

    @property
    def _ec2(self) -> Any:
        return self.aws.client("ec2")

    # -- groups and their refreshes ------------------------------------------------------------------------------------

    def groups(self, names: Sequence[str]) -> dict[str, GroupFacts]:
        """Describe groups; those that are not there are left out."""
        facts: dict[str, GroupFacts] = {}
        profile = self.aws.where.profile
        with self.aws.translated(f"describing the groups of {self.environment}"):
            pages = self._scaling.get_paginator("describe_auto_scaling_groups")
            for page in pages.paginate(AutoScalingGroupNames=list(names), PaginationConfig={"PageSize": MOST}):
                facts |= {row["AutoScalingGroupName"]: group_of(row, profile) for row in page["AutoScalingGroups"]}
        return facts

    def refreshes(self, group: str, id_: str = "") -> list[RefreshFacts]:
        """Describe a group's last refreshes, the newest first; or one."""
        more: dict[str, Any] = {"InstanceRefreshIds": [id_]} if id_ else {}
        with self.aws.translated(f"asking how the instances of {group} are replaced"):
            answer = self._scaling.describe_instance_refreshes(AutoScalingGroupName=group, MaxRecords=FEW, **more)
        return [refresh_of(row) for row in answer["InstanceRefreshes"]]

    def under_way(self, group: str) -> RefreshFacts | None:
        """Find the refresh that is under way."""
        return next((refresh for refresh in self.refreshes(group) if refresh.under_way), None)

    def start(self, group: GroupFacts, version: str, preferences: Mapping[str, Any]) -> str:
        """Begin to replace instances; return the refresh's id. Raises Busy, Unheard."""
        try:
            with self.aws.translated(f"starting the instance refresh of {group.name}"):
                answer = self.aws.once("autoscaling").start_instance_refresh(
                    AutoScalingGroupName=group.name,
                    DesiredConfiguration=group.desired_configuration(version),
                    Preferences=dict(preferences),
                )
        except ServiceFailed as problem:
            return self._perhaps_started(group, version, problem)
        return str(answer["InstanceRefreshId"])

    def _perhaps_started(self, group: GroupFacts, version: str, problem: ServiceFailed) -> str:
        """Find a refresh to that version, whose answer was lost."""
        reason = problem.__cause__
        busy = _code(reason) in IN_PROGRESS
        if not busy and not (isinstance(reason, Exception) and self.aws.unsure(reason)):
            raise problem
        refresh = self.under_way(group.name)
        if refresh and refresh.version == version:
            return refresh.id
        if busy:
            raise Busy from problem
        raise Unheard(
            f"The answer to StartInstanceRefresh of {group.name} was lost.",
            state="The group may be replacing its instances.",
            remedy=f"See what it runs: {commands.status(self.environment)}",
        ) from problem

    def roll_back(self, group: str) -> bool:
        """Have a refresh go back; return false if AWS can't."""
        return self._asked(group, "rollback_instance_refresh", (*NONE_ACTIVE, *IRREVERSIBLE))

    def cancel(self, group: str) -> bool:
        """End a refresh where it is; false if there is none."""
        return self._asked(group, "cancel_instance_refresh", NONE_ACTIVE)

    def _asked(self, group: str, operation: str, expected: Sequence[str]) -> bool:
        try:
            with self.aws.translated(f"ending the instance refresh of {group}"):
                getattr(self._scaling, operation)(AutoScalingGroupName=group)
        except ServiceFailed as problem:
            if _code(problem.__cause__) in expected:
                return False
            raise
        return True

    # -- versions of launch templates ----------------------------------------------------------------------------------

    def version(self, template: str, number: str) -> TemplateVersion | None:
        """Describe a version; None if it was deleted."""
        if (template, number) not in self._versions:
            try:
                self._remember(template, self._described(template, {"Versions": [number]}))
            except ServiceFailed as problem:
                if "NotFound" in _code(problem.__cause__):
                    return None
                raise
        return self._versions.get((template, number))

    def newest(self, template: str) -> TemplateVersion:
        """Describe the newest version."""
        rows = self._described(template, {"Versions": ["$Latest"]})
        self._remember(template, rows)
        return _version_of(rows[0])

    def made_of(self, template: str, label: VersionLabel) -> TemplateVersion | None:
        """Find the newest version that boots an artifact."""
        newest = int(self.newest(template).number)
        first = max(1, newest - VERSIONS + 1)
        rows = self._described(template, {"MinVersion": str(first), "MaxVersion": str(newest)})
        versions = sorted(map(_version_of, rows), key=lambda version: -int(version.number))
        return next((version for version in versions if label.same(version.label)), None)

    def create(self, template: str, source: str, label: VersionLabel, user_data: bytes, token: str) -> str:
        """Make a version of a template from another; return its number.

        The same token makes the same version, so it may be repeated.
        """
        with self.aws.translated(f"making a version of launch template {template}"):
            answer = self._ec2.create_launch_template_version(
                LaunchTemplateId=template,
                SourceVersion=source,
                VersionDescription=label.text(),
                LaunchTemplateData={"UserData": base64.b64encode(user_data).decode()},
                ClientToken=token,
            )
        return str(answer["LaunchTemplateVersion"]["VersionNumber"])

    def _described(self, template: str, asked: Mapping[str, Any]) -> list[Any]:
        with self.aws.translated(f"reading launch template {template}"):
            pages = self._ec2.get_paginator("describe_launch_template_versions")
            return [
                row
                for page in pages.paginate(LaunchTemplateId=template, **asked)
                for row in page["LaunchTemplateVersions"]
            ]

    def _remember(self, template: str, rows: Sequence[Any]) -> None:
        for row in rows:
            version = _version_of(row)
            self._versions[template, version.number] = version


def _version_of(row: Mapping[str, Any]) -> TemplateVersion:
    data = row.get("LaunchTemplateData", {})
    label = VersionLabel.read(row.get("VersionDescription") or "")
    return TemplateVersion(str(row["VersionNumber"]), data.get("ImageId", ""), label, data.get("InstanceType", ""))


def _code(error: BaseException | None) -> str:
    """Return AWS's code of an error; empty for any other."""
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))
