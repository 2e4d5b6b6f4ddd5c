"""What a killed run of the tests leaves behind: sandboxes, hosts, commands. They stand in its temporary folder.

A shell waits for the run beside it. It hears the end of a run that ends by itself; where the run is killed, the pipe
closes unheard, and the shell ends what is left: `python -m tests.leftovers FOLDER`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
WAIT = f'read -r ended || exec "{sys.executable}" -m tests.leftovers "$1"'
ROUNDS = 20  # what starts others meanwhile is met again


def watch(folder: Path) -> Callable[[], None]:
    """Start to wait for the end of this process; returns what to call where it ends by itself."""
    waiting = subprocess.Popen(
        ["sh", "-c", WAIT, "sh", str(folder)], stdin=subprocess.PIPE, cwd=ROOT, start_new_session=True
    )

    def ended() -> None:
        waiting.communicate(b"ended\n")

    return ended


def end(folder: Path) -> None:
    """End every process that stands in a folder, or was told of it, until there is none."""
    for _ in range(ROUNDS):
        pids = list(within(folder))
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def within(folder: Path) -> Iterator[int]:
    """Processes whose directory, command or environment names the folder; this one and the dead are none of them."""
    mark = f"{folder}/".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            texts = [os.fsencode(os.readlink(entry / "cwd")) + b"/"]
            texts += [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            if int(entry.name) != os.getpid() and any(mark in text for text in texts):
                yield int(entry.name)


if __name__ == "__main__":
    end(Path(sys.argv[1]))
