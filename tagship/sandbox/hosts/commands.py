"""A command that was sent to hosts: runs there as SSM's agent would run it, and says at each moment how it stands.

States and their details follow the User Guide's "Understanding command statuses". Output is empty until the end; cancel
and timeout kill the process group at once, so traps never run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from tagship.sandbox.aws.documents import Script
from tagship.sandbox.hosts.simulated import SimulatedHost

TERMINAL = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
STDOUT, STDERR, LISTED = 24_000, 8_000, 2_500  # characters


def now() -> datetime:
    return datetime.now(UTC)


class Machine(Protocol):
    """A host, as far as running a script on it goes."""

    @property
    def root(self) -> Path: ...

    @property
    def online(self) -> threading.Event: ...

    def variables(self) -> Mapping[str, str]: ...


@dataclass
class Pace:
    """How simulated time passes: `scale` shortens every timeout, `visible_after` (seconds) delays what a poll sees."""

    scale: float = 1.0
    visible_after: float = 0.0


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


class Invocation:
    """The command on one host."""

    def __init__(self, command: Command, host: str, machine: Machine) -> None:
        self.command, self.host, self.machine = command, host, machine
        self.status = self.details = "Pending"
        self.code = -1
        self.out = self.err = ""
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.cancelled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_by = ""
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        return self.status in TERMINAL

    def run(self) -> None:
        """Wait for the host, run the script, keep what it said."""
        if not self._delivered():
            return
        self.started = now()
        self.status = self.details = "InProgress"
        if isinstance(self.machine, SimulatedHost):
            self._simulate(self.machine)
            return
        work = self.machine.root / "var/lib/amazon/ssm" / self.command.id
        try:
            code = self._execute(work)
        except OSError as reason:
            self.err = str(reason)
            self._end("Failed", code=1)
            return
        self.out, self.err = _start_of(work / "stdout", STDOUT, "output"), _start_of(work / "stderr", STDERR, "error")
        self.command.upload(self, work)
        if self._killed_by == "timeout":
            self._end("TimedOut", "ExecutionTimedOut", 137)
        elif self._killed_by == "cancel":
            self._end("Cancelled", code=1)
        else:
            self._end("Success" if code == 0 else "Failed", code=code if code >= 0 else 128 - code)

    def _simulate(self, host: SimulatedHost) -> None:
        """The same endings, without a process; see tagship.sandbox.hosts.simulated."""
        code, self.out = host.obey(self.command.sent.parameters, self.cancelled)
        if self.cancelled.is_set():
            self._end("Cancelled", code=1)
        else:
            self._end("Success" if code == 0 else "Failed", code=code)

    def cancel(self) -> None:
        self.cancelled.set()
        self._kill("cancel")

    def refuse(self, details: str) -> None:
        """End without having run."""
        self._end("Cancelled", details)

    def _delivered(self) -> bool:
        """Wait for the host's agent; false when it was cancelled, or not there in time."""
        limit = (self.command.sent.timeout + self.command.sent.script.timeout) * self.command.pace.scale
        deadline = time.monotonic() + limit
        while not self.machine.online.is_set():
            self.status = self.details = "Delayed"
            if self.cancelled.wait(0.02):
                break
            if time.monotonic() > deadline:
                self._end("TimedOut", "DeliveryTimedOut")
                return False
        if self.cancelled.is_set():
            self._end("Cancelled")
            return False
        return True

    def _execute(self, work: Path) -> int:
        work.mkdir(parents=True, exist_ok=True)
        script = work / "_script.sh"
        script.write_text(self.command.sent.script.text, "utf-8")  # no `set -e`: the last line's status counts
        script.chmod(0o700)
        folder = self.machine.root / self.command.sent.script.folder.lstrip("/")
        with (work / "stdout").open("wb") as out, (work / "stderr").open("wb") as err:
            process = subprocess.Popen(
                ["sh", str(script)],
                cwd=folder,
                env={**self.machine.variables(), "AWS_SSM_INSTANCE_ID": self.host},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self._process = process
        if self.cancelled.is_set():
            self._kill("cancel")
        alarm = threading.Timer(self.command.sent.script.timeout * self.command.pace.scale, self._kill, ("timeout",))
        alarm.daemon = True
        alarm.start()
        try:
            return process.wait()  # no timeout: with one, Python polls every 50 ms
        finally:
            alarm.cancel()

    def _kill(self, why: str) -> None:
        with self._lock:
            process = self._process
            if process is None or process.returncode is not None or self._killed_by:
                return
            self._killed_by = why
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._killed_by = ""

    def _end(self, status: str, details: str = "", code: int = -1) -> None:
        self.ended = now()
        self.code = code
        self.details = details or status
        self.status = status  # last: whoever sees a terminal state sees the rest


@dataclass
class Command:
    """One SendCommand: its invocations, run a batch at a time until too many have failed."""

    sent: Sent
    pace: Pace
    store: Callable[[str, str, bytes], None]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested: datetime = field(default_factory=now)
    invocations: dict[str, Invocation] = field(default_factory=dict)
    cancelled: bool = False

    def start(self, machines: Mapping[str, Machine]) -> None:
        self.invocations = {host: Invocation(self, host, machine) for host, machine in machines.items()}
        threading.Thread(target=self._run, name=f"command {self.id}", daemon=True).start()

    def _run(self) -> None:
        total = len(self.invocations)
        allowed = amount(self.sent.errors, total)

        def one(invocation: Invocation) -> None:
            if self.errors > allowed:
                invocation.refuse("Terminated")
            elif invocation.cancelled.is_set():
                invocation.refuse("Cancelled")
            else:
                invocation.run()

        with ThreadPoolExecutor(max(1, amount(self.sent.concurrency, total))) as pool:
            list(pool.map(one, self.invocations.values()))

    def cancel(self, hosts: Sequence[str]) -> None:
        self.cancelled = self.cancelled or not hosts
        for invocation in self.invocations.values():
            if not invocation.done and (not hosts or invocation.host in hosts):
                invocation.cancel()

    @property
    def errors(self) -> int:
        """Invocations that count toward MaxErrors: what was never delivered does not."""
        return sum(each.status == "Failed" or each.details == "ExecutionTimedOut" for each in self.invocations.values())

    @property
    def visible(self) -> bool:
        return (now() - self.requested).total_seconds() >= self.pace.visible_after

    def state(self) -> tuple[str, str]:
        """Status and status details of the whole command."""
        statuses = {each.status for each in self.invocations.values()}
        if not statuses:
            return "Success", "NoInstancesInTag"
        if not statuses <= TERMINAL:
            word = "Cancelling" if self.cancelled else "Pending" if statuses == {"Pending"} else "InProgress"
            return word, word
        return ("Success", "Success") if statuses == {"Success"} else self._bad_end()

    def _bad_end(self) -> tuple[str, str]:
        every = list(self.invocations.values())
        details = {each.details for each in every}
        if self.errors > amount(self.sent.errors, len(every)):
            only_late = details - {"Success", "Terminated"} == {"ExecutionTimedOut"}
            return ("TimedOut", "ExecutionTimedOut") if only_late else ("Failed", "Failed")
        if self.cancelled:
            return "Cancelled", "Cancelled"
        if details == {"DeliveryTimedOut"}:
            return "TimedOut", "DeliveryTimedOut"
        return "Failed", "Incomplete"

    def upload(self, invocation: Invocation, work: Path) -> None:
        """Put the whole output into the bucket that SendCommand named."""
        for name in ("stdout", "stderr") if self.sent.bucket else ():
            body = (work / name).read_bytes()
            if body:
                self.store(self.sent.bucket, self.key(invocation, name), body)

    def key(self, invocation: Invocation, name: str) -> str:
        step = "awsrunShellScript"
        parts = (self.sent.prefix, self.id, invocation.host, step, f"0.{self.sent.script.step}", name)
        return "/".join(part for part in parts if part)

    @property
    def expires(self) -> datetime:
        return self.requested + timedelta(seconds=self.sent.timeout + self.sent.script.timeout)


def amount(text: str, total: int) -> int:
    """MaxConcurrency and MaxErrors: a number, or a percentage of the targets."""
    return total * int(text[:-1]) // 100 if text.endswith("%") else int(text)


def _start_of(path: Path, limit: int, name: str) -> str:
    """The first `limit` characters of a file, its last few saying so where there was more, as the agent writes them."""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(limit + 1)
    suffix = f"--{name} truncated--"
    return text if len(text) <= limit else text[: limit - len(suffix)] + suffix
