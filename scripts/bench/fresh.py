"""A fresh machine: from the wheel to a version that is deployed in the sandbox, downloads included.

It is what the README has a newcomer type, in a new repository, with empty caches of pip and uv. Where uv is on PATH it
makes the environments and installs, as `uv tool` and tagship.mk have it; else pip does.

Seconds depend on who else works on the machine: the load is beside them. Seconds of the CPU hardly do; those of the
sandbox's own process, and of its CI's steps, are not among them.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.measure import TOP, Figure, environment, seconds

LIMIT = 90.0  # seconds


def fresh(folder: Path) -> list[Figure]:
    wheel = built(folder / "dist")
    shop = folder / "shop"
    shop.mkdir()
    for name in ("app.py", "hello.json"):
        shutil.copy(TOP / "examples/hello" / name, shop)
    machine, load = Machine(folder), os.getloadavg()[0]
    machine.type(shop, "git init --quiet --initial-branch=main")
    work = shop / ".tagship/sandbox/work"
    try:
        took = {
            "install the wheel": machine.type(folder, f"{installing()} {wheel}"),
            "tagship init": machine.type(shop, "tagship init --yes && git add . && git commit --quiet -m 'Begin'"),
            "make sandbox": machine.type(shop, "make sandbox"),
            "make deploy-dev": machine.type(work, "make deploy-dev ARGS='--first --yes'"),
        }
    finally:
        if work.is_dir():
            machine.type(shop, "tagship sandbox down --yes")
    total, by = sum(each.seconds for each in took.values()), "by uv" if shutil.which("uv") else "by pip"
    slowest = sorted(took, key=lambda step: -took[step].seconds)
    what = f"from the wheel to deployed in the sandbox, {by}; load {load:.1f} on {os.cpu_count()} CPUs"
    return [
        Figure("fresh", what, seconds(total), _cpu(took.values()), "", f"≤ {LIMIT:.0f} s", total <= LIMIT),
        *(Figure("fresh", f"  of that: {step}", seconds(took[step].seconds), _cpu([took[step]]),
                 f"{took[step].seconds / total:.0%}", "", True)
          for step in slowest),
    ]  # fmt: skip


@dataclass(frozen=True)
class Took:
    """What a command took of time, and of the CPU."""

    seconds: float
    cpu: float


def _cpu(steps: Iterable[Took]) -> str:
    return f"{seconds(sum(step.cpu for step in steps))} of CPU"


class Machine:
    """Somebody's shell; nothing was ever downloaded to this machine."""

    def __init__(self, folder: Path) -> None:
        gone = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        kept = {name: text for name, text in environment().items() if name not in gone}
        path = os.pathsep.join(
            entry for entry in kept["PATH"].split(os.pathsep) if entry != str(Path(sys.executable).parent)
        )
        self.variables = {
            **kept,
            "PATH": f"{folder / 'tool/bin'}{os.pathsep}{path}",
            "PIP_CACHE_DIR": str(folder / "cache/pip"),
            "UV_CACHE_DIR": str(folder / "cache/uv"),
        }

    def type(self, where: Path, line: str) -> Took:
        """What a command took; raises with what it printed if it fails."""
        began, used = time.perf_counter(), _used()
        done = subprocess.run(
            ["sh", "-c", line], cwd=where, env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{line} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return Took(time.perf_counter() - began, _used() - used)


def _used() -> float:
    """Seconds of the CPU that commands have used which have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def installing() -> str:
    if shutil.which("uv"):
        return "uv venv --quiet tool && uv pip install --quiet --python tool/bin/python"
    return "python3 -m venv tool && tool/bin/pip install --quiet --no-compile --disable-pip-version-check"


def built(folder: Path) -> Path:
    """The wheel of this checkout, which is not a part of what is measured."""
    folder.mkdir()
    program = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
    return folder / done.stdout.split()[-1]
