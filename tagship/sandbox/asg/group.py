"""An Auto Scaling group: what it launches, and the instances that it has.

Follows https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html. There is no thread: a
group does what is due whenever somebody looks. What it launches on its own is its own configuration, also while a
refresh goes to another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tagship.sandbox.asg.refresh import InstanceRefresh

PENDING, IN_SERVICE, STANDBY = "Pending", "InService", "Standby"


class LaunchFailed(Exception):
    """EC2 did not launch an instance."""


@dataclass(frozen=True)
class Configuration:
    """What instances are launched from: a template's version, perhaps within a policy.

    `version` is as it was given: a number, or $Latest or $Default.
    """

    template: str
    name: str
    version: str
    policy: Mapping[str, Any] | None = None

    @property
    def numbered(self) -> bool:
        return self.version.isdigit()

    @property
    def specification(self) -> dict[str, str]:
        return {"LaunchTemplateId": self.template, "LaunchTemplateName": self.name, "Version": self.version}

    def answer(self) -> dict[str, Any]:
        """Render it as a member of a group."""
        if self.policy is None:
            return {"LaunchTemplate": self.specification}
        chosen = {**self.policy.get("LaunchTemplate", {}), "LaunchTemplateSpecification": self.specification}
        return {"MixedInstancesPolicy": {**self.policy, "LaunchTemplate": chosen}}


@dataclass
class Member:
    """An instance of a group.

    `version` is the number of what it was launched from.
    """

    id: str
    template: str
    name: str
    version: str
    launched: datetime
    state: str = PENDING
    protected: bool = False
    healthy: bool = True

    def is_of(self, configuration: Configuration, number: str) -> bool:
        return (self.template, self.version) == (configuration.template, number)


class Fleet(Protocol):
    """The instances of EC2, as far as a group needs them."""

    def number(self, configuration: Configuration) -> str:
        """Return the number of a version, of $Latest too."""

    def parameter(self, configuration: Configuration) -> str:
        """Return the parameter that names its AMI, or ""."""

    def launch(self, group: Group, configuration: Configuration) -> str:
        """Launch an instance; return its id. Raises LaunchFailed."""

    def terminate(self, instance: str) -> None: ...

    def runs(self, instance: str) -> bool: ...


@dataclass
class Group:
    """An Auto Scaling group.

    `settings` are those members of a request that it keeps.
    """

    name: str
    arn: str
    configuration: Configuration
    fleet: Fleet
    created: datetime
    settings: dict[str, Any]
    tags: list[dict[str, Any]] = field(default_factory=list)
    pending: float = 0.2  # seconds until an instance is in service
    members: list[Member] = field(default_factory=list)
    refreshes: list[InstanceRefresh] = field(default_factory=list)  # the newest last

    @property
    def desired(self) -> int:
        return int(self.settings["DesiredCapacity"])

    @property
    def refresh(self) -> InstanceRefresh | None:
        """Return the refresh that is under way."""
        newest = self.refreshes[-1] if self.refreshes else None
        return newest if newest and newest.under_way else None

    def member(self, instance: str) -> Member | None:
        return next((member for member in self.members if member.id == instance), None)

    def pass_time(self, now: datetime) -> None:
        """Do what is due."""
        self._settle(now)
        if self.refresh:
            self.refresh.advance(now)
            self._settle(now)

    def _settle(self, now: datetime) -> None:
        """Bring instances into service, and their number to what is wanted."""
        self.members = [member for member in self.members if self.fleet.runs(member.id)]
        for member in self.members:
            if member.state == PENDING and (now - member.launched).total_seconds() >= self.pending:
                member.state = IN_SERVICE
        active = [member for member in self.members if member.state != STANDBY]
        wanted = self.desired + (self.refresh.surplus if self.refresh else 0)
        with suppress(LaunchFailed):  # it is tried again, and told by activities, which there are none of here
            for _ in range(wanted - len(active)):
                self.launch(self.configuration, now)
        spare = [member for member in active if not member.protected]
        self.terminate([member.id for member in spare[: max(0, len(active) - wanted)]])

    def launch(self, configuration: Configuration, now: datetime) -> Member:
        """Launch an instance. Raises LaunchFailed."""
        number = self.fleet.number(configuration)
        instance = self.fleet.launch(self, configuration)
        protected = bool(self.settings.get("NewInstancesProtectedFromScaleIn"))
        member = Member(instance, configuration.template, configuration.name, number, now, protected=protected)
        self.members.append(member)
        return member

    def terminate(self, instances: Sequence[str]) -> None:
        for instance in instances:
            self.fleet.terminate(instance)
        self.members = [member for member in self.members if member.id not in instances]

    def others(self, configuration: Configuration) -> list[Member]:
        """List the members that were launched from something else."""
        number = self.fleet.number(configuration)
        return [member for member in self.members if not member.is_of(configuration, number)]
