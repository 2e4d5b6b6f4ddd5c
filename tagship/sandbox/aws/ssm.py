"""SSM Run Command that runs: replaces moto's, which says Success and does nothing, and adds what it has not.

Answers follow the API reference of each operation. Every host that the sandbox built is a managed node, for as long as
its instance runs; any other instance is unknown to SSM, as one without an agent is.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import ec2_backends
from moto.s3.models import s3_backends
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse as Response

from tagship.sandbox.aws import documents
from tagship.sandbox.aws.documents import Invalid
from tagship.sandbox.hosts.commands import LISTED, Command, Invocation, Machine, Pace, Sent, now
from tagship.sandbox.hosts.simulated import Behaviour

NOT_VALID = "Instances [[{}]] not in a valid state for account {}"


class Agents:
    """The hosts that have an agent, by instance id, and how time passes for all of them."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}
        self.pace = Pace()
        self.behaviour = Behaviour()  # of simulated hosts
        self.commands: list[Command] = []
        self.lock = threading.Lock()

    def cancel_all(self) -> None:
        for command in list(self.commands):
            command.cancel([])


def install(agents: Agents) -> None:
    """Put the operations onto moto's class of responses."""
    api = _Api(agents)
    for operation in _Api.OPERATIONS:
        setattr(Response, operation, _operation(getattr(api, operation)))


def _operation(act: Callable[[Any], Mapping[str, Any] | None]) -> Callable[[Any], ActionResult]:
    """An operation as moto calls it: Invalid becomes the API's error, None an empty answer."""

    def answer(self: Any) -> ActionResult:
        try:
            value = act(self)
        except Invalid as problem:
            # moto finds an error's protocol by the module that its class is of
            raise SSMException(problem.code, problem.message) from problem
        return EmptyResult() if value is None else ActionResult(value)

    return answer


