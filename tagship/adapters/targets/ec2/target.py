"""EC2 hosts, by SSM Run Command.

Tags are resolved to instance ids first, and those ids are pinned: a machine that joins meanwhile is not half-changed.
The limits are AWS's (SSM API reference): 50 instance ids a call, a comment of 100 characters, output only once an
invocation has ended. Just after a send, an empty list and InvocationDoesNotExist mean "not yet".

A poll is one ListCommandInvocations a command, with the output's first 2,500 characters: a verdict that fits in them
(all is well) costs no call of its own. SSM's own error limit is switched off: how many hosts may fail is decided by
tagship, over all of them, and hosts that one failure in their command has cut off would be counted too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tagship import resources
from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.sessions import opened
from tagship.adapters.targets import Context
from tagship.adapters.targets.ec2 import boot, orders
from tagship.adapters.targets.ec2.answers import Answers
from tagship.adapters.targets.ec2.collecting import Collecting, Glimpse
from tagship.adapters.targets.ec2.instances import Instances, described
from tagship.adapters.targets.ec2.logs import asked_lines, sent_lines
from tagship.adapters.targets.ec2.lookout import Lookout, in_a_thread
from tagship.adapters.targets.ec2.pointer import StoredPointer
from tagship.adapters.targets.ec2.processors import ProcessorCheck
from tagship.adapters.targets.ec2.sending import SHELL_TIME, Sender, Sent, said_to_act
from tagship.domain.change import Change
from tagship.domain.ec2 import folders
from tagship.domain.ec2.adoption import adoption_commands
from tagship.domain.ec2.document import pin_commands
from tagship.domain.ec2.inspection import inspection_commands
from tagship.domain.ec2.journal import journal_commands
from tagship.domain.ec2.order import Order
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused
from tagship.ports.logs import Session
from tagship.ports.target import Pins, Script, Tick
from tagship.settings.ec2 import Ec2, Hosts

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


@dataclass
class Ec2Target(ProcessorCheck):
    """The hosts that have an environment's tags.

    `_unsent` are those that the last change did not reach, and why. `_lookout` looked at them meanwhile,
    in what `beside` begins.
    """

    context: Context
    environment: str
    ec2: Hosts
    _unsent: dict[str, str] = field(default_factory=dict)
    _lookout: Lookout | None = None
    beside: Callable[[Callable[[], None]], None] = in_a_thread

    @property
    def aws(self) -> Aws:
        aws: Aws = self.context.aws
        return aws

    @property
    def _ssm(self) -> SSMClient:
        return self.aws.client("ssm")

    @property
    def _instances(self) -> Instances:
        return Instances(self.aws, self.ec2.tags)

    @cached_property
    def _sender(self) -> Sender:
        context = self.context
        return Sender(
            self.aws,
            self._instances,
            self.ec2.document,
            self.environment,
            context.clock,
            context.screen.warn,
            entry=resources.place(context.root) / boot.ENTRY,
        )

    # -- the hosts -----------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> Rules:
        return self.ec2.rules

    def prepare(self) -> None:
        self.aws.prepare("ec2", "ssm")

    def units(self) -> Sequence[Unit]:
        """List running instances with every tag, by name. Raises Refused without any."""
        with self.aws.translated(f"looking for the hosts of {self.environment}"):
            running = self._instances.running()
            agents = self._instances.agents([instance["InstanceId"] for instance in running])
        if not running:
            raise Refused(
                f"No running instance has the tags of {self.environment}: {self._instances.wanted}.",
                remedy=f"Start one, tag one, or correct environments.{self.environment}.ec2.tags in tagship.toml",
            )
        return sorted((described(instance, agents) for instance in running), key=lambda host: (host.name, host.id))

    def seen_meanwhile(self) -> Sequence[Unit] | None:
        """List the hosts that were seen during the last change."""
        return self._lookout.seen if self._lookout else None

    def ended(self, units: Sequence[str]) -> Collection[str]:
        with self.aws.translated(f"looking for hosts that {self.environment} had"):
            return self._instances.terminated(units)

    # -- asking and changing -------------------------------------------------------------------------------------------

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Ask each host what it runs; an unreached one is `silent`."""
        question = orders.question(self.context.settings, self.ec2, self.environment)
        sent = self._sender.send(question, [host.id for host in units])
        return self._collecting().collect(sent, units, question.timeout, tick)

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Send one command for each 50 hosts."""
        # Hosts that are gone, or that a later command did not reach, are `silent`.
        self._unsent = {}
        sent = self._sender.send(self._order(change), [host.id for host in units])
        self._unsent = sent.unsent
        return sent.operations

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        """Poll each command until every host has ended.

        A host that is gone is not waited for. One that never ends is `silent` once its time is over.
        """
        question = orders.question(self.context.settings, self.ec2, self.environment)
        collecting = self._collecting(Glimpse(lambda ids: self._sender.send(question, ids)))
        self._lookout = collecting.lookout
        sent = Sent(list(operations), self._unsent)
        return collecting.collect(sent, units, self._order(change).timeout, tick)

    def _order(self, change: Change) -> Order:
        return orders.order(self.context.settings, self.ec2, change)

    def _collecting(self, glimpse: Glimpse | None = None) -> Collecting:
        return Collecting(Answers(self.aws), self.context.clock, Lookout(self.units, self.beside), glimpse)

    # -- what was started ----------------------------------------------------------------------------------------------

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """List a deployment's commands, ended or not, by their comments."""
        return self._sender.listed(deployment_id, since)

    def cancel(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            with (
                self.aws.translated(f"cancelling command {operation.id}"),
                contextlib.suppress(self._ssm.exceptions.InvalidCommandId),
            ):
                self._ssm.cancel_command(CommandId=operation.id)

    # -- what a host that boots runs -----------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        """Write the environment's pointer: hosts that boot start what it names."""
        to = Pointer(
            app=change.app,
            environment=change.environment,
            artifact=change.artifact_id,
            manifest_sha256=change.manifest_sha256,
            deployment=change.deployment_id,
            fence=change.fence,
            numbers=self.ec2.numbers(self.context.settings.environment(change.environment).health),
        )
        StoredPointer(self.context, self.environment).point(to)

    def uncommitted(self, artifact_id: str) -> str:
        return StoredPointer(self.context, self.environment).uncommitted(artifact_id)

    def starting(self) -> Collection[str]:
        return StoredPointer(self.context, self.environment).named()

    def resign(self, *, dry_run: bool) -> str:
        return StoredPointer(self.context, self.environment).resign(dry_run=dry_run)

    def pin(self, pins: Pins, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Send the keys by AWS-RunShellScript: who may do that is root there."""
        app, entry = self.context.settings.app, boot.entry(self.context)
        lines = pin_commands(app, self.environment, pins.keys, pins.revoked, entry, attested=pins.attested)
        return self._shell("pin", lines, units, tick)

    def inspect(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Look at hosts by AWS-RunShellScript, which an administrator may send."""
        app, volumes = self.context.settings.app, self.ec2.volumes
        hosts = [volume.host for volume in volumes]
        lines = inspection_commands(app, self.ec2.port, self.ec2.container.name, hosts)
        return [self._judged(report) for report in self._shell("inspect", lines, units, tick)]

    def _judged(self, report: Report) -> Report:
        """Add what the host's folders mean for the settings."""
        facts, volumes = report.facts, self.ec2.volumes
        if not report.good:
            return report
        wanted = [folders.OwnedPath(volume.host, volume.owner) for volume in volumes]
        known = {volume.container or volume.host for volume in volumes}
        added = {
            "folders": folders.wrong(wanted, folders.folders_of(facts.get("volumes"))),
            "proposed": folders.proposed(self.context.settings.app, facts.get("data"), known),
            "unmapped": folders.unmapped(facts.get("data")),
        }
        return replace(report, facts={**facts, **added})

    def adopt(self, units: Sequence[Unit], tick: Tick, *, undo: bool) -> Sequence[Report]:
        """Take hosts over by AWS-RunShellScript, or give them back."""
        lines = adoption_commands(self.context.settings.app, self.ec2.port, self.ec2.container.name, undo=undo)
        return self._shell("adopt", lines, units, tick)

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        """Read the agents' log group, or ask for journals by SSM."""
        logs = self.context.settings.environment(self.environment).logs
        if logs.group:
            return sent_lines(self.aws, self.environment, logs, units, window)
        lines = journal_commands(self.context.settings.app, window)
        online = [host for host in units if host.online]
        ask = lambda: self._shell("logs", lines, online, lambda _: None) if online else ()  # noqa: E731
        for host in units:
            if not host.online:
                tick(f"{host.name} was not asked: {host.problem}")
        return asked_lines(online, self.environment, ask, tick)

    def enter(self, unit: Unit) -> Session:
        """Open a session of Session Manager on a host."""
        return opened(self.aws, unit.id)

    def _shell(self, action: str, lines: Sequence[str], units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        sent = Sent()
        with said_to_act(sent):
            self._sender.shell(action, lines, [host.id for host in units], sent)
            return self._collecting().collect(sent, units, SHELL_TIME, tick)

    def files(self) -> Mapping[str, bytes]:
        """Write the environment's conf, which its hosts read from every bundle."""
        settings = self.context.settings
        return self.ec2.files(self.environment, settings.environment(self.environment), settings.aws.region)

    def required(self) -> Sequence[str]:
        """Name the program that a host runs from each bundle."""
        return [boot.HOST_PROGRAM]

    def first_boot(self, artifact_id: str, pins: Pins, *, compress: bool) -> Script:
        """Render the user data of a launch template."""
        return boot.script(self.context, self.ec2, self.environment, artifact_id, pins, compress=compress)


def connect(context: Context, environment: str) -> Ec2Target:
    """Connect to the hosts of one environment of the settings."""
    ec2 = context.settings.environment(environment).runs_on(Ec2)
    if ec2 is None:
        raise TypeError(f"{environment} has no ec2 table: the settings refuse that")
    return Ec2Target(context, environment, ec2)
