"""The commits and tags of a repository that CI's steps read: no Git."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tagship.errors import UsageError
from tagship.ports.repository import Tag


@dataclass
class FakeCommits:
    """`trees` maps a commit to its files, path to bytes; `branches` maps a branch of the remote to its commits."""

    trees: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    branches: Mapping[str, Sequence[str]] = field(default_factory=dict)
    executable: Sequence[str] = ("deploy/ec2_deploy.sh",)
    head: str = ""
    prefix: str = ""
    folder: str = ""
    changed: Sequence[str] = ()  # files that differ from HEAD

    def annotate(self, name: str, commit: str) -> None:
        self.tags[name] = Tag(name, f"tag-object-of-{name}", commit, "Ada <ada@example.com>")

    def edited(self) -> Sequence[str]:
        return self.changed

    def tag(self, version: str) -> Tag | None:
        return self.tags.get(self.prefix + version)

    remote_tag = tag

    def resolve(self, revision: str) -> str:
        found = [commit for commit in self.trees if commit.startswith(self.head if revision == "HEAD" else revision)]
        if len(found) != 1:
            raise UsageError(
                f"{revision} is not a commit of this repository.", remedy="Name one that there is: git log"
            )
        return found[0]

    def committed(self, commit: str) -> datetime:
        """A minute apart, in the order of their branch."""
        order = [*self.trees]
        return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(minutes=order.index(commit))

    def parent(self, commit: str) -> str:
        for commits in self.branches.values():
            if commit in commits[1:]:
                return commits[commits.index(commit) - 1]
        return ""

    def on_branch(self, commit: str, branch: str) -> bool:
        return commit in self.branches.get(branch, ())

    def paths(self, commit: str) -> Sequence[str]:
        return sorted(self.trees[commit])

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        for path, content in sorted(self.trees[commit].items()):
            if any(path == top.rstrip("/") or path.startswith(top.rstrip("/") + "/") for top in paths):
                yield path, path in self.executable, len(content), io.BytesIO(content).read
