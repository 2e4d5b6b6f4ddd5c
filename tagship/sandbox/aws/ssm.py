"""SSM Run Command that runs: replaces moto's, which says Success and does nothing, and adds what moto lacks.

Follows the API reference of each operation
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html and its neighbours). Every host
that the sandbox built is a managed node, for as long as its instance runs; any other instance is unknown to SSM, as one
without an agent is. A session is the host's folder, in which somebody may open a shell. Does not model: notifications,
CloudWatch output and alarms, DocumentHash, resource groups as targets, hybrid nodes, streams of sessions, throttling,
and the 30 days after which commands are forgotten.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

from tagship.sandbox.aws import documents, stock
from tagship.sandbox.aws import ssm_answers as answers
from tagship.sandbox.aws import ssm_requests as requests
from tagship.sandbox.aws.documents import Invalid
from tagship.sandbox.aws.instances import instances
from tagship.sandbox.hosts.commands import Command, Sent
from tagship.sandbox.hosts.invocations import Invocation
from tagship.sandbox.world import World

NOT_VALID = "Instances [[{}]] not in a valid state for account {}"


def install(world: World) -> None:
    """Replace moto's operations by those that act on this world."""

    def shorten(scale: float) -> None:
        world.pace.scale = float(scale)

    def delay(seconds: float) -> None:
        world.pace.visible_after = float(seconds)

    world.switches |= {"scale": shorten, "visible_after": delay}
    api = _Api(world)
    for act in (
        api.send_command,
        api.list_commands,
        api.list_command_invocations,
        api.get_command_invocation,
        api.cancel_command,
        api.describe_instance_information,
        api.start_session,
    ):
        stock.replace(SimpleSystemManagerResponse, act.__name__, functools.partial(_operation, act))


def _operation(act: Callable[[Any], Mapping[str, Any] | None], _original: Any) -> Callable[[Any], ActionResult]:
    """Wrap an operation as moto calls it."""
    # Invalid becomes the API's error, None an empty answer.

    def answer(self: Any) -> ActionResult:
        try:
            value = act(self)
        except Invalid as problem:
            # moto finds an error's protocol by the module that its class is of
            raise SSMException(problem.code, problem.message) from problem
        return EmptyResult() if value is None else ActionResult(value)

    return answer


