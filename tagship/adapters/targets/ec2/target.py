"""EC2 hosts, by SSM Run Command.

Tags are resolved to instance ids first, and those ids are pinned: a machine that joins meanwhile is not half-told. The
limits are AWS's (SSM API reference): 50 instance ids a call, a comment of 100 characters, output only once an
invocation has ended. Just after a send, an empty list and InvocationDoesNotExist mean "not yet".

A poll is one ListCommandInvocations a command, with the output's first 2,500 characters: a verdict that fits in them
(all is well) costs no call of its own. SSM's own error limit is switched off: how many hosts may fail is decided by
tagship, over the whole fleet, and hosts that one failure in their command has cut off would be counted too.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ec2.answers import Answers
from tagship.adapters.targets.ec2.instances import Instances, calls, described
from tagship.domain.ec2.document import fallback_commands, parameters
from tagship.domain.ec2.order import Order
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused, ServiceFailed, Unheard
from tagship.ports.people import Clock
from tagship.settings import Environment
from tagship.settings.ec2 import Ec2

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

DELIVERY = 60  # seconds until a host must have begun; PingStatus was looked at just before
GRACE = 30  # seconds after delivery and execution have timed out, for SSM to say so
FIRST_WAIT, LONGEST_WAIT, GROWTH = 0.05, 2.0, 1.2  # seconds between polls: quick for a rollback, easy on the API
LOOK = 20  # seconds between looks whether the hosts that are waited for are still there
SHELL = "AWS-RunShellScript"
GONE = "it is gone: no running instance of this id has the environment's tags"
SENDINGS = 4  # of a command that was surely not taken
LOOKS, LOOK_AFTER = 4, 1.0  # for a command whose answer was lost; seconds before each
SKEW = timedelta(hours=2)  # how far this clock and SSM's may be apart


@dataclass
class Ec2Target:
    """The hosts that carry an environment's tags."""

    aws: Aws
    ec2: Ec2
    environment: str
    clock: Clock
    warn: Callable[[str], None]
    entry: Path  # deploy/host/entry.sh, for accounts without the document
    numbers: str = ""  # the settings' operational numbers, which go with every order
    _unsent: dict[str, str] = field(default_factory=dict)
    _told: dict[str, frozenset[str]] = field(default_factory=dict)  # command -> the hosts it went to
    _limits: dict[str, int] = field(default_factory=dict)  # command -> the seconds that its hosts may take

    @property
    def _ssm(self) -> SSMClient:
        return self.aws.client("ssm")

    @property
    def _there(self) -> Instances:
        return Instances(self.aws, self.ec2.tags)

    # -- who is there --------------------------------------------------------------------------------------------------

    def hosts(self) -> Sequence[Unit]:
        """Running instances with every tag of the settings, by name; raises Refused where there is none."""
        with self.aws.translated(f"looking for the hosts of {self.environment}"):
            found = self._there.running()
            pings = self._there.pings([one["InstanceId"] for one in found])
        if not found:
            raise Refused(
                f"No running instance has the tags of {self.environment}: {self._there.wanted}.",
                remedy=f"Start one, tag one, or correct environments.{self.environment}.ec2.tags in tagship.toml",
            )
        return sorted((described(one, pings) for one in found), key=lambda host: (host.name, host.id))

    # -- telling them --------------------------------------------------------------------------------------------------

    def send(self, order: Order, hosts: Sequence[Unit]) -> Sequence[str]:
        """One command for each 50 hosts. An error of the first raises: no host was told. A later one is kept for
        `collect`, where its hosts are `silent`: the ones before are acting by then. Hosts that are gone are silent.
        Unheard is raised where the first may have gone out."""
        self._unsent, self._told = {}, {}
        order = replace(order, numbers=self.numbers)
        commands: list[str] = []
        for some in calls([host.id for host in hosts]):
            try:
                commands += self._send(order, some)
            except ServiceFailed as reason:
                if not commands:
                    raise
                told = "" if isinstance(reason, Unheard) else "it was told nothing: "
                self._unsent.update(dict.fromkeys(some, f"{told}{reason}"))
        return commands

    def _send(self, order: Order, ids: Sequence[str]) -> list[str]:
        with self.aws.translated(f"sending {order.action} to {len(ids)} hosts"):
            try:
                return [self._told_to(order, ids)]
            except self._ssm.exceptions.InvalidInstanceId:  # one that left is enough for SSM to refuse all of them
                there = self._there.there(ids)
                if len(there) == len(ids):
                    raise
                self._unsent.update(dict.fromkeys(set(ids) - set(there), GONE))
                return [self._told_to(order, there)] if there else []

    def _told_to(self, order: Order, ids: Sequence[str]) -> str:
        try:
            command = self._command(order, ids, self.ec2.document, parameters(order))
        except self._ssm.exceptions.InvalidDocument:
            command = self._command(order, ids, SHELL, self._shell_lines(order))
        except self._ssm.exceptions.InvalidParameters as reason:
            raise self._of_another_tagship(reason) from reason
        self._told[command], self._limits[command] = frozenset(ids), order.timeout
        return command

    def _of_another_tagship(self, reason: Any) -> Refused:
        """The document was installed by a tagship that sends other parameters: no host can be told anything by it."""
        why = reason.response["Error"]["Message"].rstrip(".")
        return Refused(
            f"The SSM document {self.ec2.document} in this account is not the one of this tagship ({why}).",
            remedy="Set the sandbox up anew: inv sandbox reset"
            if self.aws.sandbox
            else "Bring it up to date: inv setup (what would change: inv setup --dry-run)",
        )

    def _shell_lines(self, order: Order) -> dict[str, list[str]]:
        """The same order for AWS-RunShellScript, where the account has no document of ours."""
        missing = f"The SSM document {self.ec2.document} is not installed in this account"
        if not self.entry.is_file():
            raise Refused(
                f"{missing}, and there is no {self.entry} to send instead.",
                remedy=f"Put it back: git checkout -- {self.entry}",
            )
        self.warn(f"{missing}: {SHELL} is used instead, which needs a wider permission")
        lines = fallback_commands(order, self.entry.read_text("utf-8"))
        return {"commands": lines, "executionTimeout": [str(order.timeout)]}

    def _command(self, order: Order, ids: Sequence[str], document: str, told: Mapping[str, Sequence[str]]) -> str:
        """SendCommand, for one command whatever happens to the answer.

        SSM has no token to know a repetition by, and botocore would repeat a request whose answer was lost: two
        commands at once on every host. So each is sent a single time. What was surely not taken is sent again. Where
        that is not known, the command is looked for by the deployment that its comment names, and nothing is sent
        again: the error is Unheard where it does not show.
        """
        asked: Any = {
            "InstanceIds": list(ids),
            "DocumentName": document,
            "Parameters": dict(told),
            "TimeoutSeconds": DELIVERY,
            "MaxConcurrency": str(len(ids)),
            "MaxErrors": str(len(ids)),
            "Comment": f"tagship {order.action} {order.deployment_id} {order.artifact_id}"[:100],
        }
        for number in range(1, SENDINGS + 1):
            try:
                command: str = self.aws.once("ssm").send_command(**asked)["Command"]["CommandId"]
                return command
            except Exception as reason:
                again = self.aws.refused_for_now(reason) or (order.action == "status" and self.aws.unsure(reason))
                if again and number < SENDINGS:
                    self.clock.sleep(random.uniform(0.5, 1.5) * 2 ** (number - 1))  # noqa: S311 (jitter)
                elif self.aws.unsure(reason) and order.action != "status":
                    return self._found(order, ids, reason)
                else:
                    raise
        raise AssertionError

    def _found(self, order: Order, ids: Sequence[str], reason: Exception) -> str:
        """The command whose answer was lost; raises Unheard where it does not show. A list may lag behind."""
        since = self.clock.now() - SKEW
        with contextlib.suppress(ServiceFailed):
            for _ in range(LOOKS):
                self.clock.sleep(LOOK_AFTER)
                for one in self.sent_for(order.deployment_id, since):
                    same = (one.action, set(one.hosts)) == (order.action, set(ids))
                    if same and order.artifact_id.startswith(one.artifact_id) and one.command not in self._told:
                        self.warn(f"the answer to {order.action} was lost; it is SSM command {one.command}")
                        return one.command
        raise Unheard(
            f"The answer to {order.action} on {len(ids)} hosts was lost ({type(reason).__name__}), and it is not known "
            "whether SSM took it.",
            state="The hosts may be acting on it.",
            remedy=f"See what they run: inv status --env {self.environment}",
        ) from reason

    # -- hearing from them ---------------------------------------------------------------------------------------------

    def collect(self, commands: Sequence[str], hosts: Sequence[Unit], beat: Callable[[str], None]) -> Sequence[Report]:
        """Poll each command until every host has ended. One that is gone is not waited for, and one that never ends is
        `silent` once its time is over."""
        reports = {one: Report(one, "silent", reason=reason) for one, reason in self._unsent.items()}
        awaited = {host.id for host in hosts} - set(reports)
        answers = Answers(self.aws)
        began, wait, looked = self.clock.now(), FIRST_WAIT, 0.0
        longest = max((self._limits.get(one, self.ec2.timeout) for one in commands), default=self.ec2.timeout)
        while awaited:
            for command in commands:
                if not self._told.get(command, awaited).isdisjoint(awaited):
                    reports.update(answers.ended(command, awaited))
            awaited -= set(reports)
            beat(f"{len(hosts) - len(awaited)} of {len(hosts)} hosts have answered")
            age = (self.clock.now() - began).total_seconds()
            if awaited and age - looked > LOOK:
                looked = age
                reports.update(self._left(awaited))
            if age > DELIVERY + longest + GRACE:
                reports.update(_silent(awaited - set(reports), "SSM never said how it ended"))
            awaited -= set(reports)
            if awaited:
                self.clock.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311 (jitter, not a secret)
                wait = min(wait * GROWTH, LONGEST_WAIT)
        return [reports[host.id] for host in hosts]

    def _left(self, awaited: set[str]) -> dict[str, Report]:
        """The hosts among `awaited` that have left; what cannot be asked now is asked again later."""
        try:
            with self.aws.translated(f"looking for {len(awaited)} hosts of {self.environment}"):
                there = {one["InstanceId"] for one in self._there.running()}
        except ServiceFailed:
            return {}
        return _silent(awaited - there, GONE)

    def in_flight(self, deployment_id: str, commands: Sequence[str]) -> Sequence[str]:
        """Commands that SSM still runs, by id or by the deployment that their comment names: an id that never came
        back is found too. SSM lists what it runs of the whole account; a page has 50."""
        with self.aws.translated(f"asking which commands of {deployment_id} still run"):
            running: Any = {"Filters": [{"key": "ExecutionStage", "value": "Executing"}]}
            pages = self._ssm.get_paginator("list_commands").paginate(**running)
            found = [one for page in pages for one in page["Commands"]]
        mine = [one for one in found if one["CommandId"] in commands or deployment_id in one.get("Comment", "").split()]
        return [one["CommandId"] for one in mine]

    def sent_for(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """By their comment, from all that SSM was asked in that time: it keeps commands for 30 days. So an id that
        never came back is found too."""
        with self.aws.translated(f"asking which commands were sent for {deployment_id}"):
            after: Any = {"Filters": [{"key": "InvokedAfter", "value": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}]}
            pages = self._ssm.get_paginator("list_commands").paginate(**after)
            found = [one for page in pages for one in page["Commands"]]
        mine = [one for one in found if deployment_id in one.get("Comment", "").split()]
        return [_sent(one) for one in sorted(mine, key=lambda one: one["RequestedDateTime"])]

    def cancel(self, commands: Sequence[str]) -> None:
        for command in commands:
            with (
                self.aws.translated(f"cancelling command {command}"),
                contextlib.suppress(self._ssm.exceptions.InvalidCommandId),
            ):
                self._ssm.cancel_command(CommandId=command)


def _sent(command: Any) -> Operation:
    """An order as SSM lists it. (The comment is cut at 100 characters; the document's parameters are whole.)"""
    _, action, _, *rest = command["Comment"].split()
    artifact = command.get("Parameters", {}).get("artifact") or rest or [""]
    return Operation(command["CommandId"], action, artifact[0], tuple(command.get("InstanceIds", ())))


def _silent(ids: Iterable[str], reason: str) -> dict[str, Report]:
    return {one: Report(one, "silent", reason=reason) for one in ids}


def connect(
    aws: Aws, name: str, chosen: Environment, *, clock: Clock, warn: Callable[[str], None], entry: Path
) -> Ec2Target:
    """The hosts of one environment of the settings."""
    hosts = chosen.runs_on(Ec2)
    if hosts is None:
        raise TypeError(f"{name} does not run on hosts of EC2")
    return Ec2Target(aws, hosts, name, clock, warn, entry, hosts.numbers(chosen.health))
