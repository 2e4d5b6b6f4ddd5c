"""Commits and the checkout: read from plumbing, or with each form of the output spelled out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tagship.adapters.git.program import GitProgram
from tagship.domain.text import visible
from tagship.errors import Refused, UsageError
from tagship.ports.repository import State

_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@{}-]{0,199}\Z", re.ASCII)
# What porcelain v2 has before a path, in fields; after a renamed one (2) stands its old path.
_BEFORE = {"1": 7, "2": 8, "u": 9, "?": 0}


def state(git: GitProgram, remote: str, branch: str) -> State:
    """Read the checkout's state, beside the remote's branch.

    An empty `branch` is the one that is checked out.
    """
    status = git.must("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--", ".")
    fields = [field for field in status.split("\0") if field]
    header = dict(field[2:].split(" ", 1) for field in fields if field.startswith("# branch."))
    head = header["branch.oid"]
    if head == "(initial)":
        raise Refused("There is no commit yet.", remedy="Commit something first: git commit")
    current = header["branch.head"] if header["branch.head"] != "(detached)" else ""
    tracking = f"refs/remotes/{remote}/{branch or current}^{{commit}}"
    parsed = git.run("rev-parse", "--is-shallow-repository", tracking)
    shallow, *rest = parsed.out.splitlines() or [""]
    upstream = rest[0] if parsed.ok and rest else ""
    ahead, behind = _apart(git, head, upstream)
    dirty = tuple(path for path in _dirty(fields) if ".tagship" not in path.split("/"))
    return State(head, current, dirty, shallow == "true", upstream, ahead, behind, _linked(git, dirty))


def edited(git: GitProgram) -> list[str]:
    """List files that Git has and that differ from HEAD."""
    listing = git.must("diff", "--name-only", "--no-ext-diff", "--no-color", "--relative", "-z", "HEAD", "--", ".")
    return [path for path in listing.split("\0") if path]


def _linked(git: GitProgram, dirty: Sequence[str]) -> tuple[str, ...]:
    """Return the links in `dirty` that are ignored as folders only."""
    # `.venv/` in a .gitignore does not match a link.
    if not dirty:
        return ()
    top = Path(git.must("rev-parse", "--show-toplevel").rstrip("\n"))
    return tuple(path for path in dirty if (top / path).is_symlink() and _ignored_as_folder(top, path))


def _ignored_as_folder(top: Path, path: str) -> bool:
    """Tell whether a .gitignore above has the name with a slash."""
    # git check-ignore refuses a link's path with a slash.
    name = path.rpartition("/")[2]
    patterns = {f"{name}/", f"/{name}/", f"**/{name}/", f"{path}/", f"/{path}/"}
    above = [top, *((top / path).parents)]
    files = [folder / ".gitignore" for folder in above if folder.is_relative_to(top)]
    return any(patterns & set(file.read_text("utf-8", errors="replace").split()) for file in files if file.is_file())


def folder(git: GitProgram) -> str:
    """Name the folder that git runs in; empty at the top."""
    if (git.root / ".git").exists():
        return ""  # it is the top: nobody waits for git to say so
    return git.must("rev-parse", "--show-prefix").rstrip("\n").rstrip("/")


def log(git: GitProgram, since: str, until: str) -> list[str]:
    """List commit subjects, newest first; none if `since` names no commit."""
    # A tag may be one of a file. In a folder, only what changed something there; at the top, empty commits too.
    options = ["--no-color", "--no-show-signature", "--encoding=UTF-8", "--format=%s"]
    answer = git.run("log", *options, f"{since}^{{commit}}..{until}", "--", *(["."] if folder(git) else []))
    if not answer.ok and names_no_commit(git, since):
        return []
    if not answer.ok:
        git.refuse("log", answer)
    return answer.out.split("\n")[:-1]  # not splitlines: a subject may hold what Unicode calls a line's end


def names_no_commit(git: GitProgram, revision: str) -> bool:
    return not git.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").ok


def resolve(git: GitProgram, revision: str) -> str:
    """Return the commit that a revision names. Raises UsageError."""
    name = f"{revision}^{{commit}}"
    answer = git.run("rev-parse", "--verify", "--quiet", name) if _REVISION.match(revision) else None
    if answer and answer.ok:
        return answer.out.strip()
    wrong = git.trouble(answer) if answer else None
    shown = visible(revision.replace("\n", "\\n")[:60])
    raise wrong or UsageError(
        f"“{shown}” is not a commit of this repository.", remedy="List some: git log --oneline -10"
    )


def committed(git: GitProgram, commit: str) -> datetime:
    """Return when a commit was made. Raises UsageError if there is none."""
    seconds = git.must("show", "--no-patch", "--no-show-signature", "--format=%ct", resolve(git, commit))
    return datetime.fromtimestamp(int(seconds), UTC)


def parent(git: GitProgram, commit: str) -> str:
    """Return a commit's first parent; empty without one."""
    answer = git.run("rev-parse", "--verify", "--quiet", f"{commit}^1^{{commit}}")
    return answer.out.strip() if answer.ok else ""


def is_ancestor(git: GitProgram, commit: str, of: str) -> bool:
    answer = git.run("merge-base", "--is-ancestor", commit, of)
    if answer.status > 1 and "Not a valid" not in answer.err:  # 1 is git's no
        git.refuse("merge-base", answer)
    return answer.ok


_NAMELESS = re.compile(r"tell me who you are|ident name|auto-detect|no (?:email|name) was given", re.IGNORECASE)


def me(git: GitProgram) -> str:
    """Return "Name <mail>", as git would sign a tag. Raises Refused."""
    answer = git.run("var", "GIT_COMMITTER_IDENT")
    match = re.match(r"(.*<[^>]*>) ", answer.out)
    if answer.ok and match:
        return match[1]
    if not answer.ok and not _NAMELESS.search(answer.err):
        git.refuse("var", answer)
    raise git.trouble(answer) or Refused(
        f"Git does not know who you are ({answer.words.rpartition('; ')[2]}).",
        remedy="git config --global user.name 'Your Name' && git config --global user.email you@example.com",
    )


def _apart(git: GitProgram, head: str, upstream: str) -> tuple[int, int]:
    if not upstream or upstream == head:
        return 0, 0
    ahead, behind = git.must("rev-list", "--left-right", "--count", f"{head}...{upstream}").split()
    return int(ahead), int(behind)


def _dirty(fields: Sequence[str]) -> Iterator[str]:
    """Yield the paths in the output of `git status --porcelain=v2 -z`."""
    rest = iter(fields)
    for field in rest:
        kind, _, detail = field.partition(" ")
        if kind == "2":
            next(rest, None)
        if kind in _BEFORE:
            yield detail.split(" ", _BEFORE[kind])[-1]
