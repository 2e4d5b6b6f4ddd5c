"""A command on one host: runs there as SSM's agent would run it, and tells its state at any moment.

Follows the Systems Manager User Guide, "Understanding command statuses"
(https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html). Output is empty until the end;
cancel and timeout kill the process group at once, so traps never run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tagship.sandbox.hosts.machines import Machine, Script
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.pace import Pace, now

TERMINAL = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
STDOUT, STDERR = 24_000, 8_000  # characters


@dataclass(frozen=True)
class Delivery:
    """What the agent on a host gets."""

    command: str  # its id
    script: Script
    parameters: Mapping[str, Sequence[str]]
    within: int  # seconds until it must have been delivered


@dataclass
class Invocation:
    """One command on one host."""

    delivery: Delivery
    host: str
    machine: Machine
    pace: Pace
    keep: Callable[[Invocation], None]  # called when its output is whole, before its status says so
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    out: str = ""
    err: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None
    _killed_by: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def done(self) -> bool:
        return self.status in TERMINAL

    @property
    def failed(self) -> bool:
        """Tell whether it counts toward MaxErrors."""
        # What was never delivered does not.
        return self.status == "Failed" or self.details == "ExecutionTimedOut"

    @property
    def work(self) -> Path:
        """Return the host's folder with the script and its whole output."""
        return self.machine.root / "var/lib/amazon/ssm" / self.delivery.command

    def run(self) -> None:
        """Wait for the host, run the script, keep what it printed."""
        if not self._delivered():
            return
        self.started = now()
        self.status = self.details = "InProgress"
        if isinstance(self.machine, SimulatedHost):
            self._simulate(self.machine)
        else:
            self._really_run()

    def cancel(self) -> None:
        """Stop it, whether it waits or runs."""
        self.cancelled.set()
        self._kill("cancel")

    def refuse(self, details: str) -> None:
        """End without having run."""
        self._end("Cancelled", details)

    # -- delivery ------------------------------------------------------------------------------------------------------

    def _delivered(self) -> bool:
        """Wait for the host's agent; return false if it never ran."""
        # It was cancelled first, or the agent did not come in time.
        if not self._agent_came():
            self._end("TimedOut", "DeliveryTimedOut")
        elif self.cancelled.is_set():
            self._end("Cancelled")
        return not self.done

    def _agent_came(self) -> bool:
        deadline = time.monotonic() + self.pace.shortened(self.delivery.within + self.delivery.script.timeout)
        while not self.machine.online.is_set():
            self.status = self.details = "Delayed"
            if self.cancelled.wait(0.02):
                break
            if time.monotonic() > deadline:
                return False
        return True

    # -- running -------------------------------------------------------------------------------------------------------

    def _simulate(self, host: SimulatedHost) -> None:
        """End as a real host would, without a process; see tagship.sandbox.hosts.simulated."""
        code, self.out = host.obey(self.delivery.parameters, self.cancelled)
        if self.cancelled.is_set():
            self._end("Cancelled", code=1)
        else:
            self._end("Success" if code == 0 else "Failed", code=code)

    def _really_run(self) -> None:
        try:
            code = self._execute()
        except OSError as reason:
            self.err = str(reason)
            self._end("Failed", code=1)
            return
        self.out = _start_of(self.work / "stdout", STDOUT, "output")
        self.err = _start_of(self.work / "stderr", STDERR, "error")
        self.keep(self)
        self._conclude(code)

    def _conclude(self, code: int) -> None:
        if self._killed_by == "timeout":
            self._end("TimedOut", "ExecutionTimedOut", 137)
        elif self._killed_by == "cancel":
            self._end("Cancelled", code=1)
        else:
            self._end("Success" if code == 0 else "Failed", code=code if code >= 0 else 128 - code)

    def _execute(self) -> int:
        self._process = self._start(self._write_script())
        if self.cancelled.is_set():
            self._kill("cancel")
        alarm = threading.Timer(self.pace.shortened(self.delivery.script.timeout), self._kill, ("timeout",))
        alarm.daemon = True
        alarm.start()
        try:
            return self._process.wait()  # no timeout: with one, Python polls every 50 ms
        finally:
            alarm.cancel()

    def _write_script(self) -> Path:
        self.work.mkdir(parents=True, exist_ok=True)
        script = self.work / "_script.sh"
        script.write_text(self.delivery.script.text, "utf-8")  # no `set -e`: the last line's status counts
        script.chmod(0o700)
        return script

    def _start(self, script: Path) -> subprocess.Popen[bytes]:
        folder = self.machine.root / self.delivery.script.folder.lstrip("/")
        with (self.work / "stdout").open("wb") as out, (self.work / "stderr").open("wb") as err:
            return subprocess.Popen(
                ["sh", str(script)],
                cwd=folder,
                env={**self.machine.variables(), "AWS_SSM_INSTANCE_ID": self.host},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

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


def _start_of(path: Path, limit: int, name: str) -> str:
    """Return a file's first `limit` characters."""
    # If there is more, they end in the agent's note that it was cut.
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(limit + 1)
    suffix = f"--{name} truncated--"
    return text if len(text) <= limit else text[: limit - len(suffix)] + suffix
