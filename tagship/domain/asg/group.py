"""An Auto Scaling group as AWS describes it: what it launches, its instances, and why it can't be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagship.domain import aws_commands
from tagship.domain.aws_commands import Where
from tagship.domain.text import counted, listed

GONE = frozenset({"Terminated", "Detached", "Detaching"})
STANDBY = frozenset({"Standby", "EnteringStandby"})
LEAVING = "Terminating"


@dataclass(frozen=True)
class GroupMember:
    """An instance of a group, and what launched it."""

    id: str
    state: str
    template: str
    version: str
    protected: bool = False

    @property
    def serves(self) -> bool:
        return self.state == "InService"

    @property
    def leaves(self) -> bool:
        return self.state in GONE or self.state.startswith(LEAVING)

    @property
    def standby(self) -> bool:
        return self.state in STANDBY


@dataclass(frozen=True)
class GroupFacts:
    """A group; `policy` is its mixed instances policy, if it has one."""

    name: str
    arn: str
    desired: int
    template: str
    version: str
    members: tuple[GroupMember, ...] = ()
    policy: Mapping[str, Any] | None = None
    unfit: str = ""  # why tagship cannot change it

    @property
    def present(self) -> list[GroupMember]:
        """List the instances that are not leaving."""
        return [member for member in self.members if not member.leaves]

    def others(self, version: str) -> list[GroupMember]:
        """List the instances that another version launched."""
        return [member for member in self.present if (member.template, member.version) != (self.template, version)]

    def desired_configuration(self, version: str) -> dict[str, Any]:
        """Write what a refresh leads to: the group's own, at a version."""
        named = {"LaunchTemplateId": self.template, "Version": version}
        if self.policy is None:
            return {"LaunchTemplate": named}
        template = {**self.policy["LaunchTemplate"], "LaunchTemplateSpecification": named}
        return {"MixedInstancesPolicy": {**self.policy, "LaunchTemplate": template}}

    @property
    def overrides(self) -> list[Mapping[str, Any]]:
        """List what its policy has in place of the template's instance type."""
        return list((self.policy or {}).get("LaunchTemplate", {}).get("Overrides", ()))

    def in_the_way(self, protected: str, standby: str) -> str:
        """Say which instances a refresh would wait an hour for.

        Empty if there are none, or if the settings say what becomes of them.
        """
        held = [member.id for member in self.present if member.protected and not member.standby]
        waiting = [member.id for member in self.present if member.standby]
        problems = [
            f"{listed(held)} {_are(held)} protected from scale-in" if held and protected == "refuse" else "",
            f"{listed(waiting)} {_are(waiting)} in standby" if waiting and standby == "refuse" else "",
        ]
        return " and ".join(filter(None, problems))

    @property
    def progress(self) -> str:
        serving = sum(member.serves for member in self.members)
        return f"{serving} of {counted(self.desired, 'instance')} in service"


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def group_of(row: Mapping[str, Any], profile: str = "") -> GroupFacts:
    """Read a group of DescribeAutoScalingGroups."""
    policy: Mapping[str, Any] | None = row.get("MixedInstancesPolicy")
    template = policy["LaunchTemplate"]["LaunchTemplateSpecification"] if policy else row.get("LaunchTemplate", {})
    return GroupFacts(
        name=row["AutoScalingGroupName"],
        arn=row.get("AutoScalingGroupARN", ""),
        desired=row.get("DesiredCapacity", 0),
        template=template.get("LaunchTemplateId", ""),
        version=template.get("Version", "$Default"),
        members=tuple(_member_of(entry) for entry in row.get("Instances", ())),
        policy=policy,
        unfit=_unfit(row, template, policy, profile),
    )


def _member_of(row: Mapping[str, Any]) -> GroupMember:
    template = row.get("LaunchTemplate", {})
    return GroupMember(
        row["InstanceId"],
        row["LifecycleState"],
        template.get("LaunchTemplateId", ""),
        template.get("Version", ""),
        protected=row.get("ProtectedFromScaleIn", False),
    )


def _unfit(row: Mapping[str, Any], template: Mapping[str, str], policy: Mapping[str, Any] | None, profile: str) -> str:
    version, name = template.get("Version", "$Default"), row["AutoScalingGroupName"]
    if row.get("Status"):
        return f"it is being deleted ({row['Status']})"
    if not template:
        return "it launches from a launch configuration, which names no version: give it a launch template"
    if any(
        "LaunchTemplateSpecification" in entry
        for entry in (policy or {}).get("LaunchTemplate", {}).get("Overrides", ())
    ):
        return "its mixed instances policy overrides the launch template: one template has to name the version"
    if not version.isdigit():
        region = [*str(row.get("AutoScalingGroupARN", "")).split(":"), "", "", ""][3]
        name_it = aws_commands.launch_numbered(name, template.get("LaunchTemplateId", ""), Where(region, profile))
        return (
            f"it launches the version {version} of its template, which changes under it, and to which no refresh can "
            f"go back: give it the number, by {name_it}"
        )
    return ""
