"""The two repositories that keep the port: one of git on disk, one in memory; and what Grace does to both."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tagship.ports.repository import Repository, Tag
from tests.checkout import Checkout, git
from tests.fakes.repository import NOW, FakeRemote, FakeRepository, object_id


class World(Protocol):
    """What both kinds of repository can be put through."""

    repository: Repository

    def commit(self, subject: str) -> str: ...
    def share(self) -> None: ...
    def tag(self, name: str) -> None: ...
    def grace_pushes(self, subject: str) -> str: ...
    def grace_tags(self, name: str, *, force: bool = False) -> str: ...
    def tags_there(self) -> list[str]: ...
    def close(self) -> None: ...
    def mirror(self, *, refuses: bool) -> None:
        """A second push URL; it refuses every push, with a reason, or is not there."""

    def server_refuses(self, reason: str) -> None: ...
    def hook_refuses(self, reason: str) -> None: ...
    @property
    def head(self) -> str: ...
    @property
    def head_there(self) -> str: ...


class OnDisk(Checkout):
    @property
    def head_there(self) -> str:
        return self.there()["refs/heads/dev"]

    def close(self) -> None:
        self.remote.rename(self.folder / "gone.git")

    def mirror(self, *, refuses: bool) -> None:
        there = self.folder / "mirror.git"
        git(self.folder, "init", "--quiet", "--bare", "mirror.git")
        _script(there / "hooks/pre-receive", "echo not here; exit 1\n")
        for place in (self.remote, there if refuses else self.folder / "nowhere.git"):
            git(self.work, "remote", "set-url", "--add", "--push", "origin", str(place))

    def server_refuses(self, reason: str) -> None:
        self.hook("pre-receive", f"echo '{reason}'; exit 1\n")

    def hook_refuses(self, reason: str) -> None:
        _script(self.work / ".git/hooks/pre-push", f"echo '{reason}'; exit 1\n")


def _script(path: Path, script: str) -> None:
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)


class InMemory:
    def __init__(self, _: Path) -> None:
        self.repository = FakeRepository()
        self.commit("Begin")
        self.share()

    def commit(self, subject: str) -> str:
        return self.repository.commit(subject)

    def share(self) -> None:
        self.repository.share()

    def tag(self, name: str) -> None:
        self.repository.create_tag(name, self.head, name)

    def grace_pushes(self, subject: str) -> str:
        heads = self.repository.remote.heads
        heads["dev"] = self.repository.commit(subject, parent=heads["dev"])
        return heads["dev"]

    def grace_tags(self, name: str, *, force: bool = False) -> str:
        remote = self.repository.remote
        tag = Tag(name, object_id("grace", name, force), remote.heads["dev"], "Grace <grace@example.com>", NOW)
        remote.tags[name] = tag
        return tag.oid

    def tags_there(self) -> list[str]:
        return sorted(self.repository.remote.tags)

    def close(self) -> None:
        self.repository.remote.reachable = False

    def mirror(self, *, refuses: bool) -> None:
        everything = {"refs/heads/dev": "hook declined", "refs/tags/0.1.0-dev": "hook declined"}
        self.repository.remote.mirror = (
            FakeRemote(refuses=everything, says=("not here",)) if refuses else FakeRemote(reachable=False)
        )

    def server_refuses(self, reason: str) -> None:
        self.repository.remote.refuses = {"refs/heads/dev": "declined", "refs/tags/0.1.0-dev": "declined"}
        self.repository.remote.says = (reason,)

    def hook_refuses(self, reason: str) -> None:
        self.repository.hook = reason

    @property
    def head(self) -> str:
        return self.repository.head

    @property
    def head_there(self) -> str:
        return self.repository.remote.heads["dev"]
