"""What the bare `origin` has."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(origin: Path, ref: str) -> str:
    """Return the commit that a name stands for; empty without one."""
    words = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
    result = subprocess.run(["git", "-C", str(origin), *words], capture_output=True, text=True, check=False)
    return "" if result.returncode else result.stdout.strip()
