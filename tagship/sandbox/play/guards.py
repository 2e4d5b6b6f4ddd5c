"""Checks before a sandbox is made, and before one is removed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path

from tagship import settings
from tagship.errors import Refused, UsageError
from tagship.sandbox.state import FOLDER

LIBRARIES = ("moto", "flask", "yaml")  # of the extra [sandbox]
MOST = 5  # lines of what would be lost


def require_libraries() -> None:
    """Raise Refused, with the remedy, if a library of [sandbox] is missing."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    requirements = [line.partition(";") for line in importlib.metadata.requires("tagship") or ()]
    packages = [shlex.quote(name.strip()) for name, _, marker in requirements if "sandbox" in marker]
    raise Refused(
        f"The sandbox needs Python packages that are not installed: {', '.join(missing)}.",
        remedy=f"Install them: {shlex.quote(sys.executable)} -m pip install {' '.join(packages)}",
    )


def require_committed(root: Path) -> None:
    """Raise UsageError unless the last commit has the settings."""
    # The practice clone is made of it.
    if _git(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        raise UsageError(
            f"{root} is not a Git repository with a commit, and the practice clone is made of one.",
            remedy="Commit first: git init && git add . && git commit -m 'Begin'",
        )
    missing = [name for name in (settings.FILE, "tasks.py") if _uncommitted(root, name)]
    if missing:
        raise UsageError(
            f"The last commit has no {' and no '.join(missing)}, and the practice clone is made of it.",
            remedy=f"Commit first: git add {' '.join(missing)} && git commit -m 'Ship with tagship'",
        )


def _uncommitted(root: Path, name: str) -> bool:
    """Tell whether a file is needed and not in the last commit."""
    # tasks.py is needed only if there is one.
    needed = name == settings.FILE or (root / name).exists()
    return needed and _git(root, "cat-file", "-e", f"HEAD:./{name}") is None


def require_nothing_lost(root: Path, directory: Path) -> None:
    """Raise Refused if removing the practice clone would lose something."""
    # Work that is nowhere else, or the folder that one is in.
    folder, work = root / FOLDER, root / FOLDER / "work"
    if directory.is_relative_to(folder):
        raise Refused(
            f"You are in {directory}, which would be removed.",
            remedy=f"cd {shlex.quote(str(root))} && inv sandbox down",
        )
    lost = _only_there(work) if (work / ".git").is_dir() else []
    if lost:
        shown = "\n".join(lost[:MOST] + ([f"and {len(lost) - MOST} more"] if len(lost) > MOST else []))
        raise Refused(
            "The practice clone has work that was not pushed from it, and that would be lost.",
            remedy=f"Look: git -C {shlex.quote(str(work))} status; or lose it: inv sandbox down --yes",
            evidence=shown,
        )


def _only_there(work: Path) -> list[str]:
    """List commits that origin lacks, and files that are not committed."""
    commits = _git(work, "log", "--branches", "--not", "--remotes=origin", "--format=commit %h %s") or ""
    files = _git(work, "status", "--porcelain", "--untracked-files=normal") or ""
    return [*commits.splitlines(), *(f"file {line}" for line in files.splitlines())]


def _git(folder: Path, *words: str) -> str | None:
    """Run git and return what it printed; None if it failed."""
    result = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    return None if result.returncode else result.stdout
