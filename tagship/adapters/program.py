"""Run a program that people watch: pass its lines on as they come, and keep its errors.

It gets a process group of its own, so that a Ctrl-C reaches it once and through us: a terminal would send it to both,
and Terraform, for one, takes the second for "now, whatever breaks". SIGTERM (a cancelled CI job) and SIGHUP (a
closed terminal) ask it to stop too, but only where nothing did before: GitHub sends SIGINT, then SIGTERM 7.5 s later,
and that one is no second opinion.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from types import FrameType

from tagship.errors import Refused

ASKS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PRIVATE = 0o077  # umask: what such a program writes (a plan, a state) may hold secrets


@dataclass
class Program:
    """One run of a program; `stops` counts the requests to stop."""

    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    stops: int = 0
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def run(self, say: Callable[[str], None]) -> tuple[int, str]:
        """Return exit code and standard error. Raises KeyboardInterrupt if stopped."""
        with TemporaryFile() as complaints, self._signals():
            with self._started(complaints.fileno()) as process:
                self._process = process
                if self.stops:  # asked to before it was there
                    process.send_signal(signal.SIGINT)
                for line in process.stdout or ():
                    say(line.rstrip("\r\n"))
            complaints.seek(0)
            errors = complaints.read().decode("utf-8", "replace")
        if self.stops:
            say(errors)
            raise KeyboardInterrupt
        return process.returncode, errors

    def _started(self, complaints: int) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                list(self.command),
                cwd=self.directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                encoding="utf-8",
                errors="replace",
                umask=PRIVATE,
                process_group=0,
            )
        except OSError as reason:
            name = self.command[0]
            raise Refused(
                f"{name} cannot be started: {reason.strerror}.",
                remedy=f"Install it, or put it on PATH: command -v {name}",
            ) from reason

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Pass SIGINT, SIGTERM and SIGHUP on while it runs."""
        # Python lets only the main thread listen to signals.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heard = [number for number in ASKS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores SIGHUP
        before = {number: signal.signal(number, self._stop) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        first = not self.stops
        self.stops += 1
        if self._process and (first or number == signal.SIGINT):
            self._process.send_signal(signal.SIGINT)
