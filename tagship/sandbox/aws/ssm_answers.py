"""What SSM's operations answer: the members of each answer. See tagship.sandbox.aws.ssm."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tagship.sandbox.hosts.commands import Command
from tagship.sandbox.hosts.invocations import Invocation
from tagship.sandbox.pace import now

LISTED = 2_500  # characters of output in a list


def command(command: Command, state: tuple[str, str]) -> dict[str, Any]:
    """Render a Command in the state given."""
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


def _invocation(command: Command, row: Invocation) -> dict[str, Any]:
    sent = command.sent
    return {
        "CommandId": command.id,
        "InstanceId": row.host,
        "Comment": sent.comment,
        "DocumentName": sent.document,
        "DocumentVersion": sent.version,
        "Status": row.status,
        "StatusDetails": row.details,
    }


def detailed(command: Command, row: Invocation, s3: str) -> dict[str, Any]:
    """Render GetCommandInvocation's answer: output is empty until the end."""
    done, sent = row.done, command.sent
    took = (row.ended - row.started).total_seconds() if done and row.started and row.ended else None

    def url(name: str) -> str:
        return f"{s3}/{sent.bucket}/{command.key(row, name)}" if sent.bucket else ""

    return _invocation(command, row) | {
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


def listed(command: Command, row: Invocation, details: bool) -> dict[str, Any]:
    """Render a row of ListCommandInvocations."""
    # It has a plugin's output, both streams in one, only if details were asked for.
    return _invocation(command, row) | {
        "InstanceName": "",
        "RequestedDateTime": command.requested,
        "CommandPlugins": [_plugin(command, row)] if details else [],
    }


def _plugin(command: Command, row: Invocation) -> dict[str, Any]:
    return {
        "Name": "aws:runShellScript",
        "Status": "Pending" if row.status == "Delayed" else row.status,
        "StatusDetails": row.details,
        "ResponseCode": row.code if row.done else -1,
        "ResponseStartDateTime": row.started,
        "ResponseFinishDateTime": row.ended,
        "Output": _together(row.out, row.err) if row.done else "",
        "OutputS3BucketName": command.sent.bucket,
        "OutputS3KeyPrefix": command.sent.prefix,
    }


def _together(out: str, err: str) -> str:
    """Join both streams within 2,500 characters."""
    # If they are too long, each gets half.
    head = "\n----------ERROR-------\n" if err else ""
    room = LISTED - len(head)
    if len(out) + len(err) <= room:
        return out + head + err
    cut, half = "\n---Output truncated---", room // 2
    for_errors = len(err) if len(err) <= half else max(half, room - len(out))
    return _cut(out, room - for_errors, cut) + head + _cut(err, for_errors, "\n---Error truncated----")


def _cut(text: str, limit: int, suffix: str) -> str:
    return text if len(text) <= limit else text[: limit - len(suffix)] + suffix


def _iso(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if moment else ""


def node(id_: str, instance: Any, *, online: bool) -> dict[str, Any]:
    """Render an InstanceInformation."""
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
