"""The sandbox's life: up, down, and what is left of one that crashed. Starting twice starts once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship import settings
from tagship.domain.text import counted
from tagship.errors import Interrupted, ServiceFailed
from tagship.sandbox import pairs, state
from tagship.sandbox.hosts import processes
from tagship.sandbox.play import practice
from tagship.sandbox.state import FOLDER, Running

READY_WITHIN = 30.0  # seconds


@dataclass(frozen=True)
class Up:
    """How `up` went.

    What runs, whether it ran already, and what was cleaned away first (empty: nothing).
    """

    running: Running
    already: bool = False
    cleaned: str = ""


def home(start: Path) -> Path:
    """Return the repository that a sandbox belongs to."""
    # `start`, or, inside a sandbox's own folder, the one around it.
    for folder in (start, *start.parents):
        if folder.parts[-2:] == FOLDER.parts:
            return folder.parents[1]
    return start


def unseen(phase: str) -> None:
    """Show nothing: nobody watches."""


def up(
    root: Path,
    hosts: int = 1,
    simulated: int = 0,
    shipping: Sequence[str] = ("dev",),
    show: Callable[[str], None] = unseen,
) -> Up:
    """Start the sandbox of the repository at `root`, unless it runs.

    Raises ServiceFailed with the end of the daemon's log.
    `hosts` is how many each environment of hosts has; 0 if none is of hosts. `shipping` are the branches that
    environments ship from; the practice clone is on the first. One that crashed is cleaned away first: its hosts and
    its AWS start empty, its Git repository is kept.
    """
    folder = root / FOLDER
    with state.holding(settings.own(root)):
        running = state.read(folder)
        if running and state.alive(running):
            return Up(running, already=True)
        show("making its Git repository and the practice clone")
        cleaned = _clean(folder) if folder.exists() or processes.daemons(folder) else ""

        def launch() -> subprocess.Popen[bytes]:
            with_hosts = f"an AWS, a GitHub and {counted(hosts, 'host')} for each environment"
            show(f"starting {with_hosts if hosts else 'an AWS and a GitHub'}")
            return _launch(folder, root, hosts, simulated)

        return Up(_start(folder, root, launch, shipping), cleaned=cleaned)


def down(root: Path) -> bool:
    """Stop everything and remove the folder; return whether there was anything."""
    folder = root / FOLDER
    if not folder.exists() and not processes.daemons(folder) and not processes.belonging(folder):
        return False
    with state.holding(settings.own(root)):
        _stop(folder)
        if folder.exists():
            _remove(folder)
    return True


def _start(folder: Path, root: Path, launch: Callable[[], subprocess.Popen[bytes]], shipping: Sequence[str]) -> Running:
    """Make the practice clone, start the daemon, and wait until ready."""
    # The daemon has the settings that the clone ships. Nobody else on this machine reads keys, logs and disks.
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    for name in ("hosts", "runs", "inbox"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pairs.make(pairs.pair_of(folder, None, ""))
    practice.make_origin(folder / "origin.git", folder / "inbox")
    try:
        practice.make_clone(root, folder / "work", folder / "origin.git", shipping)
        return _launched(folder, launch())
    except KeyboardInterrupt as problem:
        now = "The sandbox is not up."
        raise Interrupted("Interrupted.", state=now, remedy="Start it: inv sandbox up") from problem


def _launched(folder: Path, daemon: subprocess.Popen[bytes]) -> Running:
    """Wait for a daemon; one that does not get ready is ended."""
    try:
        return _ready(folder, daemon)
    finally:
        if state.read(folder) is None:
            daemon.kill()
            daemon.wait()


def _launch(folder: Path, root: Path, hosts: int, simulated: int) -> subprocess.Popen[bytes]:
    """Start the daemon, apart from this terminal."""
    command = [sys.executable, "-m", "tagship.sandbox.server", "--folder", str(folder)]
    command += [
        "--settings",
        str(folder / "work" / practice.within(root) / settings.FILE),
        "--hosts",
        str(hosts),
        "--simulated",
        str(simulated),
    ]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _ready(folder: Path, daemon: subprocess.Popen[bytes]) -> Running:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and daemon.poll() is None:
        running = state.read(folder)
        if running and running.pid == daemon.pid:
            return running
        time.sleep(0.01)
    raise ServiceFailed(
        "The sandbox did not start.",
        state=f"Its folder is left as it is: {folder}",
        remedy=f"Read the end of {folder / 'log'}, then: inv sandbox reset",
        evidence="\n".join((folder / "log").read_text("utf-8", errors="replace").splitlines()[-15:]),
    )


def _clean(folder: Path) -> str:
    """Remove what a crashed sandbox left; return what it was."""
    # Its Git repository and the practice clone are kept.
    ended = _stop(folder)
    removed = [f"{ended} of its processes" if ended else ""]
    for name in ("hosts", "runs", "inbox"):
        if any((folder / name).glob("*")):
            removed.append(f"{name}/")
            _remove(folder / name)
    for name in (state.FILE, state.LOCK, "log"):
        (folder / name).unlink(missing_ok=True)
    return ", ".join(part for part in removed if part)


def _stop(folder: Path) -> int:
    """End the daemon and its processes; return how many there were."""
    # Everything that runs on its hosts and in its runs.
    processes.end(processes.daemons(folder), patience=5.0)  # by its command: its files may be gone
    return processes.end_all(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, and what is read-only in it too."""
    # Git's objects, and what an app made.

    def writable(act: object, path: str, _problem: object) -> None:
        os.chmod(Path(path).parent, 0o700)
        os.chmod(path, 0o700, follow_symlinks=False) if not os.path.islink(path) else None
        act(path)  # type: ignore[operator]

    shutil.rmtree(folder, onerror=writable)
