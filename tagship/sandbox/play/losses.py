"""What would be lost with a sandbox: commits that the repository around it lacks, and files that are not committed."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship.sandbox.play import practice
from tagship.sandbox.state import FOLDER


@dataclass(frozen=True)
class Losses:
    """Commits and files, a line each, and what keeps the commits."""

    commits: Sequence[str] = ()
    files: Sequence[str] = ()
    keep: str = ""


@dataclass(frozen=True)
class _Place:
    """A Git repository of the sandbox.

    `begin` are commits that are not the sandbox's own work.
    """

    path: Path
    git_dir: Path
    outer_objects: str
    begin: Sequence[str]

    def run(self, *words: str, text: str = "") -> str:
        """Run git there, with the outer repository's objects. Raises OSError."""
        environment = {**practice.plain_environment(), "GIT_ALTERNATE_OBJECT_DIRECTORIES": self.outer_objects}
        command = ["git", f"--git-dir={self.git_dir}", *words]
        done = subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise OSError(done.stderr.strip())
        return done.stdout


def of(root: Path) -> Losses:
    """Find what the sandbox has and the repository at `root` lacks."""
    # By branches, tags, stashes and HEAD.
    lost: dict[str, str] = {}
    fetches = []
    for place in _places(root):
        try:
            commits = {commit: line for commit, line in _commits(place) if commit not in lost}
            tips = _tips(place, commits)
        except OSError as reason:
            lost[str(place.path)] = f"{place.path} cannot be read: {reason}"
            continue
        lost |= commits
        if tips:
            wanted = [f"{name}:refs/heads/practice-{commit[:8]}" for commit, name in tips.items()]
            fetches.append(shlex.join(["git", "-C", str(root), "fetch", "--no-tags", str(place.path), *wanted]))
    return Losses(list(lost.values()), _files(root / FOLDER / "work"), " && ".join(fetches))


def _places(root: Path) -> Iterator[_Place]:
    """Yield the practice clone and origin, if they exist."""
    work, origin = root / FOLDER / "work", root / FOLDER / "origin.git"
    begin = [*_lines(root, "for-each-ref", "--format=%(objectname)"), *_lines(root, "rev-parse", "--verify", "HEAD")]
    objects = _lines(root, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    if (work / ".git/HEAD").is_file():
        begin += _lines(work, "for-each-ref", "--format=%(objectname)", practice.BEGIN)
        yield _Place(work, work / ".git", "".join(objects), begin)
    if (origin / "HEAD").is_file():
        yield _Place(origin, origin, "".join(objects), begin)


def _commits(place: _Place) -> Iterator[tuple[str, str]]:
    """Yield each commit that is only there, with its line, newest first."""
    named = _named(place)
    if not named:
        return
    wanted = "\n".join([*named, *(f"^{commit}" for commit in place.begin)]) + "\n"
    words = ("--stdin", "--ignore-missing", "--no-show-signature", "--format=%H commit %h %s")
    lines = place.run("log", *words, text=wanted)
    for line in lines.splitlines():
        commit, _, shown = line.partition(" ")
        yield commit, shown


def _named(place: _Place) -> dict[str, str]:
    """Map the commits that have a name there to what fetches them."""
    # A branch comes before HEAD and stashes.
    listed = place.run("for-each-ref", "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)")
    named: dict[str, str] = {}
    for line in listed.splitlines():
        words = line.split()
        if "commit" in words and words[-1] != "refs/stash":
            commit = words[words.index("commit") + 1]
            named.setdefault(commit, words[-1] if words[0] == "commit" else commit)  # no branch is made of a tag
    for name in ("HEAD", "refs/stash"):
        for commit in _logged(place, name):
            named.setdefault(commit, commit if name == "refs/stash" else name)
    return named


def _logged(place: _Place, name: str) -> list[str]:
    """List the commit of HEAD, or every stash."""
    # A stash below the newest is in the log of refs/stash alone.
    try:
        if name == "HEAD":
            return place.run("rev-parse", "--verify", "--quiet", "HEAD").split()
        return place.run("rev-list", "--walk-reflogs", name, "--").split()
    except OSError:  # an unborn branch, no stash
        return []


def _tips(place: _Place, lost: dict[str, str]) -> dict[str, str]:
    """Map the named commits that reach all of the lost ones."""
    named = {commit: name for commit, name in _named(place).items() if commit in lost}
    if len(named) < 2:
        return named
    return {commit: named[commit] for commit in place.run("merge-base", "--independent", *named).split()}


def _files(work: Path) -> list[str]:
    if not (work / ".git").is_dir():
        return []
    return [f"file {line}" for line in _lines(work, "status", "--porcelain", "--untracked-files=normal")]


def _lines(folder: Path, *words: str) -> list[str]:
    """Run git and return the lines it printed; none if it failed."""
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, errors="replace", check=False,
        env=practice.plain_environment(),
    )  # fmt: skip
    return [] if done.returncode else done.stdout.splitlines()
