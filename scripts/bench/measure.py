"""Measuring: programs in turns, so that a busy moment of the machine falls on both; medians."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
TOP = Path(__file__).parents[2]

TASKS = "from tagship.tasks import ns\n"
SETTINGS = """\
app = "bench"
aws.bucket = "bench-artifacts"
signing = { key = "release.key.pem", public_key = "release.pub.pem" }

[environments.dev]
branch = "dev"
ec2.tags = { Name = "bench" }
ec2.command = ["python3", "app.py"]
"""


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, beside what, and whether it meets its target."""

    bench: str
    what: str
    measured: str
    beside: str
    result: str
    target: str
    met: bool


def ratio(bench: str, what: str, measured: float, beside: float, target: float) -> Figure:
    """Seconds beside seconds, as a ratio with an upper bound."""
    found = measured / beside
    return Figure(bench, what, seconds(measured), seconds(beside), f"{found:.2f} x", f"≤ {target} x", found <= target)


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def in_turns(runs: int, *programs: Callable[[], float]) -> list[float]:
    """Each program's median over `runs` rounds; a round runs every program once. One round more warms up."""
    rounds = [[program() for program in programs] for _ in range(runs + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def environment() -> dict[str, str]:
    """This process's environment with tagship's own programs first, an identity for git, bytecode, and no CI's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "TAGSHIP_", "GIT_"))}
    for name in ("CI", "PYTHONDONTWRITEBYTECODE"):  # an installed program has bytecode
        kept.pop(name, None)
    for role in ("AUTHOR", "COMMITTER"):
        kept |= {f"GIT_{role}_NAME": "Bench", f"GIT_{role}_EMAIL": "bench@example.org"}
    return kept | {"PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}", "COLUMNS": "80"}


def run(command: Sequence[str], where: Path) -> float:
    """Seconds that a program took; raises with what it printed when it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=where, env=environment(), capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return took


def peak(command: Sequence[str], where: Path) -> tuple[float, float]:
    """Seconds that a program took, and its peak memory in MB."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=where, env=environment(), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return time.perf_counter() - began, usage.ru_maxrss / scale


def largest() -> float:
    """The most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss begins with the size of the process that started this one
        [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status.read_text("utf-8"), re.MULTILINE)
        return int(kilobytes) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def git(where: Path, *arguments: str, give: str = "") -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=where, env=environment(), input=give, capture_output=True, text=True, check=True
    )
    return done.stdout


def repository(folder: Path) -> Path:
    """A repository that ships with tagship, one commit on dev, with a bare remote beside it."""
    origin, work = folder / "origin.git", folder / "work"
    git(folder, "init", "--quiet", "--bare", str(origin))
    git(folder, "init", "--quiet", "--initial-branch=dev", str(work))
    (work / "tasks.py").write_text(TASKS)
    (work / "tagship.toml").write_text(SETTINGS)
    (work / "app.py").write_text("print('bench')\n")
    (work / "deploy").mkdir()
    (work / "deploy/ec2_deploy.sh").write_text("#!/usr/bin/env bash\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "Begin")
    git(work, "remote", "add", "origin", str(origin))
    git(work, "push", "--quiet", "origin", "dev")
    return work