class _Api:
    """The operations. Each takes moto's response object and returns the answer's members."""

    OPERATIONS = (
        "send_command",
        "list_commands",
        "list_command_invocations",
        "get_command_invocation",
        "cancel_command",
        "describe_instance_information",
    )

    def __init__(self, agents: Agents) -> None:
        self.agents = agents

    def send_command(self, request: Any) -> Mapping[str, Any]:
        ask = request._get_param
        ids, targets = list(ask("InstanceIds") or []), list(ask("Targets") or [])
        _limits(ids, targets, ask)
        hosts = self._resolve(request.ssm_backend, ids, targets)
        name = (ask("DocumentName") or "").rsplit("/", 1)[-1]
        version, document = _document(request.ssm_backend, name, ask("DocumentVersion"))
        parameters = {
            key: [value] if isinstance(value, str) else value for key, value in (ask("Parameters") or {}).items()
        }
        sent = Sent(
            document=name,
            version=version,
            script=documents.script(document, parameters),
            parameters=parameters,
            comment=ask("Comment") or "",
            timeout=int(ask("TimeoutSeconds") or 3600),
            instance_ids=ids,
            targets=targets,
            concurrency=ask("MaxConcurrency") or "50",
            errors=ask("MaxErrors") or "0",
            bucket=ask("OutputS3BucketName") or "",
            prefix=ask("OutputS3KeyPrefix") or "",
        )
        backend = request.ssm_backend
        command = Command(sent, self.agents.pace, lambda *to: _put(backend.account_id, *to))
        with self.agents.lock:
            self.agents.commands.append(command)
        answer = _command(command, ("Pending", "Pending"))
        command.start({host: self.agents.machines[host] for host in hosts})
        return {"Command": answer | {"TargetCount": len(hosts)}}

    def list_commands(self, request: Any) -> Mapping[str, Any]:
        wanted, host = request._get_param("CommandId"), request._get_param("InstanceId")
        commands = [self._command(wanted)] if wanted else reversed(self.agents.commands)
        found = [each for each in commands if not host or host in each.invocations]
        for key, value in _filters(request):
            found = [each for each in found if _passes(key, value, each.state(), each)]
        return _page(request, "Commands", [_command(each, each.state()) for each in found if each.visible])

    def list_command_invocations(self, request: Any) -> Mapping[str, Any]:
        wanted, host = request._get_param("CommandId"), request._get_param("InstanceId")
        commands = [self._command(wanted)] if wanted else list(reversed(self.agents.commands))
        found = [
            row for each in commands if each.visible for row in each.invocations.values() if host in (None, row.host)
        ]
        for key, value in _filters(request):
            found = [row for row in found if _passes(key, value, (row.status, row.details), row.command)]
        details = bool(request._get_param("Details"))
        return _page(request, "CommandInvocations", [_listed(row, details) for row in found])

    def get_command_invocation(self, request: Any) -> Mapping[str, Any]:
        wanted, host = request._get_param("CommandId"), request._get_param("InstanceId")
        command = next((each for each in self.agents.commands if each.id == wanted), None)
        row = command.invocations.get(host) if command and command.visible else None
        if row is None:
            raise Invalid("InvocationDoesNotExist", "")
        plugin = request._get_param("PluginName")
        if plugin not in (None, "", "aws:runShellScript", row.command.sent.script.step):
            raise Invalid("InvalidPluginName", "")
        return _detailed(row, f"https://s3.{request.ssm_backend.region_name}.amazonaws.com")

    def cancel_command(self, request: Any) -> None:
        hosts = request._get_param("InstanceIds") or []
        command = self._command(request._get_param("CommandId"))
        if set(hosts) - set(command.invocations):
            raise Invalid("InvalidInstanceId", ", ".join(sorted(set(hosts) - set(command.invocations))))
        command.cancel(hosts)

    def describe_instance_information(self, request: Any) -> Mapping[str, Any]:
        rows = [
            _node(id_, instance, self.agents.machines[id_].online.is_set())
            for id_, instance in self._nodes(request.ssm_backend).items()
        ]
        for key, values in _node_filters(request):
            tagged = self._tagged(request.ssm_backend, key, values) if key.startswith("tag") else set()
            rows = [
                row
                for row in rows
                if (row["InstanceId"] in tagged if key.startswith("tag") else row.get(key) in values)
            ]
        return _page(request, "InstanceInformationList", rows, smallest=5)

    def _command(self, wanted: str) -> Command:
        for command in self.agents.commands:
            if command.id == wanted:
                return command
        raise Invalid("InvalidCommandId", "")

    def _nodes(self, backend: Any) -> dict[str, Any]:
        """Running instances that have an agent."""
        return {
            each.id: each for each in _instances(backend) if each.state == "running" and each.id in self.agents.machines
        }

    def _tagged(self, backend: Any, key: str, values: Sequence[str]) -> set[str]:
        return {each.id for each in _instances(backend, {key: list(values)})}

    def _resolve(self, backend: Any, ids: Sequence[str], targets: Sequence[Mapping[str, Any]]) -> list[str]:
        """The hosts that a command goes to: the ids, and whatever passes every target."""
        nodes = self._nodes(backend)
        bad = [each for each in ids if each not in nodes]
        if bad:
            raise Invalid("InvalidInstanceId", NOT_VALID.format(", ".join(bad), backend.account_id))
        found = set(nodes) if targets else set()
        for target in targets:
            by_id = target["Key"].lower() == "instanceids"
            found &= set(target["Values"]) if by_id else self._tagged(backend, target["Key"], target["Values"])
        return [*ids, *sorted(found - set(ids))]


