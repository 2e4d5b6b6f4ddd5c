"""Cut a release: look, plan, commit, build, tag. Nothing is pushed, and what was interrupted goes on."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from scripts.release import changelog
from tagship.domain.version import Version
from tagship.errors import Refused, UsageError
from tagship.ports.repository import Repository

BRANCH = "main"
MODULE = "tagship/__init__.py"
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Cut:
    """What a release changes; `done` if its commit is here already."""

    version: Version
    notes: str
    done: bool


def planned(repository: Repository, root: Path, version: Version) -> Cut:
    """Check all that a release needs. Raises Refused, with the state as it was."""
    text = (root / changelog.FILE).read_text("utf-8")
    notes = changelog.section(text, str(version))
    done = bool(notes) and current(root) == str(version)
    _require_checkout(repository, done=done)
    _require_free(repository, version)
    return Cut(version, notes if done else changelog.unreleased(text), done)


def current(root: Path) -> str:
    """Return the version that the package says it is."""
    match = _VERSION.search((root / MODULE).read_text("utf-8"))
    if not match:
        raise Refused(
            f"{MODULE} has no line __version__ = …", remedy=f"Write it: echo '__version__ = \"0.1.0\"' >>{MODULE}"
        )
    return match[1]


def wanted(repository: Repository, root: Path, text: str) -> Version:
    """Read --version; left out, the package's own if it is not out, else the next patch."""
    if not text:
        own = Version.parse(current(root))
        return own.bump("patch") if repository.remote_tag(str(own)) else own
    version = Version.parse(text)
    if version.suffix:
        raise UsageError(
            f"{version} is a version of the channel {version.suffix}.",
            remedy=f"A release has no suffix: --version {'.'.join(map(str, version.core))}",
        )
    return version


def _require_checkout(repository: Repository, *, done: bool) -> None:
    repository.fetch(BRANCH, "")
    state = repository.state(BRANCH)
    if state.branch != BRANCH:
        raise Refused(
            f"This is {state.branch or 'no branch'}; releases are cut on {BRANCH}.",
            remedy=f"Change to it: git switch {BRANCH}",
        )
    if state.dirty:
        raise Refused(
            f"Not committed: {', '.join(state.dirty[:5])}.", remedy="Commit or stash it: git stash --include-untracked"
        )
    if state.behind:
        raise Refused(f"{BRANCH} lacks {state.behind} of the remote's commits.", remedy="Take them: git pull --ff-only")
    if state.ahead > int(done):
        raise Refused(
            f"{BRANCH} has {state.ahead} commits that are not pushed: CI has not seen them.",
            remedy=f"Push them: git push origin {BRANCH}",
        )


def _require_free(repository: Repository, version: Version) -> None:
    name = str(version)
    if repository.remote_tag(name):
        raise Refused(f"{name} is released already.", remedy=f"See it: git show {name}")
    if repository.tag(name):
        raise Refused(
            f"The tag {name} is here, and not pushed.",
            remedy=f"Push it: {push(name)} (or take it back: git tag --delete {name})",
        )
    newest = repository.newest("", 1).versions
    if newest and newest[0] > version:
        raise Refused(
            f"{newest[0]} is newer than {name}.",
            remedy=f"Take a higher number: inv release --version {newest[0].bump('patch')}",
        )


def push(name: str) -> str:
    """Spell the command that sends a release off."""
    return f"git push --atomic origin {BRANCH} refs/tags/{name}"


def commit(root: Path, cut: Cut, day: date) -> None:
    """Write version and changelog, and commit both."""
    log, module = root / changelog.FILE, root / MODULE
    log.write_text(changelog.cut(log.read_text("utf-8"), str(cut.version), day), "utf-8")
    module.write_text(_VERSION.sub(f'__version__ = "{cut.version}"', module.read_text("utf-8")), "utf-8")
    git(root, "commit", "--quiet", "--only", "-m", f"Release {cut.version}", "--", changelog.FILE, MODULE)


def time_of(root: Path, revision: str) -> int:
    """Return a commit's time, in seconds since 1970."""
    return int(git(root, "show", "--no-patch", "--format=%ct", revision))


def git(root: Path, *words: str) -> str:
    """Run git here. Raises Refused with its words."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(
            f"git {words[0]} failed: {done.stderr.strip() or done.stdout.strip()}.",
            state=f"{changelog.FILE} and {MODULE} may be changed; nothing was tagged.",
            remedy=f"Mend it; to take the changes back: git checkout -- {changelog.FILE} {MODULE}",
        )
    return done.stdout.strip()
