"""The repository port, played by git."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tagship.adapters.git import files, history, push, tags
from tagship.adapters.git.program import GitProgram
from tagship.adapters.git.remote import Remote
from tagship.domain.release import Channel
from tagship.errors import Refused
from tagship.ports.repository import Pushed, State, Tag

SILENCE = 120.0  # seconds that a remote may say nothing


def _ignore(_: str) -> None: ...


class GitRepository:
    """The repository around `root`, and its remote.

    The remote may be silent for `silence` seconds. `say` hears a push's hooks and the server, line by line.
    With `inside`, a sandbox's folder, a remote anywhere else is refused: UsageError, before anything is asked of it.
    """

    def __init__(
        self,
        root: Path,
        remote: str = "origin",
        say: Callable[[str], None] = _ignore,
        silence: float = SILENCE,
        *,
        inherited: Mapping[str, str],
        inside: Path | None = None,
    ) -> None:
        self._git = GitProgram(root, say, silence, inherited)
        self._remote = Remote(self._git, remote)
        self._inside = inside

    def _reached(self) -> Remote:
        """Return the remote, to be talked to."""
        if self._inside:
            self._remote.require_inside(self._inside)
        return self._remote

    @property
    def root(self) -> Path:
        return self._git.root

    # -- the remote ----------------------------------------------------------------------------------------------------

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        return self._reached().fetch(branch, suffix)

    def remote_tag(self, name: str) -> Tag | None:
        return self._reached().tag(name)

    def remote_url(self) -> str:
        return self._remote.url

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        return push.push(self._reached(), commit, branch, tag)

    def undo(self, tag: Tag) -> Pushed:
        return push.undo(self._reached(), tag)

    def push_commands(self, commit: str, branch: str, name: str, message: str) -> Sequence[str]:
        return push.commands(self._remote, commit, branch, name, message)

    # -- tags ----------------------------------------------------------------------------------------------------------

    def newest(self, suffix: str, count: int) -> Channel:
        return tags.newest(self._git, suffix, count)

    def tag(self, name: str) -> Tag | None:
        return next(iter(self.tags([name])), None)

    def tags(self, names: Sequence[str]) -> Sequence[Tag]:
        return tuple(tags.named(self._git, names))

    def tags_at(self, commit: str) -> Sequence[str]:
        return tags.at(self._git, commit)

    def create_tag(self, name: str, commit: str, message: str) -> Tag:
        return tags.create(self._git, name, commit, message)

    def delete_tag(self, tag: Tag) -> bool:
        if self._git.run("update-ref", "-d", f"refs/tags/{tag.name}", tag.oid).ok:
            return True
        try:
            left = self.tag(tag.name)
        except Refused:
            return False
        return left is None or left.oid != tag.oid

    # -- commits -------------------------------------------------------------------------------------------------------

    def state(self, branch: str) -> State:
        return history.state(self._git, self._remote.name, branch)

    def me(self) -> str:
        return history.me(self._git)

    def log(self, since: str, until: str) -> Sequence[str]:
        return history.log(self._git, since, until)

    def resolve(self, revision: str) -> str:
        return history.resolve(self._git, revision)

    def committed(self, commit: str) -> datetime:
        return history.committed(self._git, commit)

    def parent(self, commit: str) -> str:
        return history.parent(self._git, commit)

    def on_branch(self, commit: str, branch: str) -> bool:
        return history.is_ancestor(self._git, commit, self._remote.tracking(branch))

    def in_head(self, commit: str) -> bool:
        return history.is_ancestor(self._git, commit, "HEAD")

    def paths(self, commit: str) -> Sequence[str]:
        return files.regular(self._git, commit)

    def files(self, commit: str, paths: Sequence[str]) -> files.Files:
        return files.stream(self._git, commit, paths)
