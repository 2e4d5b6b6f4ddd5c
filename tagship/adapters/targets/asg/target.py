"""Auto Scaling groups: a unit is a group, and the version of its launch template names what it runs.

AWS itself goes on with an instance refresh if the process that started it dies: it is found again by the group's
record in the bucket.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets import Context
from tagship.adapters.targets.asg.calls import AsgCalls
from tagship.adapters.targets.asg.following import GroupFollowing
from tagship.adapters.targets.asg.launching import LaunchCheck
from tagship.adapters.targets.asg.leftovers import TemplateShelf
from tagship.adapters.targets.asg.proof import ASK_AGAIN, InstanceProof
from tagship.adapters.targets.asg.records import GroupRecords
from tagship.adapters.targets.asg.starting import GroupStart, operation
from tagship.adapters.targets.ec2.target import Ec2Target
from tagship.domain.asg.group import GroupFacts
from tagship.domain.asg.record import GroupRecord
from tagship.domain.asg.refresh import Preferences
from tagship.domain.change import Change
from tagship.domain.deployment import begun
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused, ServiceFailed, Unheard
from tagship.ports.leftovers import Shelf
from tagship.ports.target import Pins, Script, Tick
from tagship.settings.asg import Asg


@dataclass
class AsgTarget:
    """The groups of an environment.

    After a start, `_refused` has a report of each group that it left alone.
    """

    context: Context
    environment: str
    table: Asg
    ask_again: timedelta = ASK_AGAIN
    _refused: dict[str, Report] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        return self.table.rules

    def prepare(self) -> None:
        aws: Aws = self.context.aws
        aws.prepare("autoscaling", "ec2", "ssm")

    # -- the groups ----------------------------------------------------------------------------------------------------

    def units(self) -> Sequence[Unit]:
        """List the groups of the settings, and whether each can be changed."""
        groups = self._calls.groups(self.table.groups)
        return [self._unit(name, groups.get(name)) for name in self.table.groups]

    def _unit(self, name: str, group: GroupFacts | None) -> Unit:
        problem = group.unfit if group else f"there is no Auto Scaling group {name}"
        return Unit(name, name, not problem, problem, noun="group")

    @cached_property
    def _calls(self) -> AsgCalls:
        return AsgCalls(self.context.aws, self.environment)

    @property
    def _records(self) -> GroupRecords:
        return GroupRecords(self.context.store, self.context.settings.app, self.environment)

    @cached_property
    def _hosts(self) -> Ec2Target:
        """Reach the instances as hosts are reached."""
        return Ec2Target(self.context, self.environment, self.table)

    @property
    def _preferences(self) -> Preferences:
        chosen = self.table.refresh
        return Preferences(
            chosen.min_healthy, chosen.max_healthy, chosen.warmup, chosen.checkpoints, chosen.checkpoint_delay,
            chosen.bake, chosen.protected, chosen.standby, chosen.alarms,
        )  # fmt: skip

    def obstacles(
        self,
        action: str,
        manifest: Manifest,
        manifest_sha256: str,
        units: Sequence[Unit],
    ) -> Sequence[Obstacle]:
        """Find instances, and launch templates, that can't run the artifact's image."""
        groups = list(self._calls.groups([unit.id for unit in units] or self.table.groups).values())
        check = LaunchCheck(self.context.aws, self._calls, self.environment)
        launched = list(check.obstacles(action, manifest, manifest_sha256, groups))
        if launched or action == "rollback":
            return launched
        return self._hosts.obstacles(action, manifest, manifest_sha256, ())

    def shelves(self) -> Sequence[Shelf]:
        """Name the places of what deployments left: a launch template each."""
        groups = self._calls.groups(self.table.groups).values()
        templates = dict.fromkeys(group.template for group in groups if group.template)
        return [TemplateShelf(self.context.aws, template) for template in templates]

    # -- asking --------------------------------------------------------------------------------------------------------

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Ask every instance of each group what it runs."""
        groups = self._calls.groups([unit.id for unit in units])
        return [self._observed(unit.id, groups.get(unit.id), tick) for unit in units]

    def _observed(self, name: str, group: GroupFacts | None, tick: Tick) -> Report:
        if group is None or group.unfit:
            return Report(name, "silent", reason=self._unit(name, group).problem)
        version = self._calls.version(group.template, group.version)
        if version is None or version.label is None:
            return Report(name, "empty", reason=f"it launches version {group.version}, which tagship did not make")
        artifact, proof = version.label.artifact, self._proof(version.label.artifact)
        members = [member for member in group.present if member.serves]
        proof.look(members, tick)
        why = proof.why_not(proof.missing(members))
        if others := group.others(group.version):
            why = f"{others[0].id} was launched from version {others[0].version}, and the group has {group.version}"
        if not members:
            why = "it has no instance in service that could show what it runs"
        edited = () if why else tuple(proof.edited(members))
        return Report(name, "failed" if why else "healthy", serving=artifact, reason=why, edited=edited)

    def _proof(self, artifact: str) -> InstanceProof:
        patience = timedelta(seconds=self.table.timeout)
        return InstanceProof(artifact, patience, self._hosts.observe, self.context.clock.now, self.ask_again)

    # -- changing ------------------------------------------------------------------------------------------------------

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Have each group begin to replace its instances.

        Raises Unheard if none is known to have begun, and an answer was lost.
        """
        self._refused, started, problems = {}, list[GroupRecord](), list[ServiceFailed]()
        groups = self._calls.groups([unit.id for unit in units])
        for name in (unit.id for unit in units):
            try:
                result = self._start(change, name, groups.get(name))
            except ServiceFailed as reason:
                problems.append(reason)
                result = Report(name, "silent", reason=reason.what.rstrip("."))
            if isinstance(result, Report):
                self._refused[name] = result
            else:
                started.append(result)
        if problems and not started:
            raise next((problem for problem in problems if isinstance(problem, Unheard)), problems[0])
        return [operation(record) for record in started]

    def _start(self, change: Change, name: str, group: GroupFacts | None) -> GroupRecord | Report:
        """Start it on one group, or say why not."""
        if group is None or group.unfit:
            return Report(name, "failed", reason=self._unit(name, group).problem)
        script = lambda: self._script(change.artifact_id)  # noqa: E731 (made for a new version alone)
        spoiled = lambda: self._is_spoiled(change.artifact_id, group)  # noqa: E731 (asked if it counts)
        launchable = LaunchCheck(self.context.aws, self._calls, self.environment).launchable
        starting = GroupStart(self._calls, self._records, change, self._preferences, script, spoiled, launchable)
        try:
            return starting.begin(group)
        except Refused as reason:
            return Report(name, "failed", reason=reason.what.rstrip("."))

    def _is_spoiled(self, artifact_id: str, group: GroupFacts) -> bool:
        """Tell whether an instance was edited, or its boot ended badly."""
        proof, members = self._proof(artifact_id), [member for member in group.present if member.serves]
        proof.look(members, lambda _: None)
        return bool(proof.edited(members) or proof.failed(members))

    def _script(self, artifact_id: str) -> Script:
        """Render what an instance boots, compressed if needed. Raises Refused."""
        pins = Pins.of(self.context, self.environment)
        try:
            return self.first_boot(artifact_id, pins, compress=False)
        except Refused:
            return self.first_boot(artifact_id, pins, compress=True)

    def finish(
        self,
        operations: Sequence[Operation],  # noqa: ARG002 (the groups' records have them)
        change: Change,
        units: Sequence[Unit],
        tick: Tick,
    ) -> Sequence[Report]:
        """Follow each group's refresh, and ask every instance."""
        names = [unit.id for unit in units]
        reports = {name: report for name, report in self._refused.items() if name in names}
        records, following = dict[str, GroupRecord](), self._following(tick)
        for name in (name for name in names if name not in reports):
            record = self._records.read(name)
            if record and record.belongs_to(change):
                records[name] = record
            else:
                reports[name] = following.overtaken(change.artifact_id, name, record)
        reports |= following.followed(records)
        return [reports[name] for name in names]

    def _following(self, tick: Tick) -> GroupFollowing:
        clock = self.context.clock
        longest = timedelta(seconds=self.table.longest - self.table.refresh.timeout)
        return GroupFollowing(
            self._calls, self._records, self._preferences, longest, self._proof, clock.now, clock.sleep, tick
        )

    # -- what was started ----------------------------------------------------------------------------------------------

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Find a deployment's records."""
        if begun(deployment_id) < since.replace(microsecond=0):
            return []
        records = [record for name in self.table.groups if (record := self._records.read(name))]
        return [self._found(record) for record in records if record.deployment == deployment_id]

    def _found(self, record: GroupRecord) -> Operation:
        refresh = self._calls.under_way(record.group)
        running = bool(refresh and refresh.version in {record.version, record.previous_version})
        return operation(record, running=running)

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Have refreshes go back; end them where they are if AWS cannot."""
        for group in self._groups_of(operations):
            if not self._calls.roll_back(group):
                self._calls.cancel(group)

    def stop(self, operations: Sequence[Operation]) -> None:
        """Have refreshes go back; `finish` follows them to their end."""
        self.cancel(operations)

    def _groups_of(self, operations: Sequence[Operation]) -> list[str]:
        """List the groups on which these operations are still the last."""
        records = {name: self._records.read(name) for operation in operations for name in operation.units}
        ids = {operation.id for operation in operations}
        return [name for name, record in records.items() if record and operation(record).id in ids]

    # -- what comes up by itself ---------------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        """Do nothing: the version that a group has decides what it launches."""

    def uncommitted(self, artifact_id: str) -> str:
        """Look what each group launches from now on."""
        for name, artifact in self._launched().items():
            if artifact != artifact_id:
                return f"the group {name} launches {artifact or 'what tagship did not deploy'}"
        return ""

    def starting(self) -> Collection[str]:
        """List the artifacts that the groups launch from now on."""
        return [artifact for artifact in self._launched().values() if artifact]

    def _launched(self) -> dict[str, str]:
        launched: dict[str, str] = {}
        for name, group in self._calls.groups(self.table.groups).items():
            version = self._calls.version(group.template, group.version) if group.version.isdigit() else None
            launched[name] = version.label.artifact if version and version.label else ""
        return launched

    def files(self) -> Mapping[str, bytes]:
        """Write the environment's conf, which its hosts read from every bundle."""
        return self._hosts.files()

    def required(self) -> Sequence[str]:
        """Name the program that a host runs from each bundle."""
        return self._hosts.required()

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Read what the groups' instances write, each by its own name."""
        groups = self._calls.groups([unit.id for unit in units])
        members = {member.id for group in groups.values() for member in group.present}
        return self._hosts.log([host for host in self._hosts.units() if host.id in members], window, tick)

    def first_boot(self, artifact_id: str, pins: Pins, *, compress: bool) -> Script:
        """Render the user data of a launch template."""
        return self._hosts.first_boot(artifact_id, pins, compress=compress)


def connect(context: Context, environment: str) -> AsgTarget:
    """Connect to the groups of one environment of the settings."""
    table = context.settings.environment(environment).runs_on(Asg)
    if table is None:
        raise TypeError(f"{environment} has no asg table: the settings refuse that")
    return AsgTarget(context, environment, table)