def _limits(ids: Sequence[str], targets: Sequence[Any], ask: Callable[[str], Any]) -> None:
    """What SendCommand refuses before it looks at anything."""
    if not ids and not targets:
        raise Invalid("ValidationException", "InstanceIds or Targets must be specified")
    if len(ids) > 50:
        raise _too_long("instanceIds", 50)
    if len(targets) > 5:
        raise _too_long("targets", 5)
    if len(set(ids)) != len(ids):
        raise Invalid("DuplicateInstanceId", "You can't specify an instance ID in more than one association.")
    if len(ask("Comment") or "") > 100:
        raise _too_long("comment", 100)
    timeout = ask("TimeoutSeconds")
    if timeout is not None and not 30 <= int(timeout) <= 2_592_000:
        raise Invalid("ValidationException", f"Value '{timeout}' at 'timeoutSeconds' must be from 30 to 2592000")
    for name, pattern in (
        ("MaxConcurrency", r"[1-9][0-9]{0,6}|[1-9][0-9]?%|100%"),
        ("MaxErrors", r"0|[1-9][0-9]{0,6}|[0-9]%|[1-9][0-9]%|100%"),
    ):
        value = ask(name)
        if value and not re.fullmatch(pattern, value):
            raise Invalid("ValidationException", f"Value '{value}' at '{name}' failed to satisfy the pattern {pattern}")


def _too_long(name: str, limit: int) -> Invalid:
    rule = f"Member must have length less than or equal to {limit}"
    return Invalid(
        "ValidationException", f"1 validation error detected: Value at '{name}' failed to satisfy constraint: {rule}"
    )


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
    s3_backends[account]["aws"].put_object(bucket, key, body)


def _instances(backend: Any, filters: Mapping[str, Any] | None = None) -> Iterable[Any]:
    for reservation in ec2_backends[backend.account_id][backend.region_name].all_reservations(filters=filters):
        yield from reservation.instances


def name(region: str, names: Mapping[str, str]) -> None:
    """Give instances their Name tags, without a request for each: a fleet has hundreds."""
    for id_, given in names.items():
        ec2_backends[DEFAULT_ACCOUNT_ID][region].create_tags([id_], {"Name": given})


def _filters(request: Any) -> list[tuple[str, str]]:
    return [(each["key"], each["value"]) for each in request._get_param("Filters") or []]


