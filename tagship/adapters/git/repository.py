"""The repository port, played by git."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from tagship.adapters.git import files, history, push, tags
from tagship.adapters.git.program import GitProgram
from tagship.adapters.git.remote import Remote
from tagship.domain.release import Channel
from tagship.domain.tagnames import TagNames, prefixes
from tagship.errors import Refused
from tagship.ports.repository import Pushed, State, Tag

SILENCE = 120.0  # seconds that a remote may say nothing


def _ignore(_: str) -> None: ...


class GitRepository:
    """The repository around `root`, and its remote.

    The remote may be silent for `silence` seconds. `say` hears a push's hooks and the server, line by line.
    Its tags are named by `prefix` and version. With `inside`, a sandbox's folder, a remote anywhere else is refused:
    UsageError, before anything is asked of it.
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
        prefix: str = "",
    ) -> None:
        self._git = GitProgram(root, say, silence, inherited)
        self._names = TagNames(prefix)
        self._remote = Remote(self._git, remote, self._names)
        self._inside = inside

    def _reached(self) -> Remote:
        """Return the remote, to be talked to."""
        if self._inside:
            self._remote.require_inside(self._inside)
        return self._remote

    @property
    def root(self) -> Path:
        return self._git.root

    @cached_property
    def folder(self) -> str:
        return history.folder(self._git)

    # -- the remote ----------------------------------------------------------------------------------------------------

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        return self._reached().fetch(branch, suffix)

    def remote_tag(self, version: str) -> Tag | None:
        tag = self._reached().tag(self._names.of(version))
        return self._own(tag) if tag else None

    def _own(self, tag: Tag) -> Tag:
        return replace(tag, prefix=self._names.prefix)

    def remote_url(self) -> str:
        return self._remote.url

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        return push.push(self._reached(), commit, branch, tag)

    def undo(self, tag: Tag) -> Pushed:
        return push.undo(self._reached(), tag)

    def push_commands(self, commit: str, branch: str, version: str, message: str) -> Sequence[str]:
        return push.commands(self._remote, commit, branch, self._names.of(version), message)

    # -- tags ----------------------------------------------------------------------------------------------------------

    def newest(self, suffix: str, count: int) -> Channel:
        return tags.newest(self._git, self._names, suffix, count)

    def others(self) -> Mapping[str, str]:
        highest = prefixes({*tags.all_names(self._git), *self._reached().tag_list()})
        highest.pop(self._names.prefix, None)
        return highest

    def tag(self, version: str) -> Tag | None:
        return next(iter(self.tags([version])), None)

    def tags(self, versions: Sequence[str]) -> Sequence[Tag]:
        return tuple(map(self._own, tags.named(self._git, [self._names.of(version) for version in versions])))

    def create_tag(self, version: str, commit: str, message: str) -> Tag:
        return self._own(tags.create(self._git, self._names.of(version), commit, message))

    def delete_tag(self, tag: Tag) -> bool:
        if self._git.run("update-ref", "-d", f"refs/tags/{tag.name}", tag.oid).ok:
            return True
        try:
            left = self.tag(tag.version)
        except Refused:
            return False
        return left is None or left.oid != tag.oid

    # -- commits -------------------------------------------------------------------------------------------------------

    def state(self, branch: str) -> State:
        return history.state(self._git, self._remote.name, branch)

    def edited(self) -> Sequence[str]:
        return history.edited(self._git)

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

    def is_ancestor(self, commit: str, of: str) -> bool:
        return history.is_ancestor(self._git, commit, of)

    def paths(self, commit: str) -> Sequence[str]:
        return files.regular(self._git, commit)

    def files(self, commit: str, paths: Sequence[str]) -> files.Files:
        return files.stream(self._git, commit, paths)
