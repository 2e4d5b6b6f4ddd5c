"""`rollback --to` in the sandbox, from the command to a verified healthy answer, less the app's own start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from scripts.bench.measure import BIN, TOP, Figure, environment, git, in_turns, run, seconds

TARGET = 2.0
INV = str(BIN / "inv")


def rollback(folder: Path) -> list[Figure]:
    with _sandbox(folder) as work:
        for version in ("0.1.0-dev", "0.1.1-dev"):
            git(work, "commit", "--quiet", "--allow-empty", "-m", f"Make {version}")
            run(
                [INV, "deploy-dev", "--version", version, "--yes", *(["--first"] if version == "0.1.0-dev" else [])],
                work,
            )
        turns = cycle(["0.1.0-dev", "0.1.1-dev"])
        back = [INV, "rollback", "--allow-bad", "--to"]  # there and back again: each of the two was gone back from
        took, start = in_turns(5, lambda: run([*back, next(turns)], work), lambda: _start(work))
    rest = took - start
    what = "rollback --to, less the app's own start"
    return [Figure("rollback", what, seconds(took), seconds(start), seconds(rest), f"≤ {TARGET:.0f} s", rest <= TARGET)]


@contextmanager
def _sandbox(folder: Path) -> Iterator[Path]:
    """A sandbox of this repository's HEAD, in a clone of its own; what is yielded is its practice clone."""
    clone = folder / "repository"
    git(folder, "clone", "--quiet", "--no-tags", str(TOP), str(clone))
    (clone / ".venv").symlink_to(Path(sys.prefix))
    run([INV, "sandbox", "up"], clone)
    try:
        yield clone / ".tagship" / "sandbox" / "work"
    finally:
        run([INV, "sandbox", "down", "--yes"], clone)


def _start(work: Path) -> float:
    """Seconds from starting the sample app to its first healthy answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = environment() | {"PORT": str(port), "VERSION": "bench", "OUTPUT_DIR": os.devnull}
    began = time.perf_counter()
    app = subprocess.Popen(["python3", "examples/hello/app.py"], cwd=work, env=given, stdout=-3, stderr=-3)
    try:
        while not _healthy(port):
            time.sleep(0.005)
        return time.perf_counter() - began
    finally:
        app.terminate()
        app.wait()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(json.load(answer)["version"] == "bench")
    except OSError:
        return False
