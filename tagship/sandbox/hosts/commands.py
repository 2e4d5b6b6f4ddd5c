"""A command that was sent to hosts: its invocations, a batch at a time, and how all of it stands.

Follows the Systems Manager User Guide: "Understanding command statuses"
(https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html) and "Send commands at scale"
(https://docs.aws.amazon.com/systems-manager/latest/userguide/send-commands-multiple.html).
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tagship.sandbox.hosts.invocations import TERMINAL, Delivery, Invocation
from tagship.sandbox.hosts.machines import Machine, Script
from tagship.sandbox.pace import Pace, now

PLUGIN = "awsrunShellScript"  # the folder of its output in a bucket


@dataclass(frozen=True)
class Sent:
    """What SendCommand was asked for."""

    document: str
    version: str
    script: Script
    parameters: Mapping[str, Sequence[str]]
    comment: str
    timeout: int  # seconds until it must have been delivered
    instance_ids: Sequence[str]
    targets: Sequence[Mapping[str, Any]]
    concurrency: str
    errors: str
    bucket: str = ""
    prefix: str = ""


@dataclass
class Command:
    """One SendCommand and its invocations.

    They run a batch at a time, until too many have failed.
    """

    sent: Sent
    pace: Pace
    store: Callable[[str, str, bytes], None]  # puts (bucket, key, body)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested: datetime = field(default_factory=now)
    invocations: dict[str, Invocation] = field(default_factory=dict)
    cancelled: bool = False

    def start(self, machines: Mapping[str, Machine]) -> None:
        """Run on all of the machines, in a thread."""
        delivery = Delivery(self.id, self.sent.script, self.sent.parameters, self.sent.timeout)
        self.invocations = {
            host: Invocation(delivery, host, machine, self.pace, self._upload) for host, machine in machines.items()
        }
        threading.Thread(target=self._run, name=f"command {self.id}", daemon=True).start()

    def cancel(self, hosts: Sequence[str]) -> None:
        """Cancel the command on these hosts; on all if none is named."""
        self.cancelled = self.cancelled or not hosts
        for invocation in self.invocations.values():
            if not invocation.done and (not hosts or invocation.host in hosts):
                invocation.cancel()

    # -- how it stands -------------------------------------------------------------------------------------------------

    @property
    def errors(self) -> int:
        return sum(invocation.failed for invocation in self.invocations.values())

    @property
    def visible(self) -> bool:
        return self.pace.shows(self.requested)

    @property
    def expires(self) -> datetime:
        return self.requested + timedelta(seconds=self.sent.timeout + self.sent.script.timeout)

    def state(self) -> tuple[str, str]:
        """Return status and status details of the whole command."""
        statuses = {invocation.status for invocation in self.invocations.values()}
        if not statuses:
            return "Success", "NoInstancesInTag"
        if not statuses <= TERMINAL:
            word = "Cancelling" if self.cancelled else "Pending" if statuses == {"Pending"} else "InProgress"
            return word, word
        return ("Success", "Success") if statuses == {"Success"} else self._bad_end()

    def _bad_end(self) -> tuple[str, str]:
        details = {invocation.details for invocation in self.invocations.values()}
        if self.errors > self._allowed:
            only_late = details - {"Success", "Terminated"} == {"ExecutionTimedOut"}
            return ("TimedOut", "ExecutionTimedOut") if only_late else ("Failed", "Failed")
        if self.cancelled:
            return "Cancelled", "Cancelled"
        if details == {"DeliveryTimedOut"}:
            return "TimedOut", "DeliveryTimedOut"
        return "Failed", "Incomplete"

    # -- running -------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        batch = max(1, amount(self.sent.concurrency, len(self.invocations)))
        with ThreadPoolExecutor(batch) as pool:
            list(pool.map(self._run_on, self.invocations.values()))

    def _run_on(self, invocation: Invocation) -> None:
        if self.errors > self._allowed:
            invocation.refuse("Terminated")
        elif invocation.cancelled.is_set():
            invocation.refuse("Cancelled")
        else:
            invocation.run()

    @property
    def _allowed(self) -> int:
        return amount(self.sent.errors, len(self.invocations))

    # -- output --------------------------------------------------------------------------------------------------------

    def _upload(self, invocation: Invocation) -> None:
        """Put the whole output into the bucket that SendCommand named."""
        for name in ("stdout", "stderr") if self.sent.bucket else ():
            body = (invocation.work / name).read_bytes()
            if body:
                self.store(self.sent.bucket, self.key(invocation, name), body)

    def key(self, invocation: Invocation, name: str) -> str:
        """Return where a stream of an invocation's output is in that bucket."""
        parts = (self.sent.prefix, self.id, invocation.host, PLUGIN, f"0.{self.sent.script.step}", name)
        return "/".join(part for part in parts if part)


def amount(text: str, total: int) -> int:
    """Read MaxConcurrency or MaxErrors: a number, or a percentage of targets."""
    return total * int(text[:-1]) // 100 if text.endswith("%") else int(text)
