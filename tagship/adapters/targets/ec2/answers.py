"""How SSM says that a command has ended on a host, and the host's verdict in it.

A listing has an output's first 2,500 characters: a verdict that fits in them (all is well) costs no call of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets.ec2.instances import IDS
from tagship.domain.ec2 import verdict
from tagship.domain.units import Report

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

ENDED = frozenset({"Success", "Failed", "Cancelled", "TimedOut"})

WORDS = {
    "DeliveryTimedOut": "the host did not start the command in time",
    "Undeliverable": "the command could not be delivered to the host",
    "Terminated": "SSM stopped the command before this host, because others had failed",
    "ExecutionTimedOut": "it ran longer than it may, and was killed",
    "TimedOut": "it ran longer than it may, and was killed",
    "Cancelled": "the command was cancelled",
    "Canceled": "the command was cancelled",
    "InvalidPlatform": "the host is not a Linux machine",
    "AccessDenied": "the host's agent may not run the command",
    "Failed": "its program failed without a verdict",
    "Success": "its program ended without a verdict",
}

CAUSES = {  # what a program that could not even give a verdict wrote to its standard error -> what that means
    "Read-only file system": "its disk is read-only; repair it or replace the host (dmesg says why)",
    "No space left on device": "its disk is full (df -h shows what takes the room)",
    "Disk quota exceeded": "its disk quota is used up",
    "Input/output error": "its disk fails; replace the disk or the host (dmesg says why)",
}


@dataclass(frozen=True)
class Answers:
    """What hosts answered to commands."""

    aws: Aws

    @property
    def _ssm(self) -> SSMClient:
        return self.aws.client("ssm")

    def ended(self, command: str, awaited: set[str]) -> dict[str, Report]:
        """Return the reports of awaited hosts whose invocation has ended."""
        with self.aws.translated(f"asking how command {command} goes"):
            rows = [row for row in self._invocations(command) if row["Status"] in ENDED]
            reports = [self._heard(command, row) for row in rows if row["InstanceId"] in awaited]
        return {report.unit: report for report in reports if report}

    def _invocations(self, command: str) -> list[Any]:
        """Read a command's invocations in one call."""
        # A command has at most 50 hosts and a page at most 50 rows: nothing follows the 50th.
        rows: list[Any] = []
        pages = self._ssm.get_paginator("list_command_invocations")
        try:
            for page in pages.paginate(CommandId=command, Details=True, PaginationConfig={"PageSize": IDS}):
                rows += page["CommandInvocations"]
                if len(rows) >= IDS:
                    break
        except self._ssm.exceptions.InvalidCommandId:
            return []  # just sent: not known everywhere yet
        return rows

    def _heard(self, command: str, row: Any) -> Report | None:
        """Read the verdict from the listing, or else from the whole output."""
        host, status = row["InstanceId"], row.get("StatusDetails", row["Status"])
        for plugin in row.get("CommandPlugins", ()):
            report = verdict.read(host, plugin.get("Output", ""), "")
            if report.outcome != "silent":
                return report
        return self._report(command, host, status)

    def _report(self, command: str, host: str, status: str) -> Report | None:
        """Read the verdict from the whole output: 24,000 characters."""
        try:
            invocation = self._ssm.get_command_invocation(CommandId=command, InstanceId=host)
        except self._ssm.exceptions.InvocationDoesNotExist:
            return None
        words = WORDS.get(status.replace(" ", ""), f"SSM says {status}")
        heard = invocation.get("StandardErrorContent", "").strip()
        report = verdict.read(host, invocation.get("StandardOutputContent", ""), words)
        if report.outcome != "silent" or not heard:
            return report
        causes = [meaning for text, meaning in CAUSES.items() if text in heard]
        return Report(
            host, "silent", reason="; ".join([words, *causes]), evidence=f"{report.evidence}\n{heard[-2000:]}".strip()
        )
