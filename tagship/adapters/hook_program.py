"""One run of a hook's command: its lines are shown as they come, its output is kept within bounds, and it ends in time.

It gets a process group of its own. Whatever ends the wait (a timeout, Ctrl-C, a lost lease) ends the whole group: it is
asked to end, and GRACE seconds later it is killed. What it leaves behind in the group when it ends by itself is killed
too, so that nothing of it outlives the deployment's lease.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tagship.domain.hook import HEAD, TAIL, HookOutcome, bounded
from tagship.domain.text import quoted, span
from tagship.ports.target import Tick

GRACE = 10.0  # seconds between the request to end and the kill
BEAT = 0.25  # seconds between two ticks
CLOSING = 2.0  # seconds that the last output may take once the command has ended
CHUNK = 65_536  # bytes
SHOWN = 200  # lines of an attempt that are shown; the ledger has the end of the others
LONG = 500  # characters of a line that are shown


@dataclass
class HookOutput:
    """What a command prints: its beginning, its end, lines to show."""

    head: bytes = b""
    tail: bytes = b""
    size: int = 0
    _open: bytes = b""
    _lines: deque[str] = field(default_factory=deque)
    _shown: int = 0

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = max(0, HEAD * 4 - len(self.head))
        self.head += chunk[:room]
        self.tail = (self.tail + chunk[room:])[-TAIL * 4 :]
        *lines, self._open = (self._open + chunk).split(b"\n")
        self._open = self._open[:LONG]
        for line in lines[: max(0, SHOWN - self._shown)]:
            self._lines.append(line[:LONG].decode("utf-8", "replace"))
        self._shown += len(lines)

    def show(self, say: Callable[[str], None], *, last: bool = False) -> None:
        """Show the lines that came since."""
        while self._lines:
            say(quoted(self._lines.popleft()))
        if last and self._open and self._shown < SHOWN:
            say(quoted(self._open.decode("utf-8", "replace")))
        if last and self._shown > SHOWN:
            say(f"({self._shown - SHOWN:,} more lines are not shown)")

    @property
    def text(self) -> str:
        """Return it as the ledger keeps it."""
        left_out = self.size - len(self.head) - len(self.tail)
        between = f"\n... {left_out:,} bytes left out ...\n".encode() if left_out else b""
        return bounded((self.head + between + self.tail).decode("utf-8", "replace").rstrip())


@dataclass
class HookProgram:
    """A command, where it runs and its variables; `say` gets its lines."""

    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    grace: float = GRACE
    output: HookOutput = field(default_factory=HookOutput)

    def run(self, timeout: int, tick: Tick) -> HookOutcome:
        """Run it to its end, or to the timeout's."""
        try:
            process = self._started()
        except OSError as reason:
            return HookOutcome(f"{self.command[0]} can't be started: {reason.strerror}")
        reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            in_time = self._watched(process, timeout, tick)
        finally:
            self._end(process)
            reader.join(CLOSING)
            self.output.show(self.say, last=True)
        problem = _problem(process.returncode) if in_time else f"it did not end within {span(timeout)}"
        return HookOutcome(problem, self.output.text)

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(self.command),
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def _read(self, pipe: IO[bytes] | None) -> None:
        with suppress(OSError, ValueError):
            while pipe and (chunk := os.read(pipe.fileno(), CHUNK)):
                self.output.take(chunk)

    def _watched(self, process: subprocess.Popen[bytes], timeout: int, tick: Tick) -> bool:
        """Wait, with ticks; tell whether it ended in time."""
        began = time.monotonic()
        while (ran := time.monotonic() - began) < timeout:
            tick(f"{self.command[0]} has run for {span(ran)}")
            self.output.show(self.say)
            with suppress(subprocess.TimeoutExpired):
                process.wait(min(BEAT, timeout - ran))
                return True
        return False

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End the command and whatever it started."""
        try:
            if process.poll() is None:
                _signal(process.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(self.grace)
        finally:
            _signal(process.pid, signal.SIGKILL)
            process.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _problem(code: int) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}" if code else ""