class _Api:
    """The operations of SSM.

    Each takes moto's response object, which has the request, and returns the answer's members.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def send_command(self, request: Any) -> Mapping[str, Any]:
        backend = request.ssm_backend
        requests.check_limits(request)
        hosts = self._resolve(backend, requests.ids(request), requests.targets(request))
        command = Command(_sent(request), self.world.pace, functools.partial(_put, backend.account_id))
        self.world.commands.append(command)
        answer = answers.command(command, ("Pending", "Pending"))
        command.start({host: self.world.machines[host] for host in hosts})
        return {"Command": answer | {"TargetCount": len(hosts)}}

    def start_session(self, request: Any) -> Mapping[str, Any]:
        """Answer with the host's folder in place of a stream's address."""
        target = request._get_param("Target")
        machine = self.world.machines.get(target)
        if machine is None:
            raise Invalid("TargetNotConnected", f"{target} is not connected.")
        return {"SessionId": f"sandbox-{target}", "TokenValue": "none", "StreamUrl": machine.root.as_uri()}

    def list_commands(self, request: Any) -> Mapping[str, Any]:
        host = request._get_param("InstanceId")
        commands = [command for command in self._asked(request) if not host or host in command.invocations]
        for key, value in requests.filters(request):
            commands = [command for command in commands if requests.passes(key, value, command.state(), command)]
        rows = [answers.command(command, command.state()) for command in commands if command.visible]
        return requests.page(request, "Commands", rows)

    def list_command_invocations(self, request: Any) -> Mapping[str, Any]:
        host = request._get_param("InstanceId")
        invocations = [
            (command, row)
            for command in self._asked(request)
            if command.visible
            for row in command.invocations.values()
            if host in (None, row.host)
        ]
        for key, value in requests.filters(request):
            invocations = [
                (command, row)
                for command, row in invocations
                if requests.passes(key, value, (row.status, row.details), command)
            ]
        details = bool(request._get_param("Details"))
        rows = [answers.listed(command, row, details) for command, row in invocations]
        return requests.page(request, "CommandInvocations", rows)

    def get_command_invocation(self, request: Any) -> Mapping[str, Any]:
        command, row = self._invocation(request._get_param("CommandId"), request._get_param("InstanceId"))
        plugin = request._get_param("PluginName")
        if plugin not in (None, "", "aws:runShellScript", command.sent.script.step):
            raise Invalid("InvalidPluginName", "")
        return answers.detailed(command, row, f"https://s3.{request.ssm_backend.region_name}.amazonaws.com")

    def cancel_command(self, request: Any) -> None:
        hosts = request._get_param("InstanceIds") or []
        command = self._command(request._get_param("CommandId"))
        unknown = set(hosts) - set(command.invocations)
        if unknown:
            raise Invalid("InvalidInstanceId", ", ".join(sorted(unknown)))
        command.cancel(hosts)

    def describe_instance_information(self, request: Any) -> Mapping[str, Any]:
        rows = [
            answers.node(id_, instance, online=self.world.machines[id_].online.is_set())
            for id_, instance in self._nodes(request.ssm_backend).items()
        ]
        for key, values in requests.node_filters(request):
            if key.startswith("tag"):
                tagged = _tagged(request.ssm_backend, key, values)
                rows = [row for row in rows if row["InstanceId"] in tagged]
            else:
                rows = [row for row in rows if row.get(key) in values]
        return requests.page(request, "InstanceInformationList", rows, smallest=5)

    # -- finding -------------------------------------------------------------------------------------------------------

    def _asked(self, request: Any) -> list[Command]:
        """Return the command that was asked for, or all, newest first."""
        command_id = request._get_param("CommandId")
        return [self._command(command_id)] if command_id else list(reversed(self.world.commands))

    def _command(self, command_id: str) -> Command:
        for command in self.world.commands:
            if command.id == command_id:
                return command
        raise Invalid("InvalidCommandId", "")

    def _invocation(self, command_id: str, host: str) -> tuple[Command, Invocation]:
        for command in self.world.commands:
            if command.id == command_id and command.visible and host in command.invocations:
                return command, command.invocations[host]
        raise Invalid("InvocationDoesNotExist", "")

    def _nodes(self, backend: Any) -> dict[str, Any]:
        """Return running instances that have an agent, by id."""
        all_instances = instances(backend.region_name, backend.account_id)
        return {
            instance.id: instance
            for instance in all_instances
            if instance.state == "running" and instance.id in self.world.machines
        }

    def _resolve(self, backend: Any, ids: Sequence[str], targets: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return a command's hosts: the ids, and whatever passes every target."""
        nodes = self._nodes(backend)
        invalid = [id_ for id_ in ids if id_ not in nodes]
        if invalid:
            raise Invalid("InvalidInstanceId", NOT_VALID.format(", ".join(invalid), backend.account_id))
        matching = set(nodes) if targets else set()
        for target in targets:
            by_id = target["Key"].lower() == "instanceids"
            matching &= set(target["Values"]) if by_id else _tagged(backend, target["Key"], target["Values"])
        return [*ids, *sorted(matching - set(ids))]


def _sent(request: Any) -> Sent:
    """Read a SendCommand request, and make its script. Raises Invalid."""
    ask = request._get_param
    name = (ask("DocumentName") or "").rsplit("/", 1)[-1]
    version, document = _document(request.ssm_backend, name, ask("DocumentVersion"))
    parameters = requests.parameters(request)
    return Sent(
        document=name,
        version=version,
        script=documents.script(document, parameters),
        parameters=parameters,
        comment=ask("Comment") or "",
        timeout=int(ask("TimeoutSeconds") or 3600),
        instance_ids=requests.ids(request),
        targets=requests.targets(request),
        concurrency=ask("MaxConcurrency") or "50",
        errors=ask("MaxErrors") or "0",
        bucket=ask("OutputS3BucketName") or "",
        prefix=ask("OutputS3KeyPrefix") or "",
    )


def _tagged(backend: Any, key: str, values: Sequence[str]) -> set[str]:
    return {instance.id for instance in instances(backend.region_name, backend.account_id, {key: list(values)})}


def _document(backend: Any, name: str, version: str | None) -> tuple[str, Mapping[str, Any]]:
    if name == "AWS-RunShellScript":
        return "1", documents.RUN_SHELL_SCRIPT
    known = backend._documents.get(name)
    if known is None:
        raise Invalid("InvalidDocument", f"Document with name {name} does not exist.")
    stored = known.get_default_version() if version in (None, "", "$DEFAULT") else None
    stored = known.get_latest_version() if version == "$LATEST" else stored or known.find_by_version(version)
    if stored is None:
        raise Invalid("InvalidDocumentVersion", f"Document {name} has no version {version}.")
    content = stored.content_json if isinstance(stored.content_json, dict) else json.loads(stored.content)
    return stored.document_version, content


def _put(account: str, bucket: str, key: str, body: bytes) -> None:
    stock.backend("s3", "aws", account).put_object(bucket, key, body)
