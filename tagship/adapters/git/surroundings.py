"""What Git says of a repository that does not ship with tagship yet, by GitPython's plumbing.

Verbs that ship start git themselves (program.py): GitPython would add its import, and two runs of git, to each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tagship.adapters.git.answer import Answer
from tagship.adapters.git.environment import ELSEWHERE, environment
from tagship.adapters.git.merging import merged
from tagship.adapters.git.program import GitProgram
from tagship.adapters.git.remote import without_password
from tagship.errors import Refused
from tagship.ports.repository import Surroundings

if TYPE_CHECKING:
    from git.cmd import Git

FILE = "tagship.toml"
LOCAL = 20.0  # seconds; nothing here asks a remote

_COMMITTED = ("--cached", "--others", "--exclude-standard")  # what `git add .`, the next step, makes of them

Ask = Callable[..., str]


def surroundings(folder: Path, inherited: Mapping[str, str]) -> Surroundings:
    """Read remotes, branches, tags and files. Raises Refused outside of a repository."""
    git = GitProgram(folder, lambda _: None, LOCAL, inherited)
    top = git.run("rev-parse", "--show-toplevel")
    if not top.ok:
        if "not a git repository" in top.words:
            raise Refused(f"{folder} is not in a Git repository.", remedy="Make it one: git init")
        git.refuse("rev-parse", top)
    place = Path(top.out.rstrip("\n"))
    root = next((above for above in _between(folder.resolve(), place.resolve()) if (above / FILE).exists()), place)

    def read(of: Path) -> Surroundings:
        return _read(GitProgram(of, lambda _: None, LOCAL, inherited), inherited)

    below = folder.resolve().relative_to(root.resolve()).as_posix()
    return replace(read(root), below="" if below == "." else below, here=lambda: read(folder))


def _between(folder: Path, top: Path) -> Iterator[Path]:
    """Yield a folder and those above it, up to the repository's top."""
    for above in (folder, *folder.parents):
        yield above
        if above == top:
            return


def _read(program: GitProgram, inherited: Mapping[str, str]) -> Surroundings:
    ask = _asking(program, inherited)
    settings = ask("ls-files", "-z", "--full-name", *_COMMITTED, "--", f":(top,glob)**/{FILE}").split("\0")
    remotes = ask("remote").split()
    return Surroundings(
        root=program.root,
        remotes={name: without_password(ask("remote", "get-url", name)) for name in remotes},
        branch=ask("symbolic-ref", "--short", "--quiet", "HEAD", may_fail=True),  # a detached HEAD has none
        branches=_branches(ask, remotes),
        tags=ask("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").splitlines(),
        files=sorted({path for path in ask("ls-files", "-z", *_COMMITTED).split("\0") if path}),
        ignored=lambda paths: ask("check-ignore", "--", *paths, may_fail=True).splitlines(),  # it fails for none
        merged=partial(merged, program.run),
        folder=ask("rev-parse", "--show-prefix").strip("\n").rstrip("/"),
        apps=sorted({path.rpartition("/")[0] for path in settings if path}),
    )


def _asking(program: GitProgram, inherited: Mapping[str, str]) -> Ask:
    """Return how to ask git in a program's repository."""
    # A folder given to Git() would have its $ and ~ expanded, and git run elsewhere: git's own -C does not.
    git = _plumbing(inherited)
    unset = [word for name in ELSEWHERE if name in inherited for word in ("-u", name)]
    begin = [*(["env", *unset] if unset else []), "git", "-C", str(program.root)]

    def ask(*arguments: str, may_fail: bool = False) -> str:
        status, out, err = git.execute([*begin, *arguments], with_extended_output=True, with_exceptions=False)
        if status and not may_fail:
            program.refuse(arguments[0], Answer(status, str(out), str(err)))
        return str(out)

    return ask


def _plumbing(inherited: Mapping[str, str]) -> Git:
    from git.cmd import Git

    git = Git()
    git.update_environment(**environment(inherited))
    return git


def _branches(ask: Ask, remotes: list[str]) -> list[str]:
    """List the branches here and those that the remotes had."""
    local = ask("for-each-ref", "--format=%(refname:strip=2)", "refs/heads").splitlines()
    remote = [
        name
        for remote_name in remotes
        for name in ask("for-each-ref", "--format=%(refname:strip=3)", f"refs/remotes/{remote_name}").splitlines()
    ]
    return [name for name in dict.fromkeys([*local, *remote]) if name not in {"", "HEAD"}]
