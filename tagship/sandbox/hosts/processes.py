"""The processes of a sandbox: found by a mark in their environment, which every child inherits, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

# What is in the environment of a host's processes (an app keeps its HOME, and not the deployer's variables), and of a
# run's steps.
MARKS = (("TAGSHIP_HOST_ROOT", "hosts"), ("HOME", "hosts"), ("TAGSHIP_SANDBOX_RUN", "runs"))


def belonging(folder: Path) -> list[int]:
    """List the living processes of a sandbox's hosts and runs."""
    marks = [f"{variable}={folder}/{part}/".encode() for variable, part in MARKS]
    own_pids = {os.getpid(), os.getppid()}
    return [pid for pid, text in _environments() if pid not in own_pids and any(mark in text for mark in marks)]


def on(root: Path) -> list[int]:
    """List the living processes of one host, by its disk."""
    marks = [f"{MARKS[0][0]}={root}\0".encode(), f"HOME={root}/".encode()]
    return [pid for pid, text in _environments() if any(mark in text + b"\0" for mark in marks)]


def daemons(folder: Path) -> list[int]:
    """List the living daemons of the sandbox in `folder`."""
    # Whether or not any file of it is left.
    words_needed = [b"tagship.sandbox.server", b"--folder", os.fsencode(folder)]
    return [pid for pid, words in _commands() if all(word in words for word in words_needed)]


def _commands() -> Iterator[tuple[int, list[bytes]]]:
    """Yield each process with the words of its command."""
    # From /proc, or from `ps`, where blanks part them.
    if not Path("/proc/self/cmdline").exists():
        listed = subprocess.run(["ps", "axww", "-o", "pid=,command="], capture_output=True, check=False).stdout
        for line in listed.splitlines():
            pid, _, command = line.strip().partition(b" ")
            yield int(pid), [*command.split(b" "), *command.split(b" --")[1:]] if pid.isdigit() else []
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and not _defunct(int(entry.name)):
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes().split(b"\0")


def _environments() -> Iterator[tuple[int, bytes]]:
    """Yield each process of ours with its environment."""
    # From /proc, or from `ps` if there is none (macOS).
    proc = Path("/proc/self/environ")
    return _from_proc() if proc.exists() else _from_ps()


def _from_proc() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "environ").read_bytes()
            except OSError:  # somebody else's, or gone by now
                continue
            if text and not _defunct(int(entry.name)):
                yield int(entry.name), text


def _from_ps() -> Iterator[tuple[int, bytes]]:
    flags = "axEww" if sys.platform == "darwin" else "axeww"  # every process, with its environment, at full width
    listed = subprocess.run(["ps", flags, "-o", "pid=,stat=,command="], capture_output=True, check=False).stdout
    for line in listed.splitlines():
        pid, state, text = [*line.strip().split(None, 2), b"", b""][:3]
        if pid.isdigit() and not state.startswith(b"Z"):
            yield int(pid), text


def end(pids: Iterable[int], patience: float = 2.0) -> None:
    """Ask processes to end, wait, and kill the ones that did not."""
    living = _living(_signal(pids, signal.SIGTERM), patience)
    _living(_signal(living, signal.SIGKILL), patience)  # a large one takes its time to go


def _living(pids: Sequence[int], patience: float) -> Sequence[int]:
    """Wait until processes have ended; return those that have not."""
    deadline = time.monotonic() + patience
    while pids and time.monotonic() < deadline:
        time.sleep(0.02)
        pids = [pid for pid in pids if exists(pid)]
    return pids


def end_all(folder: Path) -> int:
    """End every process of a sandbox; return how many there were."""
    # Those that they start meanwhile are ended too.
    ended: set[int] = set()
    for _ in range(5):
        pids = belonging(folder)
        if not pids:
            break
        ended.update(pids)
        end(pids)
    return len(ended)


def exists(pid: int) -> bool:
    """Tell whether a process lives: a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _defunct(pid)


def _defunct(pid: int) -> bool:
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] in b"ZX"
        except OSError:
            return True
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout.strip()
    return not state or state.startswith(b"Z")


def _signal(pids: Iterable[int], number: signal.Signals) -> list[int]:
    reached = []
    for pid in pids:
        try:
            os.kill(pid, number)
            reached.append(pid)
        except ProcessLookupError:
            continue
    return reached
