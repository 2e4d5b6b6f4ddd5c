"""Checks before a sandbox is made, and before one is removed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tagship import settings
from tagship.domain import commands
from tagship.errors import Refused, SettingsError, UsageError
from tagship.sandbox.play import losses, practice
from tagship.sandbox.state import FOLDER

LIBRARIES = ("moto", "flask", "yaml")  # of the extra [sandbox]
MOST = 5  # lines of what would be lost


def repository(directory: Path) -> Path:
    """Find the repository around a folder by its settings."""
    # Raises SettingsError if there are none.
    try:
        return settings.find(directory).parent
    except SettingsError as reason:
        raise SettingsError(
            reason.what,
            remedy=f"Go to the repository that ships with tagship.\n       Or prepare this one: {commands.init()}",
        ) from reason


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


def require_committed(root: Path, branch: str) -> None:
    """Raise UsageError unless the branch that ships has the settings."""
    # The practice clone is on its commit.
    if not practice.commit_of(root, "HEAD"):
        raise UsageError(
            f"{root} is not a Git repository with a commit, which the practice clone needs.",
            remedy="Commit first: git init && git add . && git commit -m 'Begin'",
        )
    if missing := _missing(root, "HEAD"):
        raise UsageError(
            f"The last commit has no {' and no '.join(missing)}, which the practice clone needs.",
            remedy=f"Commit first: git add {' '.join(missing)} && git commit -m 'Ship with tagship'",
        )
    if missing := _missing(root, practice.own_branch(root, branch) or "HEAD"):
        current = practice.git(root, "branch", "--show-current") or practice.commit_of(root, "HEAD")
        raise UsageError(
            f"The branch {branch} has no {' and no '.join(missing)}, and the practice clone is on that branch.",
            remedy=f"Bring it there: git switch {shlex.quote(branch)} && git merge {shlex.quote(current)}",
        )


def _missing(root: Path, ref: str) -> list[str]:
    """List the files that are needed and not in a commit."""
    # tasks.py is needed only if there is one.
    needed = [name for name in (settings.FILE, "tasks.py") if name == settings.FILE or (root / name).exists()]
    return [name for name in needed if _git(root, "cat-file", "-e", f"{ref}:./{name}") is None]


def require_nothing_lost(root: Path, directory: Path, again: Callable[..., str]) -> None:
    """Raise Refused if removing the sandbox would lose something.

    Work that the repository around it lacks, or the folder that one is in.

    Raises Refused if the sandbox has work that the repository around it lacks.
    `again` spells the command that was typed; it takes `yes`.
    """
    folder = root / FOLDER
    if directory.is_relative_to(folder):
        raise Refused(
            f"You are in {directory}, which would be removed.", remedy=f"cd {shlex.quote(str(root))} && {again()}"
        )
    lost = losses.of(root)
    if lost.files:
        place = f"git -C {shlex.quote(str(folder / 'work'))}"
        commit = f"{place} add --all && {place} commit -m Practised"
        raise _lost("The practice clone has files that are not committed", lost, f"Commit them: {commit}", again)
    if lost.commits:
        keep = f"Keep them: {lost.keep}" if lost.keep else f"Look at {folder}"
        raise _lost(f"The sandbox has commits that {root} lacks", lost, keep, again)


def _lost(problem: str, lost: losses.Losses, keep: str, again: Callable[..., str]) -> Refused:
    lines = [*lost.commits, *lost.files]
    return Refused(
        f"{problem}, and they would be lost.",
        remedy=f"{keep}\n       Then: {again()}\n       Or lose them: {again(yes=True)}",
        evidence="\n".join(lines[:MOST] + ([f"and {len(lines) - MOST} more"] if len(lines) > MOST else [])),
    )


def _git(folder: Path, *words: str) -> str | None:
    """Run git and return what it printed; None if it failed."""
    result = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    return None if result.returncode else result.stdout
