"""docs/performance.md: figures with the machine, the versions and the command that they are of.

A run puts in its own benches and leaves the others as they were, each with its own day and machine: those that take
minutes are measured by themselves.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.bench.measure import TOP, Figure

PLACE = Path("docs/performance.md")
LIBRARIES = ("invoke", "boto3", "moto")
HEAD = (
    "# Performance\n\nRatios of one run, not promises in seconds: what tagship does beside what it is made of (git, "
    "the AWS CLI, S3, the slowest answer). `make bench` measures all of it and writes this page (as root, for `host`); "
    "`make bench ARGS=--quick` measures what takes seconds, and `make bench ARGS=fleet` one bench. Each part has its "
    "day, its commit and its machine: those that take long are of a run of their own. A target that was missed says "
    "so.\n"
)
PART = re.compile(r"^## (?P<name>[\w-]+)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def gather(place: Path, measured: Mapping[str, Sequence[Figure]], names: Collection[str]) -> None:
    """Put figures into the page; those of other benches stay. `names` are of all benches: one without any is named."""
    parts = {match["name"]: match[0].rstrip() for match in PART.finditer(_old(place)) if match["name"] in names}
    about = _about()
    parts |= {name: section(name, figures, about) for name, figures in measured.items()}
    head = f"{HEAD.rstrip()} {_missing(set(names) - set(parts))}".rstrip()
    place.write_text("\n\n".join([head, *(parts[name] for name in sorted(parts))]) + "\n", "utf-8")


def _missing(names: Collection[str]) -> str:
    if not names:
        return ""
    return f"Not measured, or not on a machine that could: {', '.join(f'`{name}`' for name in sorted(names))}."


def _old(place: Path) -> str:
    return place.read_text("utf-8") if place.is_file() else ""


def section(name: str, figures: Sequence[Figure], about: str) -> str:
    """A bench's part of the page."""
    rows = "\n".join(_row(figure) for figure in figures)
    table = f"| what | measured | beside | result | target | |\n|---|---|---|---|---|---|\n{rows}"
    return f"## {name}\n\n`python -m scripts.bench {name}`: {about}\n\n{table}"


def _row(figure: Figure) -> str:
    cells = (figure.what, figure.measured, figure.beside, figure.result, figure.target, "" if figure.met else "missed")
    return f"| {' | '.join(cell.replace('|', ' ') for cell in cells)} |"


def _about() -> str:
    """The day, the commit, the machine and the versions."""
    commit = _said("git", "rev-parse", "--short", "HEAD")
    if _said("git", "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PLACE}"):
        commit += " with changes"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{os.cpu_count()} cores of {_processor()}, {_memory()}{platform.system()} {_kernel()}"
    load = f"load {os.getloadavg()[2]:.1f} in the last 15 minutes{_priority()}"  # others at work make figures worse
    tools = f"Python {platform.python_version()}, {_said('git', '--version')}"
    return f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}; {machine}, {load}; {tools}; {libraries}"


def _priority() -> str:
    """Whether it was scheduled ahead of the others: by its nice value, or by that of its session, which counts more."""
    try:
        session = int(Path("/proc/self/autogroup").read_text("utf-8").split()[-1])
    except (OSError, ValueError, IndexError):
        session = 0
    ahead = min(session, os.nice(0))
    return f", ahead of others (nice {ahead})" if ahead < 0 else ""


def _kernel() -> str:
    """Major and minor: what comes after them is its builder's."""
    return ".".join(platform.release().split(".")[:2])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    model = re.search(r"^model name\s*: (.*)$", lines, re.MULTILINE)
    return model[1] if model else platform.machine()


def _memory() -> str:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return ""
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1024**3:.0f} GiB, "


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout.strip()
