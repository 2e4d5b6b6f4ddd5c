"""What Git says of a repository that does not ship with tagship yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tagship.adapters.git.program import GitProgram
from tagship.adapters.git.remote import without_password
from tagship.errors import Refused
from tagship.ports.repository import Surroundings

LOCAL = 20.0  # seconds; nothing here asks a remote


def surroundings(folder: Path, inherited: Mapping[str, str]) -> Surroundings:
    """Read remotes, branches, tags and files. Raises Refused outside of a repository."""
    git = GitProgram(folder, lambda _: None, LOCAL, inherited)
    top = git.run("rev-parse", "--show-toplevel")
    if not top.ok:
        if "not a git repository" in top.words:
            raise Refused(f"{folder} is not in a Git repository.", remedy="Make it one: git init")
        git.refuse("rev-parse", top)
    inside = GitProgram(Path(top.out.rstrip("\n")), lambda _: None, LOCAL, inherited)
    remotes = inside.must("remote").split()
    return Surroundings(
        root=inside.root,
        remotes={name: without_password(inside.run("remote", "get-url", name).out.strip()) for name in remotes},
        branch=inside.run("symbolic-ref", "--short", "--quiet", "HEAD").out.strip(),
        branches=_branches(inside, remotes),
        tags=inside.must("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").split("\n")[:-1],
        files=[path for path in inside.must("ls-files", "-z").split("\0") if path],
        ignored=lambda paths: inside.run("check-ignore", "--", *paths).out.splitlines(),
    )


def _branches(git: GitProgram, remotes: list[str]) -> list[str]:
    """List the branches here and those that the remotes had."""
    local = git.must("for-each-ref", "--format=%(refname:strip=2)", "refs/heads").split("\n")
    remote = [
        name
        for remote_name in remotes
        for name in git.must("for-each-ref", "--format=%(refname:strip=3)", f"refs/remotes/{remote_name}").split("\n")
    ]
    return [name for name in dict.fromkeys([*local, *remote]) if name not in {"", "HEAD"}]
