"""A real checkout of Ada's, a bare remote, and Grace, who pushes to it too: what tests of Git stand on."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tagship.adapters.git import GitRepository


def git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run git as a person would; its output without the last newline."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, input=stdin, check=False
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.rstrip("\n")


class Checkout:
    """The world of a release: `work` is Ada's checkout of dev, `remote` what she and Grace push to."""

    def __init__(self, folder: Path, *, first: bool = False) -> None:
        self.folder = folder
        self.remote = folder / "origin.git"
        self.work = folder / "work"
        self.elsewhere = folder / "grace"
        if first:
            self._lay()
        else:
            self._copy(Path(_laid(type(self)).name))
        self.repository = GitRepository(self.work, inherited=os.environ)

    def _lay(self) -> None:
        """Make all of it: some twenty processes of git, so a run of the tests does it once and copies the outcome."""
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=dev", str(self.remote))
        self._clone(self.work, "Ada")
        self.commit("Begin")
        git(self.work, "push", "--quiet", "--set-upstream", "origin", "dev")

    def _copy(self, laid: Path) -> None:
        shutil.copytree(laid, self.folder, symlinks=True, dirs_exist_ok=True)
        config = self.work / ".git/config"
        config.write_text(config.read_text("utf-8").replace(f"{laid}/", f"{self.folder}/"), "utf-8")
        git(self.work, "config", "remote.origin.url", str(self.remote))  # git quotes what a folder's name may hold
        git(self.work, "update-index", "--refresh")  # the index knows files by their inodes too

    def _clone(self, folder: Path, name: str) -> None:
        git(self.folder, "clone", "--quiet", str(self.remote), str(folder))
        git(folder, "config", "user.name", name)
        git(folder, "config", "user.email", f"{name.lower()}@example.com")

    def commit(self, subject: str) -> str:
        git(self.work, "commit", "--quiet", "--allow-empty", "--message", subject)
        return self.head

    @property
    def head(self) -> str:
        return git(self.work, "rev-parse", "HEAD")

    def share(self) -> None:
        git(self.work, "push", "--quiet", "origin", "HEAD:refs/heads/dev")

    def tag(self, name: str, commit: str = "HEAD") -> None:
        """Ada's own annotated tag, not pushed."""
        git(self.work, "tag", "--annotate", "--message", name, name, commit)

    def release(self, name: str) -> None:
        """A tag of Ada's, pushed."""
        self.tag(name)
        git(self.work, "push", "--quiet", "origin", f"refs/tags/{name}")

    def grace_pushes(self, subject: str) -> str:
        """Grace commits to dev and pushes it."""
        self._grace()
        git(self.elsewhere, "commit", "--quiet", "--allow-empty", "--message", subject)
        git(self.elsewhere, "push", "--quiet", "origin", "HEAD:refs/heads/dev")
        return git(self.elsewhere, "rev-parse", "HEAD")

    def grace_tags(self, name: str, commit: str = "HEAD", *, force: bool = False) -> str:
        """Grace tags what the remote has, and pushes the tag; its object id."""
        self._grace()
        moving = ["--force"] if force else []
        git(self.elsewhere, "tag", *moving, "--annotate", "--message", f"Grace's {name}", name, commit)
        git(self.elsewhere, "push", "--quiet", *moving, "origin", f"refs/tags/{name}")
        return git(self.elsewhere, "rev-parse", f"refs/tags/{name}")

    def _grace(self) -> None:
        if not self.elsewhere.exists():
            self._clone(self.elsewhere, "Grace")
        git(self.elsewhere, "pull", "--quiet", "--ff-only", "origin", "dev")

    def hook(self, name: str, script: str) -> None:
        """A hook of the remote."""
        path = self.remote / "hooks" / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def there(self) -> dict[str, str]:
        """Every ref of the remote, with its object."""
        return _refs(git(self.remote, "for-each-ref", "--format=%(refname) %(objectname)"))

    def here(self) -> dict[str, str]:
        """Every branch and tag of the checkout; what is only remembered of the remote is left out."""
        wanted = ("refs/heads", "refs/tags")
        return _refs(git(self.work, "for-each-ref", "--format=%(refname) %(objectname)", *wanted))

    def tags_there(self) -> list[str]:
        return [ref.removeprefix("refs/tags/") for ref in self.there() if ref.startswith("refs/tags/")]

    def tags_here(self) -> list[str]:
        return [ref.removeprefix("refs/tags/") for ref in self.here() if ref.startswith("refs/tags/")]


@cache
def _laid(kind: type[Checkout]) -> TemporaryDirectory[str]:
    """One of that kind, made once a process, to be copied."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="checkout-", ignore_cleanup_errors=True)
    kind(Path(folder.name), first=True)
    return folder


def _refs(lines: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in lines.splitlines())
