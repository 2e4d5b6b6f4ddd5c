"""One run of git. Git's own exit ends it: what it started and left behind (a hook's daemon, ssh's master) may keep the
pipes open, and is not waited for.

Only silence has a limit, and only the remote's: while a hook or a credential helper runs, nobody counts. Git itself
says which of its children run, in a trace.
"""

from __future__ import annotations

import io
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

CHUNK = 1 << 16
REST = 1 << 20  # more than a pipe holds
TICK = 0.05  # seconds between looks at a silent git
GRACE = 5.0  # seconds to end in, before SIGKILL

_CHILD = re.compile(r" \| d([0-2]) +\|.*\| (child_start|child_exit) .*?\[(ch\d+)\] ?(.*)")
_HELPER = re.compile(r"argv:\[.* (get|store|erase)'?\]$|argv:\[.*askpass")

Hear = Callable[[bytes], None]


class Silence(Exception):
    """Nothing was heard for longer than the limit."""


@dataclass
class Watch:
    """How long git may be silent, and where it traces its children.

    `limit` is in seconds; with an empty `trace` there is no limit.
    """

    limit: float = 0.0
    trace: str = ""
    heard: float = field(default_factory=time.monotonic)

    @property
    def environment(self) -> dict[str, str]:
        # The performance trace, because the others may be somebody's telemetry.
        return {"GIT_TRACE2_PERF": self.trace, "GIT_TRACE2_PARENT_SID": ""} if self.trace else {}

    def hear(self) -> None:
        self.heard = time.monotonic()

    def check(self) -> None:
        """Raise Silence if the remote said nothing for too long."""
        if not self.limit or time.monotonic() - self.heard < self.limit:
            return
        if not _at_work(Path(self.trace).read_text("utf-8", "replace")):
            raise Silence
        self.hear()


@contextmanager
def watch(limit: float) -> Iterator[Watch]:
    """Watch calls to a remote for `limit` seconds of silence."""
    with NamedTemporaryFile(prefix="tagship-git-") as trace:
        yield Watch(limit, trace.name)


def _at_work(trace: str) -> bool:
    """Tell whether a hook or a helper of the user's runs."""
    # Git itself starts it (d0), or its part for https does (d2).
    running = set()
    for depth, event, child, detail in _CHILD.findall(trace):
        if event == "child_exit":
            running.discard((depth, child))
        elif (depth == "0" and detail.startswith("class:hook")) or _HELPER.search(detail):
            running.add((depth, child))
    return bool(running)


def begin(
    command: list[str], environment: Mapping[str, str], *, stdin: IO[bytes] | None, grouped: bool
) -> subprocess.Popen[bytes]:
    """Start a program with pipes. Raises OSError if there is none."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0 if grouped else None,
    )


@dataclass
class GitRun:
    """A process and what it says.

    `grouped`: it leads a process group of its own.
    """

    process: subprocess.Popen[bytes]
    grouped: bool
    watch: Watch
    hear_out: Hear
    hear_err: Hear
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._pipes = selectors.DefaultSelector()
        heard = ((self.process.stdout, (self.out, self.hear_out)), (self.process.stderr, (self.err, self.hear_err)))
        for pipe, words in heard:
            if pipe:
                self._pipes.register(pipe, selectors.EVENT_READ, words)

    def step(self) -> bool:
        """Read what is ready; return false once git's output is complete."""
        ended = self.process.poll() is not None  # before the look: what git wrote is in the pipes by then
        ready = self._pipes.select(0 if ended else TICK) if self._pipes.get_map() else []
        for key, _ in ready:
            self._take(key, REST if ended else CHUNK)
        if not ended and not ready:
            if self._pipes.get_map():
                self.watch.check()
            else:
                self.process.wait()
        return not ended

    def _take(self, key: selectors.SelectorKey, size: int) -> None:
        data = os.read(key.fd, size)
        if not data:
            self._pipes.unregister(key.fileobj)
            return
        self.watch.hear()
        words, hear = key.data
        words += data
        hear(data)

    def ended(self) -> int:
        """Wait for git's own end and return its exit status. Raises Silence."""
        try:
            while self.step():
                pass
        finally:
            self.close()
        return self.process.returncode

    def close(self) -> None:
        """Close the pipes; end the process, and its children, if running."""
        if self.process.poll() is None:
            self._end()
        self._pipes.close()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def _end(self) -> None:
        children = [] if self.grouped else descendants(self.process.pid)
        self._send(signal.SIGTERM, children)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE)
        self._send(signal.SIGKILL, children)
        self.process.wait()

    def _send(self, number: int, children: list[int]) -> None:
        for pid in [self.process.pid, *children]:
            with suppress(ProcessLookupError, PermissionError):
                if self.grouped:
                    os.killpg(pid, number)
                elif pid != self.process.pid or self.process.poll() is None:
                    os.kill(pid, number)


class Stdout(io.RawIOBase):
    """A run's standard output as a stream, read while it runs."""

    def __init__(self, run: GitRun) -> None:
        self._run = run

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        words = self._run.out
        while not words and self._run.step():
            pass
        count = min(len(buffer), len(words))
        buffer[:count] = words[:count]
        del words[:count]
        return count


def descendants(pid: int) -> list[int]:
    """List a process's descendants; none if the machine can't list processes."""
    with suppress(OSError, subprocess.SubprocessError):
        listing = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=5
        )
        parents = [(int(child), int(parent)) for child, parent in map(str.split, listing.stdout.splitlines())]
        family = [pid]
        for member in family:
            family += [child for child, parent in parents if parent == member]
        return family[1:]
    return []
