"""Containers that really run: the command of the image that `build` unpacked, as a process of this machine.

Does not model: a filesystem, a network and an account of the task's own, health checks of containers, secrets.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tagship.sandbox.ecs.endings import Ending, Place, Scripted
from tagship.sandbox.hosts import processes
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.hosts.tools import TOOLS

PATIENCE = 15.0  # seconds in which a process has to listen
LINES = 200  # of its log that are read


@dataclass
class Running:
    """The process of one container; `listens` once it did."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    since: float
    listens: bool = False


@dataclass
class Processes(Scripted):
    """Runs a task whose image is in the sandbox.

    A script that says how it ends goes first.
    """

    folder: Path = Path()  # the sandbox's
    ports: Ports = field(default_factory=Ports)
    running: dict[str, Running] = field(default_factory=dict)  # by task

    def start(self, place: Place) -> None:
        if place.digest in self.scripts or not self._image(place.digest).is_dir():
            return
        home = self.folder / "hosts" / "tasks" / place.id
        home.mkdir(parents=True)
        image = {"digest": place.digest, "command": place.command}
        (home / "manifest.json").write_text(json.dumps({"image": image}), "utf-8")
        port = self.ports.free()
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(TOOLS / "container.py"), str(self.folder / "images")],
                cwd=home,
                env=self._environment(place, home, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running[place.id] = Running(process, port, home / "log", time.monotonic())

    def look(self, place: Place) -> Ending | None:
        running = self.running.get(place.id)
        if place.digest in self.scripts or running is None:
            return super().look(place)
        code = running.process.poll()
        if code is not None:
            return Ending("exits", code if code >= 0 else 128 - code)
        running.listens = running.listens or not place.port or _answers(running.port)
        if running.listens:
            return Ending()
        return Ending("never_healthy") if time.monotonic() - running.since > PATIENCE else None

    def stop(self, place: Place) -> None:
        running = self.running.get(place.id)
        if running:
            processes.end([running.process.pid])
            running.process.wait()

    def log(self, place: Place) -> list[str]:
        running = self.running.get(place.id)
        if running is None:
            return super().log(place)
        return running.log.read_text("utf-8", "replace").splitlines()[-LINES:]

    def port(self, place: Place) -> int:
        """Return the port that a container answers on, or 0."""
        running = self.running.get(place.id)
        return running.port if running and running.process.poll() is None else 0

    def _image(self, digest: str) -> Path:
        return self.folder / "images" / digest.replace(":", "-")

    def _environment(self, place: Place, home: Path, port: int) -> dict[str, str]:
        """Give it what its definition has, and nothing of this process."""
        # HOME marks it as the sandbox's, which ends it when it goes down.
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONDONTWRITEBYTECODE": "1",
            **place.environment,
            "HOME": str(home),
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