def _passes(key: str, value: str, state: tuple[str, str], command: Command) -> bool:
    match key:
        case "Status":
            return value in state
        case "DocumentName":
            return value == command.sent.document
        case "InvokedAfter":
            return command.requested >= _moment(value)
        case "InvokedBefore":
            return command.requested < _moment(value)
        case "ExecutionStage":
            return (value == "Executing") == (state[0] in {"Pending", "InProgress", "Delayed", "Cancelling"})
    raise Invalid("InvalidFilterKey", f"The filter key {key} is not valid.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError as reason:
        raise Invalid("ValidationException", f"{text} is no time") from reason


def _node_filters(request: Any) -> list[tuple[str, Sequence[str]]]:
    """Both spellings of the filters; the answer's members are named as the keys are, save one."""
    asked = [(each["Key"], each["Values"]) for each in request._get_param("Filters") or []]
    asked += [(each["key"], each["valueSet"]) for each in request._get_param("InstanceInformationFilterList") or []]
    known = {
        "InstanceIds": "InstanceId",
        "PingStatus": "PingStatus",
        "PlatformTypes": "PlatformType",
        "AgentVersion": "AgentVersion",
    }
    for key, _ in asked:
        if key not in known and not key.startswith("tag"):
            raise Invalid("InvalidFilterKey", f"The filter key {key} is not valid.")
    return [(known.get(key, key), values) for key, values in asked]


def _page(request: Any, name: str, rows: Sequence[Any], smallest: int = 1) -> dict[str, Any]:
    size, token = int(request._get_param("MaxResults") or 50), request._get_param("NextToken") or "0"
    if not smallest <= size <= 50:
        raise Invalid("ValidationException", f"Value '{size}' at 'maxResults' must be from {smallest} to 50")
    if not token.isdigit():
        raise Invalid("InvalidNextToken", "The specified token is not valid.")
    start = int(token)
    more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return {name: list(rows[start : start + size]), **more}


def _command(command: Command, state: tuple[str, str]) -> dict[str, Any]:
    sent, rows = command.sent, list(command.invocations.values())
    return {
        "CommandId": command.id,
        "DocumentName": sent.document,
        "DocumentVersion": sent.version,
        "Comment": sent.comment,
        "ExpiresAfter": command.expires,
        "Parameters": sent.parameters,
        "InstanceIds": list(sent.instance_ids),
        "Targets": list(sent.targets),
        "RequestedDateTime": command.requested,
        "Status": state[0],
        "StatusDetails": state[1],
        "OutputS3BucketName": sent.bucket,
        "OutputS3KeyPrefix": sent.prefix,
        "MaxConcurrency": sent.concurrency,
        "MaxErrors": sent.errors,
        "TargetCount": len(rows),
        "CompletedCount": sum(row.done for row in rows),
        "ErrorCount": command.errors,
        "DeliveryTimedOutCount": sum(row.details == "DeliveryTimedOut" for row in rows),
        "TimeoutSeconds": sent.timeout,
    }


def _invocation(row: Invocation) -> dict[str, Any]:
    sent = row.command.sent
    return {
        "CommandId": row.command.id,
        "InstanceId": row.host,
        "Comment": sent.comment,
        "DocumentName": sent.document,
        "DocumentVersion": sent.version,
        "Status": row.status,
        "StatusDetails": row.details,
    }


def _detailed(row: Invocation, s3: str) -> dict[str, Any]:
    """GetCommandInvocation: output is empty until the end."""
    done, sent = row.done, row.command.sent
    took = (row.ended - row.started).total_seconds() if done and row.started and row.ended else None

    def url(name: str) -> str:
        return f"{s3}/{sent.bucket}/{row.command.key(row, name)}" if sent.bucket else ""

    return _invocation(row) | {
        "PluginName": "aws:runShellScript",
        "ResponseCode": row.code if done else -1,
        "ExecutionStartDateTime": _iso(row.started),
        "ExecutionElapsedTime": "" if took is None else f"PT{took:.3f}S",
        "ExecutionEndDateTime": _iso(row.ended),
        "StandardOutputContent": row.out if done else "",
        "StandardOutputUrl": url("stdout"),
        "StandardErrorContent": row.err if done else "",
        "StandardErrorUrl": url("stderr"),
    }


def _listed(row: Invocation, details: bool) -> dict[str, Any]:
    """ListCommandInvocations: a plugin's output, both streams in one, only where details were asked for."""
    value = _invocation(row) | {"InstanceName": "", "RequestedDateTime": row.command.requested, "CommandPlugins": []}
    if details:
        value["CommandPlugins"] = [
            {
                "Name": "aws:runShellScript",
                "Status": "Pending" if row.status == "Delayed" else row.status,
                "StatusDetails": row.details,
                "ResponseCode": row.code if row.done else -1,
                "ResponseStartDateTime": row.started,
                "ResponseFinishDateTime": row.ended,
                "Output": _together(row.out, row.err) if row.done else "",
                "OutputS3BucketName": row.command.sent.bucket,
                "OutputS3KeyPrefix": row.command.sent.prefix,
            }
        ]
    return value


def _together(out: str, err: str) -> str:
    """Both streams within 2,500 characters; where they are too long, half for each."""
    head = "\n----------ERROR-------\n" if err else ""
    room = LISTED - len(head)
    if len(out) + len(err) <= room:
        return out + head + err
    cut, half = "\n---Output truncated---", room // 2
    kept = len(err) if len(err) <= half else max(half, room - len(out))
    return _cut(out, room - kept, cut) + head + _cut(err, kept, "\n---Error truncated----")


def _cut(text: str, limit: int, suffix: str) -> str:
    return text if len(text) <= limit else text[: limit - len(suffix)] + suffix


def _iso(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if moment else ""


def _node(id_: str, instance: Any, online: bool) -> dict[str, Any]:
    return {
        "InstanceId": id_,
        "PingStatus": "Online" if online else "ConnectionLost",
        "LastPingDateTime": now(),
        "AgentVersion": "3.3.2746.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Sandbox",
        "PlatformVersion": "1",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip,
        "ComputerName": id_,
    }
