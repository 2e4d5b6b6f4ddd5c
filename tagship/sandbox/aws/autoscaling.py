"""Auto Scaling that replaces instances: groups, their instances, and instance refreshes. See sandbox/asg.

Follows the API reference of each operation
(https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html and its neighbours). Stock moto
has no refreshes, and launches a template's default version. Instances are moto's EC2's; one that is launched from a
version boots its user data (boots.py).

Its switches, by POST /sandbox/faults: {"asg": {"pending": 0.2}} is how many seconds an instance takes into service,
"warmup" is a refresh's where it names none; "keeps_pointer" has a rollback leave the group at the new version;
"boots" {artifact: fault} is how simulated instances boot; "no_image" lists AMIs that EC2 does not show.

Does not model: launch configurations, policies and schedules, load balancers, lifecycle hooks, warm pools, activities,
termination policies (the oldest goes), zones (one is taken). Groups of a CloudFormation stack are moto's, and unknown.
"""

from __future__ import annotations

import functools
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from tagship.sandbox.asg.boots import Boots
from tagship.sandbox.asg.group import IN_SERVICE, STANDBY, Configuration, Group, Member
from tagship.sandbox.asg.refresh import ONWARD, InstanceRefresh, Irreversible, Pace
from tagship.sandbox.aws import autoscaling_answers as answers
from tagship.sandbox.aws import machine_images, stock
from tagship.sandbox.aws.apart import AccountRegion, Apart
from tagship.sandbox.aws.autoscaling_fleet import Ec2Fleet
from tagship.sandbox.aws.autoscaling_requests import BUSY, Given, check, refused
from tagship.sandbox.ecs.front import Front, listen
from tagship.sandbox.pace import now
from tagship.sandbox.world import World


def install(world: World) -> None:
    """Replace moto's operations by those that act on this world."""
    shared = _Shared(Pace(world.pace.shortened), Boots(world))

    def make(place: AccountRegion) -> _Api:
        return _Api(world, place, Ec2Fleet(place, shared.boots), shared)

    apart = Apart(make)
    world.switches["asg"] = functools.partial(_switch, apart, shared)
    for name in apart.at(AccountRegion(world.region)).operations:
        stock.replace(AutoScalingResponse, name, functools.partial(_operation, name, apart, shared.lock))


def _operation(name: str, apart: Apart[_Api], lock: Any, _original: Any) -> Callable[[Any], ActionResult]:
    """Wrap an operation as moto calls it, one at a time."""

    def answer(request: Any) -> ActionResult:
        with lock:
            value = apart.of(request).operations[name](request._get_params())
        return EmptyResult() if value is None else ActionResult(value)

    return answer


@dataclass
class _Shared:
    """What the groups of every account and region have in common."""

    pace: Pace
    boots: Boots
    pending: float = 0.2
    lock: threading.RLock = field(default_factory=threading.RLock)


def _switch(apart: Apart[_Api], shared: _Shared, asked: Given) -> None:
    """Set what a test asks for, in every account and region."""
    for name, value in asked.items():
        match name:
            case "pending":
                shared.pending = float(value)
                for group in (group for api in apart.all() for group in api.groups.values()):
                    group.pending = shared.pending
            case "boots":
                shared.boots.faults |= value
            case "no_image":
                for api in apart.all():
                    machine_images.take_away(api.place, value)
            case _:
                setattr(shared.pace, name, type(getattr(shared.pace, name))(value))


