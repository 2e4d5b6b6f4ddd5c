"""A fault at every side effect: the whole matrix, which tests/faults draws, and what it came to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bench.measure import TOP, Figure

TABLE = TOP / ".tagship" / "faults" / "matrix.txt"


def faults(_folder: Path) -> list[Figure]:
    """Every call by every fault. The table is printed as it is kept."""
    shutil.rmtree(TABLE.parent, ignore_errors=True)  # cells of another run would be counted
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "tests/faults/test_side_effects.py"]
    subprocess.run(command, cwd=TOP, env={**os.environ, "FAULTS": "whole"}, stdout=sys.stderr, check=False)
    text = TABLE.read_text("utf-8") if TABLE.exists() else ""
    found = re.search(r"^(\d+) calls, (\d+) cases: (\d+) green, (\d+) red$", text, re.MULTILINE)
    calls, cases, green, red = map(int, found.groups()) if found else (0, 0, 0, 0)
    beside, met = f"{calls} outside calls", cases > 0 and not red
    return [Figure("faults", "cases that end well", f"{green} of {cases}", beside, f"{red} red", "none red", met)]
