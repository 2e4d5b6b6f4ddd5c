"""A repository and its remote in memory: commits are numbered, and a line of parents is all the history there is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagship.domain.release import PRE_PUSH, Channel, channel
from tagship.domain.tagnames import TagNames, prefixes
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.repository import Pushed, State, Tag

WORKFLOW = b"on:\n  push:\n    tags: ['*-dev']\n"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def object_id(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode()).hexdigest()


@dataclass
class FakeRemote:
    """What everybody pushes to. `refuses` maps a ref to the reason why it takes nothing there; `says` are its words.

    `mirror` is a second push URL: what is pushed here goes there too, and it may refuse, or not answer, by itself.
    """

    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    reachable: bool = True
    refuses: dict[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    mirror: FakeRemote | None = None

    def takes(self, refs: Mapping[str, str], tag: Tag) -> None:
        for ref, oid in refs.items():
            if ref.startswith("refs/heads/"):
                self.heads[ref.removeprefix("refs/heads/")] = oid
            else:
                self.tags[tag.name] = tag

    def has(self, refs: Mapping[str, str]) -> frozenset[str]:
        """Those of the refs that are here as these very objects."""
        here = {f"refs/tags/{name}": tag.oid for name, tag in self.tags.items()}
        here |= {f"refs/heads/{name}": oid for name, oid in self.heads.items()}
        return frozenset(ref for ref, oid in refs.items() if here.get(ref) == oid)


class FakeRepository:
    """`during_push` is called when a push begins: others may be quicker. It may raise: the push then never arrives.

    `after_push` is called when it has arrived, before the answer is told.
    """

    def __init__(self, remote: FakeRemote | None = None, me: str = "Ada <ada@example.com>") -> None:
        self.remote = remote or FakeRemote()
        self.identity = me
        self.parents: dict[str, str] = {}
        self.subjects: dict[str, str] = {}
        self.head = ""
        self.branch = "dev"
        self.dirty: tuple[str, ...] = ()
        self.shallow = False
        self.tracking: dict[str, str] = {}
        self.local: dict[str, Tag] = {}
        self.stuck = False  # no local tag can be deleted
        self.undoing: Callable[[], None] = lambda: None  # called once the remote deleted a tag, before its answer
        self.hook = ""  # what the pre-push hook says as it refuses
        self.tree = {"app/app.py": b"", ".github/workflows/deploy-dev.yml": WORKFLOW}
        self.prefix = self.folder = ""
        self.pushes: list[tuple[str, ...]] = []
        self.during_push: Callable[[], None] = lambda: None
        self.after_push: Callable[[], None] = lambda: None

    # -- for tests -----------------------------------------------------------------------------------------------------

    def commit(self, subject: str, parent: str | None = None) -> str:
        """A commit on what is checked out; with `parent`, somewhere else, and nothing is checked out."""
        before = self.head if parent is None else parent
        made = object_id(before, subject, len(self.subjects))
        self.parents[made], self.subjects[made] = before, subject
        if parent is None:
            self.head = made
        return made

    def share(self) -> None:
        """What is checked out is pushed, and known to be."""
        self.remote.heads[self.branch] = self.tracking[self.branch] = self.head

    def line(self, commit: str) -> list[str]:
        found = []
        while commit:
            found.append(commit)
            commit = self.parents[commit]
        return found

    # -- the port ------------------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        return Path("/repository")

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        self._reach()
        if branch in self.remote.heads:
            self.tracking[branch] = self.remote.heads[branch]
        else:
            self.tracking.pop(branch, None)
        moved = []
        for name, tag in self.remote.tags.items():
            version = TagNames(self.prefix).version(name)
            if version and version.suffix == suffix and self.local.setdefault(name, tag).oid != tag.oid:
                moved.append(name)
        return moved

    def state(self, branch: str) -> State:
        if not self.head:
            raise Refused("There is no commit yet.", remedy="Commit something first: git commit")
        upstream = self.tracking.get(branch or self.branch, "")
        here, there = set(self.line(self.head)), set(self.line(upstream))
        ahead, behind = (len(here - there), len(there - here)) if upstream else (0, 0)
        return State(self.head, self.branch, self.dirty, self.shallow, upstream, ahead, behind)

    def edited(self) -> Sequence[str]:
        return tuple(path for path in self.dirty if path in self.tree)

    def newest(self, suffix: str, count: int) -> Channel:
        own = [name for name in sorted(self.local) if name.startswith(self.prefix)]
        return channel(["".join(f"{name}\n" for name in own).encode()], suffix, count, self.prefix)

    def others(self) -> Mapping[str, str]:
        self._reach()
        return {
            prefix: name for prefix, name in prefixes({*self.local, *self.remote.tags}).items() if prefix != self.prefix
        }

    def tag(self, version: str) -> Tag | None:
        return self.local.get(self.prefix + version)

    def tags(self, versions: Sequence[str]) -> Sequence[Tag]:
        names = [self.prefix + version for version in versions]
        return tuple(self.local[name] for name in names if name in self.local)

    def remote_tag(self, version: str) -> Tag | None:
        self._reach()
        return self.remote.tags.get(self.prefix + version)

    def me(self) -> str:
        if not self.identity:
            raise Refused("Git does not know who you are.", remedy="git config --global user.email you@example.com")
        return self.identity

    def create_tag(self, version: str, commit: str, message: str) -> Tag:
        name = self.prefix + version
        if name in self.local:
            raise Refused(f"Git did not make the tag {name}: it is there.", remedy=f"git show {name}")
        self.local[name] = Tag(
            name, object_id(name, commit, message, self.identity), commit, self.identity, NOW, self.prefix
        )
        return self.local[name]

    def delete_tag(self, tag: Tag) -> bool:
        if self.stuck:
            return False
        if self.local.get(tag.name) == tag:
            del self.local[tag.name]
        return True

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        self.pushes.append(tuple(filter(None, (branch, tag.name))))
        self.during_push()
        if self.hook:
            return Pushed(False, {PRE_PUSH: self.hook}, "failed to push some refs", holds=self._holds({}))
        refs = {f"refs/tags/{tag.name}": tag.oid} | ({f"refs/heads/{branch}": commit} if branch else {})
        self._reach()
        there = self.remote.has(refs)
        refused: dict[str, str] = {}
        for remote in self._remotes():
            rejected = self._rejected(remote, commit, branch, tag) if remote.reachable else {}
            if remote.reachable and not rejected:
                remote.takes(refs, tag)
            refused |= rejected
        if branch and self.remote.has(refs) == set(refs):
            self.tracking[branch] = commit
        self.after_push()
        if refused or not all(remote.reachable for remote in self._remotes()):
            return Pushed(False, refused, "failed to push some refs", said=self._said(), holds=self._holds(refs))
        return Pushed(True, there=there, said=self._said())

    def _remotes(self) -> list[FakeRemote]:
        return [self.remote, *([self.remote.mirror] if self.remote.mirror else [])]

    def _said(self) -> tuple[str, ...]:
        return tuple(line for remote in self._remotes() if remote.reachable for line in remote.says)

    def _holds(self, refs: Mapping[str, str]) -> dict[str, frozenset[str] | None]:
        names = ("origin", "mirror")
        return {
            name: remote.has(refs) if remote.reachable else None
            for name, remote in zip(names, self._remotes(), strict=False)
        }

    def _rejected(self, remote: FakeRemote, commit: str, branch: str, tag: Tag) -> Mapping[str, str]:
        head, name = f"refs/heads/{branch}", f"refs/tags/{tag.name}"
        refs = [name, *([head] if branch else [])]
        rejected = {ref: f"[remote rejected] ({why})" for ref, why in remote.refuses.items() if ref in refs}
        if branch and remote.heads.get(branch, "") not in {"", *self.line(commit)}:
            rejected[head] = "[rejected] (non-fast-forward)"
        if remote.tags.get(tag.name, tag).oid != tag.oid:
            rejected[name] = "[rejected] (already exists)"
        return rejected

    def push_commands(self, commit: str, branch: str, version: str, message: str) -> Sequence[str]:
        name = self.prefix + version
        heads = f" {commit}:refs/heads/{branch}" if branch else ""
        return [
            f"git tag --annotate {name} {commit}",
            f"git push --atomic origin{heads} refs/tags/{name}:refs/tags/{name}",
        ]

    def undo(self, tag: Tag) -> Pushed:
        self._reach()
        self.during_push()
        refused, ref = {}, f"refs/tags/{tag.name}"
        for remote in self._remotes():
            if not remote.has({ref: tag.oid}):
                refused[ref] = "[rejected] (stale info)"
            elif ref in remote.refuses:
                refused[ref] = f"[remote rejected] ({remote.refuses[ref]})"
            else:
                del remote.tags[tag.name]
        self.undoing()
        if refused:
            holds = self._holds({ref: tag.oid})
            return Pushed(False, refused, "failed to push some refs", said=self._said(), holds=holds)
        return Pushed(True)

    def log(self, since: str, until: str) -> Sequence[str]:
        tag = self.local.get(since)
        if tag and not tag.commit:
            return []
        known = set(self.line(tag.commit if tag else since))
        return [self.subjects[one] for one in self.line(until) if one not in known]

    def resolve(self, revision: str) -> str:
        found = [one for one in self.subjects if len(revision) >= 4 and one.startswith(revision)]
        if len(found) != 1:
            raise UsageError(f"“{revision}” is not a commit of this repository.", remedy="git log --oneline -10")
        return found[0]

    def on_branch(self, commit: str, branch: str) -> bool:
        return commit in self.line(self.tracking.get(branch, ""))

    def committed(self, commit: str) -> datetime:
        return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(minutes=[*self.subjects].index(commit))

    def parent(self, commit: str) -> str:
        return self.parents.get(commit, "")

    def in_head(self, commit: str) -> bool:
        return commit in self.line(self.head)

    def is_ancestor(self, commit: str, of: str) -> bool:
        [of] = [known for known in self.subjects if known.startswith(of)] or [""]
        return any(past.startswith(commit) for past in self.line(of))

    def paths(self, commit: str) -> Sequence[str]:
        return sorted(self.tree)

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        # Every commit holds the same few. (What packs files is tested with tests/fakes/commits.py.)
        paths = [path.removeprefix("/") for path in paths]
        for wanted in paths:
            if not any(path == wanted or path.startswith(f"{wanted}/") for path in self.tree):
                raise UsageError(f"{commit[:12]} has no file {wanted}.", remedy="Mend bundle.include in tagship.toml.")
        for path, body in sorted(self.tree.items()):
            if path.startswith(tuple(paths)):
                yield path, False, len(body), lambda count, body=body: body[:count]  # type: ignore[misc]

    def remote_url(self) -> str:
        return "git@github.com:acme/hello.git"

    def _reach(self) -> None:
        if not self.remote.reachable:
            raise ServiceFailed("The remote origin cannot be reached: no route.", remedy="git ls-remote --heads origin")