@dataclass
class _Api:
    """The operations of Auto Scaling, in one account and region.

    Each takes a request's members, and returns the answer's.
    """

    world: World
    place: AccountRegion
    fleet: Ec2Fleet
    shared: _Shared
    groups: dict[str, Group] = field(default_factory=dict)

    @functools.cached_property
    def operations(self) -> Mapping[str, Callable[[Given], Mapping[str, Any] | None]]:
        """Map the operations, by the names of moto's methods."""
        acts: Sequence[Callable[[Given], Mapping[str, Any] | None]] = (
            self.create_auto_scaling_group,
            self.update_auto_scaling_group,
            self.describe_auto_scaling_groups,
            self.describe_auto_scaling_instances,
            self.delete_auto_scaling_group,
            self.set_desired_capacity,
            self.set_instance_protection,
            self.enter_standby,
            self.exit_standby,
            self.create_or_update_tags,
            self.describe_tags,
            self.start_instance_refresh,
            self.describe_instance_refreshes,
            self.cancel_instance_refresh,
            self.rollback_instance_refresh,
        )
        return {act.__name__: act for act in acts}

    # -- groups --------------------------------------------------------------------------------------------------------

    def create_auto_scaling_group(self, given: Given) -> None:
        name = given["AutoScalingGroupName"]
        if name in self.groups:
            raise refused("AlreadyExists", f"AutoScalingGroup by this name already exists - {name}")
        configuration = self._configuration(given)
        if configuration is None:
            raise refused("ValidationError", "Valid requests must contain a launch template.")
        settings = {**answers.STANDARD, "DesiredCapacity": given["MinSize"], **answers.kept(given)}
        arn = self.place.arn("autoscaling", f"autoScalingGroup:{uuid.uuid4()}:autoScalingGroupName/{name}")
        group = Group(name, arn, configuration, self.fleet, now(), settings, pending=self.shared.pending)
        group.tags = [answers.tag(name, tag) for tag in given.get("Tags", [])]
        self.groups[name] = group
        self.world.fronts[arn] = functools.partial(self._open, group)
        group.pass_time(now())

    def _open(self, group: Group, port: int) -> str:
        """Give a group an address on this machine; return it."""
        return listen(Front(functools.partial(self._port, group), self.shared.lock), port)

    def _port(self, group: Group, turn: int) -> int:
        """Choose an instance in service whose app answers."""
        group.pass_time(now())
        serving = [member.id for member in group.members if member.state == IN_SERVICE]
        ports = [port for port in map(self.shared.boots.answers, serving) if port]
        return ports[turn % len(ports)] if ports else 0

    def update_auto_scaling_group(self, given: Given) -> None:
        group, configuration = self._group(given), self._configuration(given)
        if configuration and group.refresh and group.refresh.desired:
            raise refused("ValidationError", BUSY)
        group.settings |= answers.kept(given)
        group.configuration = configuration or group.configuration
        group.pass_time(now())

    def set_desired_capacity(self, given: Given) -> None:
        group, wanted = self._group(given), int(given["DesiredCapacity"])
        for bound, fits in (
            ("MinSize", wanted >= group.settings["MinSize"]),
            ("MaxSize", wanted <= group.settings["MaxSize"]),
        ):
            if not fits:
                words = f"New SetDesiredCapacity value {wanted} is out of bounds: {bound} is {group.settings[bound]}"
                raise refused("ValidationError", words)
        group.settings["DesiredCapacity"] = wanted
        group.pass_time(now())

    def delete_auto_scaling_group(self, given: Given) -> None:
        group = self._group(given)
        if group.members and not given.get("ForceDelete"):
            raise refused("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances in it.")
        group.terminate([member.id for member in group.members])
        del self.groups[group.name]

    def describe_auto_scaling_groups(self, given: Given) -> dict[str, Any]:
        names = given.get("AutoScalingGroupNames") or list(self.groups)
        groups = [self.groups[name] for name in names if name in self.groups]
        for group in groups:
            group.pass_time(now())
        return {"AutoScalingGroups": [answers.described(group) for group in groups]}

    def describe_auto_scaling_instances(self, given: Given) -> dict[str, Any]:
        ids = given.get("InstanceIds") or []
        rows = [
            {**answers.instance(member), "AutoScalingGroupName": group.name, "HealthStatus": "HEALTHY"}
            for group in self.groups.values()
            for member in group.members
            if not ids or member.id in ids
        ]
        return {"AutoScalingInstances": rows}

    def set_instance_protection(self, given: Given) -> None:
        for member in self._members(given):
            member.protected = given["ProtectedFromScaleIn"]

    def enter_standby(self, given: Given) -> dict[str, Any]:
        return self._stand(given, STANDBY, -1 if given["ShouldDecrementDesiredCapacity"] else 0)

    def exit_standby(self, given: Given) -> dict[str, Any]:
        return self._stand(given, IN_SERVICE, 1)

    def _stand(self, given: Given, state: str, change: int) -> dict[str, Any]:
        for member in self._members(given):
            member.state = state
            self._group(given).settings["DesiredCapacity"] += change
        return {"Activities": []}

    def create_or_update_tags(self, given: Given) -> None:
        for tag in given["Tags"]:
            group = self._group({"AutoScalingGroupName": tag["ResourceId"]})
            group.tags = [old for old in group.tags if old["Key"] != tag["Key"]] + [answers.tag(group.name, tag)]

    def describe_tags(self, given: Given) -> dict[str, Any]:
        rows = [tag for group in self.groups.values() for tag in group.tags]
        for asked in given.get("Filters", []):
            member = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}[asked["Name"]]
            rows = [row for row in rows if row[member] in asked["Values"]]
        return {"Tags": rows}

    # -- refreshes -----------------------------------------------------------------------------------------------------

    def start_instance_refresh(self, given: Given) -> dict[str, Any]:
        group, preferences = self._group(given), dict(given.get("Preferences", {}))
        group.pass_time(now())
        if group.refresh:
            message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            raise refused("InstanceRefreshInProgress", message)
        desired = self._configuration(given.get("DesiredConfiguration", {}))
        check(given, group, desired, preferences)
        refresh = InstanceRefresh(str(uuid.uuid4()), group, desired, preferences, now(), self.shared.pace)
        group.refreshes.append(refresh)
        return {"InstanceRefreshId": refresh.id}

    def describe_instance_refreshes(self, given: Given) -> dict[str, Any]:
        group = self._group(given)
        group.pass_time(now())
        ids, most = given.get("InstanceRefreshIds") or [], int(given.get("MaxRecords") or 50)
        rows = [refresh.answer() for refresh in reversed(group.refreshes) if not ids or refresh.id in ids]
        first = int(given.get("NextToken") or 0)
        more = {"NextToken": str(first + most)} if first + most < len(rows) else {}
        return {"InstanceRefreshes": rows[first : first + most], **more}

    def cancel_instance_refresh(self, given: Given) -> dict[str, Any]:
        refresh = self._active(given)
        refresh.cancel()
        return {"InstanceRefreshId": refresh.id}

    def rollback_instance_refresh(self, given: Given) -> dict[str, Any]:
        refresh = self._active(given)
        try:
            refresh.roll_back(now(), "Rolled back by user.")
        except Irreversible as reason:
            message = f"The instance refresh cannot be rolled back: {reason}."
            raise refused("IrreversibleInstanceRefresh", message) from reason
        return {"InstanceRefreshId": refresh.id}

    def _active(self, given: Given) -> InstanceRefresh:
        group = self._group(given)
        group.pass_time(now())
        if group.refresh is None or group.refresh.status not in ONWARD:
            raise refused("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found.")
        return group.refresh

    # -- what requests name --------------------------------------------------------------------------------------------

    def _group(self, given: Given) -> Group:
        name = given["AutoScalingGroupName"]
        if name not in self.groups:
            raise refused("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
        return self.groups[name]

    def _members(self, given: Given) -> Sequence[Member]:
        members = [self._group(given).member(instance) for instance in given["InstanceIds"]]
        if None in members:
            raise refused("ValidationError", "The instance is not part of the Auto Scaling group.")
        return [member for member in members if member]

    def _configuration(self, given: Given) -> Configuration | None:
        """Read the template and the version that a request names."""
        policy = given.get("MixedInstancesPolicy")
        named = policy["LaunchTemplate"]["LaunchTemplateSpecification"] if policy else given.get("LaunchTemplate")
        if not named:
            return None
        template = self.fleet.template(named)
        version = named.get("Version") or "$Default"
        return Configuration(template.id, template.name, version, policy)
