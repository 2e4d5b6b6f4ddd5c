"""`inv --list` beside a bare Invoke with one task."""

from __future__ import annotations

from pathlib import Path

from scripts.bench.measure import BIN, TOP, Figure, in_turns, ratio, run

ONE_TASK = 'from invoke import task\n\n\n@task\ndef one(c):\n    """Do one thing."""\n'


def listing(folder: Path) -> list[Figure]:
    (folder / "tasks.py").write_text(ONE_TASK)
    command = [str(BIN / "inv"), "--list"]
    ours, bare = in_turns(15, lambda: run(command, TOP), lambda: run(command, folder))
    return [ratio("list", "inv --list, beside a one-task tasks.py", ours, bare, 1.5)]
