"""Send an order to hosts by SSM Run Command, once and never twice.

SSM has no token to know a repetition by, and botocore would repeat a request whose answer was lost: two commands at
once on every host. So each is sent a single time. What was surely not taken is sent again. If that is not known, the
command is looked for by the deployment that its comment names, and nothing is sent again.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ec2.answers import ENDED
from tagship.adapters.targets.ec2.instances import Instances, calls
from tagship.domain import commands
from tagship.domain.ec2.document import fallback_commands, for_status, parameters
from tagship.domain.ec2.order import Order
from tagship.domain.text import counted, either, listed
from tagship.domain.units import Operation
from tagship.errors import UNCHANGED, Refused, ServiceFailed, Unheard, said_to_be_done
from tagship.ports.people import Clock

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

DELIVERY = 60  # seconds until a host must have begun; PingStatus was looked at just before
SHELL = "AWS-RunShellScript"
SHELL_TIME = 60  # seconds that its lines may run
GONE = "it is gone: no running instance of this id has the environment's tags"
SENDINGS = 4  # of a command that was surely not taken
LOOKS, LOOK_AFTER = 4, 1.0  # for a command whose answer was lost; seconds before each
SKEW = timedelta(hours=2)  # how far this clock and SSM's may be apart


@dataclass
class Sent:
    """The commands of one order, and why some hosts were not reached."""

    operations: list[Operation] = field(default_factory=list)
    unsent: dict[str, str] = field(default_factory=dict)


@dataclass
class Sender:
    """Sends orders to the hosts of one environment.

    `known` are the ids of commands that this process sent.
    """

    aws: Aws
    instances: Instances
    document: str
    environment: str
    clock: Clock
    warn: Callable[[str], None]
    entry: Path  # deploy/host/entry.sh, for accounts without the document
    known: set[str] = field(default_factory=set)

    @property
    def _ssm(self) -> SSMClient:
        return self.aws.client("ssm")

    def send(self, order: Order, ids: Sequence[str]) -> Sent:
        """Send one command for each 50 hosts.

        An error of the first raises: no host was reached. After a later one its hosts are `unsent`: the ones before are
        acting by then. Raises Unheard if the first may have gone out.
        """
        sent = Sent()
        for group in calls(ids):
            try:
                self._send(order, group, sent)
            except ServiceFailed as reason:
                if not sent.operations:
                    raise
                prefix = "" if isinstance(reason, Unheard) else "nothing was sent to it: "
                sent.unsent.update(dict.fromkeys(group, f"{prefix}{reason}"))
        return sent

    def _send(self, order: Order, ids: Sequence[str], sent: Sent) -> None:
        with self.aws.translated(f"sending {order.action} to {counted(len(ids), 'host')}"):
            try:
                sent.operations.append(self._operation(order, ids))
            except self._ssm.exceptions.InvalidInstanceId:  # one that left is enough for SSM to refuse all of them
                remaining = self.instances.reachable(ids)
                if len(remaining) == len(ids):
                    raise
                sent.unsent.update(dict.fromkeys(set(ids) - set(remaining), GONE))
                sent.operations += [self._operation(order, remaining)] if remaining else []

    def _operation(self, order: Order, ids: Sequence[str]) -> Operation:
        document = for_status(self.document) if order.action == "status" else self.document
        try:
            command = self._command(order, ids, document, parameters(order))
        except self._ssm.exceptions.InvalidDocument:
            command = self._command(order, ids, SHELL, self._shell_lines(order))
        except self._ssm.exceptions.InvalidParameters as reason:
            raise self._of_another_tagship(reason) from reason
        self.known.add(command)
        return operation(command, order.action, order.artifact_id, ids)

    def _of_another_tagship(self, reason: Any) -> Refused:
        """Say that another tagship installed the document."""
        # It takes other parameters, so no host can be reached by it.
        why = reason.response["Error"]["Message"].rstrip(".")
        return Refused(
            f"The SSM document {self.document} in this account was installed by another tagship ({why}).",
            remedy=f"Set the sandbox up again: {commands.sandbox('reset')}"
            if self.aws.sandbox
            else either(f"Update it: {commands.setup()}", f"Or see what would change: {commands.setup(dry_run=True)}"),
        )

    def _shell_lines(self, order: Order) -> dict[str, list[str]]:
        """Write the order for AWS-RunShellScript, if our document is not installed."""
        name = for_status(self.document) if order.action == "status" else self.document
        missing = f"The SSM document {name} is not installed in this account"
        self.warn(f"{missing}: {SHELL} is used instead, which needs a wider permission")
        lines = fallback_commands(order, self.entry.read_text("utf-8"))
        return {"commands": lines, "executionTimeout": [str(order.timeout)]}

    def shell(self, action: str, lines: Sequence[str], ids: Sequence[str], sent: Sent) -> None:
        """Send lines that may be run twice, as AWS-RunShellScript.

        Adds to `sent` what was."""
        for group in calls(ids):
            with self.aws.translated(f"sending {SHELL} to {counted(len(group), 'host')}"):
                answer = self._ssm.send_command(
                    InstanceIds=list(group),
                    DocumentName=SHELL,
                    Parameters={"commands": list(lines), "executionTimeout": [str(SHELL_TIME)]},
                    TimeoutSeconds=DELIVERY,
                    Comment=f"tagship {action} {self.environment}",
                )
            sent.operations.append(operation(answer["Command"]["CommandId"], action, "", group))

    def _command(self, order: Order, ids: Sequence[str], document: str, values: Mapping[str, Sequence[str]]) -> str:
        """Call SendCommand for exactly one command, even if the answer is lost.

        Raises Unheard if it is lost for good.
        """
        request: Any = {
            "InstanceIds": list(ids),
            "DocumentName": document,
            "Parameters": dict(values),
            "TimeoutSeconds": DELIVERY,
            "MaxConcurrency": str(len(ids)),
            "MaxErrors": str(len(ids)),
            "Comment": f"tagship {order.action} {order.deployment_id} {order.artifact_id}"[:100],
        }
        for number in range(1, SENDINGS + 1):
            try:
                command: str = self.aws.once("ssm").send_command(**request)["Command"]["CommandId"]
                return command
            except Exception as reason:
                repeatable = self.aws.refused_for_now(reason) or (order.action == "status" and self.aws.unsure(reason))
                if repeatable and number < SENDINGS:
                    self.clock.sleep(random.uniform(0.5, 1.5) * 2 ** (number - 1))  # noqa: S311 (jitter)
                elif self.aws.unsure(reason) and order.action != "status":
                    return self._unanswered(order, ids, reason)
                else:
                    raise
        raise AssertionError

    def _unanswered(self, order: Order, ids: Sequence[str], reason: Exception) -> str:
        """Find the command whose answer was lost. Raises Unheard otherwise."""
        # A list may lag behind.
        since = self.clock.now() - SKEW
        with contextlib.suppress(ServiceFailed):
            for _ in range(LOOKS):
                self.clock.sleep(LOOK_AFTER)
                for listed in self.listed(order.deployment_id, since):
                    same = (listed.action, set(listed.units)) == (order.action, set(ids))
                    if same and order.artifact_id.startswith(listed.artifact_id) and listed.id not in self.known:
                        self.warn(f"the answer to {order.action} was lost; it is {listed.name}")
                        return listed.id
        raise Unheard(
            f"The answer to {order.action} on {counted(len(ids), 'host')} was lost ({type(reason).__name__}): SSM may "
            "or may not have received it.",
            state="The hosts may be acting on it.",
            remedy=f"See what they run: {commands.status(self.environment)}",
        ) from reason

    def listed(self, deployment_id: str, since: datetime) -> list[Operation]:
        """List the commands that name a deployment, from SSM's list since then.

        SSM keeps them for 30 days, so a command whose id never came back is found too. A page has 50, of the whole
        account.
        """
        with self.aws.translated(f"asking which commands were sent for {deployment_id}"):
            filters: Any = {
                "Filters": [{"key": "InvokedAfter", "value": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}]
            }
            pages = self._ssm.get_paginator("list_commands").paginate(**filters)
            commands = [command for page in pages for command in page["Commands"]]
        named = [command for command in commands if deployment_id in command.get("Comment", "").split()]
        return [_read(command) for command in sorted(named, key=lambda command: command["RequestedDateTime"])]


@contextmanager
def said_to_act(sent: Sent) -> Iterator[None]:
    """Say in an error that hosts may be acting."""
    try:
        with said_to_be_done(lambda: _acting(sent)):
            yield
    except ServiceFailed as reason:
        cause = reason.__cause__
        if reason.state == UNCHANGED and isinstance(cause, Exception) and Aws.unsure(cause):
            reason.state = "AWS did not say whether it took the command: hosts may be acting on it."
        raise


def _acting(sent: Sent) -> str:
    names = listed([operation.name for operation in sent.operations])
    return f"Hosts may be acting on {names}." if names else ""


def operation(command: str, action: str, artifact_id: str, hosts: Sequence[str], *, running: bool = True) -> Operation:
    """Describe an SSM command as an operation."""
    return Operation(command, f"SSM command {command}", action, artifact_id, tuple(hosts), running)


def _read(command: Any) -> Operation:
    """Read a command as SSM lists it."""
    # The comment is cut at 100 characters; the document's parameters are whole.
    _, action, _, *rest = command["Comment"].split()
    artifact = command.get("Parameters", {}).get("artifact") or rest or [""]
    running = command.get("Status") not in ENDED
    return operation(command["CommandId"], action, artifact[0], command.get("InstanceIds", ()), running=running)
