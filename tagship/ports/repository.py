"""A Git repository and its remote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tagship.domain.release import Channel
from tagship.errors import Refused


@dataclass(frozen=True)
class Tag:
    """A tag.

    `name` is Git's, with the app's `prefix`; `oid` is its object, `commit` what it points at; `tagger` is
    "Name <mail>", empty for a lightweight tag.
    """

    name: str
    oid: str
    commit: str
    tagger: str = ""
    when: datetime | None = None
    prefix: str = ""

    @property
    def version(self) -> str:
        """Return its name without the prefix."""
        return self.name.removeprefix(self.prefix)


@dataclass(frozen=True)
class State:
    """What is known of a checkout before a tag.

    It is read in as few git calls as possible.
    """

    head: str  # commit
    branch: str  # empty: detached
    dirty: Sequence[str]  # paths
    shallow: bool
    upstream: str  # the remote branch's commit; empty: the remote has no such branch
    ahead: int
    behind: int
    linked: Sequence[str] = ()  # of dirty: links that .gitignore names as folders


@dataclass(frozen=True)
class Surroundings:
    """What Git says of a repository before it has settings.

    `branch` is empty for a detached HEAD; `remotes` maps a name to its URL; `files` are those that Git has, or would
    add. `ignored` picks those of some paths that Git would not add. `merged` merges what changed from a base to a newer
    text into one's own text (mine, base, new), conflicts marked as Git marks them; None if Git can't. `folder` is the
    root's place in the repository, empty at its top; `apps` are the folders that have settings. `below` is the folder
    that was asked from, as seen from the root; empty if it is the root.
    """

    root: Path
    remotes: Mapping[str, str] = field(default_factory=dict)
    branch: str = ""
    branches: Sequence[str] = ()  # here, and as the remotes had them
    tags: Sequence[str] = ()
    files: Sequence[str] = ()
    ignored: Callable[[Sequence[str]], Sequence[str]] = lambda _: ()
    merged: Callable[[bytes, bytes, bytes], bytes | None] = lambda _mine, _base, _new: None
    folder: str = ""
    apps: Sequence[str] = ()
    below: str = ""
    here: Callable[[], Surroundings] | None = None  # of the folder that was asked from, as an app of its own


@dataclass(frozen=True)
class Pushed:
    """How a push ended.

    `rejected` maps a ref to git's reason; `said` are the server's own lines. `there` are the refs that the remote had
    before, as they are. `holds` says, after a push that failed, what each push URL has by now: those of the refs that
    are there as the push would have them (as undo would not), or None if it did not answer.
    """

    ok: bool
    rejected: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    there: frozenset[str] = frozenset()
    said: Sequence[str] = ()
    holds: Mapping[str, frozenset[str] | None] = field(default_factory=dict)

    @property
    def landed(self) -> bool:
        """Tell whether some place has the tag, though the push failed."""
        # A branch may have been there before.
        return any(ref.startswith("refs/tags/") for refs in self.holds.values() for ref in refs or ())

    @property
    def unknown(self) -> bool:
        """Tell whether a place did not say what it has."""
        return None in self.holds.values()

    @property
    def state(self) -> str:
        """Say what each place has; empty if none was asked."""
        return "; ".join(f"{place} {_has(refs)}" for place, refs in self.holds.items()) + ("." if self.holds else "")


def _has(refs: frozenset[str] | None) -> str:
    if refs is None:
        return "does not say what it has"
    names = [ref.removeprefix("refs/heads/").replace("refs/tags/", "the tag ") for ref in sorted(refs)]
    return f"has {' and '.join(names)}" if names else "has nothing of it"


class Unfit(Refused):
    """A file of the commit can't be in a bundle."""


class Repository(Protocol):
    """A Git repository and its remote, as an app sees them.

    A tag is asked for by its version: the app's prefix is put before it. Paths are those of the app's folder.
    Errors of the remote raise ServiceFailed with git's own words.
    """

    @property
    def root(self) -> Path:
        """Return the app's folder on disk."""

    @property
    def folder(self) -> str:
        """Name the app's folder in the repository; empty at its top."""

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        """Fetch the branch and the channel's tags, in one round trip.

        Returns the tags that moved, by their names: none is overwritten.
        """

    def state(self, branch: str) -> State: ...

    def edited(self) -> Sequence[str]:
        """List files of the app that differ from HEAD."""
        # Of those that Git has.

    def newest(self, suffix: str, count: int) -> Channel:
        """Find the channel's highest versions, and lookalike names."""

    def others(self) -> Mapping[str, str]:
        """Map other prefixes of version tags to the highest of each.

        Of the remote's tags, and this clone's; the most used prefix first.
        """
        # The remote lists all of its tags: for a channel that has none yet.

    def tag(self, version: str) -> Tag | None: ...

    def tags(self, versions: Sequence[str]) -> Sequence[Tag]:
        """Read the local tags among the versions', in the order asked."""
        # In one call.

    def remote_tag(self, version: str) -> Tag | None:
        """Read the remote's tag as it is now."""
        # The local one is left alone.

    def me(self) -> str:
        """Return "Name <mail>", as git would sign a tag. Raises Refused."""

    def create_tag(self, version: str, commit: str, message: str) -> Tag: ...

    def delete_tag(self, tag: Tag) -> bool:
        """Remove the local tag, if it still is that object.

        False if that failed, and it is still there.
        """

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        """Push branch and tag atomically; without `branch`, the tag alone.

        Raises ServiceFailed if neither the remote nor a hook said how it ended.
        """

    def push_commands(self, commit: str, branch: str, version: str, message: str) -> Sequence[str]:
        """Return the commands of create_tag and push, as a person types them."""

    def undo(self, tag: Tag) -> Pushed:
        """Delete the remote's tag, leased on its object id."""

    def log(self, since: str, until: str) -> Sequence[str]:
        """List commit subjects, newest first, after `since` up to `until`.

        Both are commits. Of an app in a folder of its own, those that changed something there.
        """

    def resolve(self, revision: str) -> str:
        """Return the commit that a revision names. Raises UsageError."""

    def committed(self, commit: str) -> datetime:
        """Return when a commit was made. Raises UsageError if there is none."""

    def parent(self, commit: str) -> str:
        """Return a commit's first parent; empty without one."""

    def on_branch(self, commit: str, branch: str) -> bool:
        """Tell whether the remote's branch contains the commit."""

    def in_head(self, commit: str) -> bool:
        """Tell whether the checked-out branch contains the commit."""

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Tell whether a commit led to another.

        False if either is unknown here. Each may be given by its first eight digits or more.
        """

    def paths(self, commit: str) -> Sequence[str]:
        """List the regular files of a commit, sorted."""

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        """Yield each file of the commit under `paths`, sorted by path.

        They are of the app's folder; those that begin with a slash, of the repository's top.
        As path, executable, size, and its bytes by read(n). Raises Unfit for a link, a submodule, or a stand-in such
        as a Git LFS pointer; UsageError if one of the paths is not there.
        """

    def remote_url(self) -> str: ...
