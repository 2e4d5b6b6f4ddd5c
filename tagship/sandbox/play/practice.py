"""What a person practises on: `origin`, and a clone of the repository that pushes to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tagship.errors import ServiceFailed

PINS = ("*.txt", "*.toml")  # what a .venv is made from: a clone's files are newer than any
BEGIN = "refs/sandbox/begin"  # below it, in the practice clone: what came from the repository around it
OF_A_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

HOOK = """\
#!/bin/sh
# Leaves each push, one file a push, where the sandbox's runner looks. Written aside and renamed: it is read whole.
inbox={inbox}
mkdir -p "$inbox"
cat >"$inbox/.$$" && mv "$inbox/.$$" "$inbox/$(date +%s)-$$"
"""


def make_origin(origin: Path, inbox: Path) -> None:
    """Make the bare `origin` and its hook that tells the runner."""
    # One that is there is kept.
    if not (origin / "HEAD").is_file():
        shutil.rmtree(origin, ignore_errors=True)
        git(origin.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    import shlex

    hook = origin / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(inbox=shlex.quote(str(inbox))), "utf-8")
    hook.chmod(0o755)


def within(root: Path) -> str:
    """Name an app's folder in its repository; empty at the top."""
    return git(root, "rev-parse", "--show-prefix").rstrip("/")


def make_clone(root: Path, work: Path, origin: Path, shipping: Sequence[str] = ("dev",)) -> None:
    """Clone the repository, on the first branch that ships, and push.

    The clone has the other branches that ship, and main. One that is there is kept. A branch is origin's, if
    practice has pushed it before; or the repository's own; or made at the repository's HEAD.
    """
    if (work / ".git").is_dir():
        return
    partial, branches = work.with_name("work.partial"), list(dict.fromkeys(["main", *shipping]))
    shutil.rmtree(partial, ignore_errors=True)
    git(work.parent, "init", "--quiet", "--initial-branch=main", str(partial))
    git(partial, "remote", "add", "origin", str(origin))
    _name_somebody(partial)
    _fetch(root, partial, branches)
    git(partial, "fetch", "--quiet", "--no-tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
    for branch in branches:
        if commit_of(partial, f"refs/remotes/origin/{branch}"):
            git(partial, "update-ref", f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    git(partial, "symbolic-ref", "HEAD", f"refs/heads/{shipping[0]}")
    git(partial, "reset", "--quiet", "--hard")
    git(partial, "push", "--quiet", "--set-upstream", "origin", *branches)
    _lend_venv(root, partial)
    partial.rename(work)


def own_branch(root: Path, branch: str) -> str:
    """Find the repository's ref for a branch; empty if it has none."""
    # Its own, or the one that its remote had.
    refs = (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    return next((ref for ref in refs if commit_of(root, ref)), "")


def commit_of(folder: Path, ref: str) -> str:
    """Return the commit of a ref; empty without the ref."""
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"],
        cwd=folder, capture_output=True, text=True, check=False, env=plain_environment(),
    )  # fmt: skip
    return done.stdout.strip()


def _fetch(root: Path, clone: Path, branches: Sequence[str]) -> None:
    """Fetch the repository's branches without its tags.

    One that it does not have begins at its HEAD. A shallow repository (a CI checkout) would make a shallow clone,
    from which no release can be made. Then the practice begins with one commit of the same files.
    """
    root = Path(git(root, "rev-parse", "--show-toplevel"))  # git fetches from no folder within a repository
    if git(root, "rev-parse", "--is-shallow-repository") == "false":
        owns = {branch: own_branch(root, branch) or "HEAD" for branch in branches}
        wanted = [f"+{ref}:refs/heads/{branch}" for branch, ref in owns.items()]
        git(clone, "fetch", "--quiet", "--no-tags", "--update-head-ok", str(root), *wanted)
    else:
        commit = _same_files(root, clone)
        for branch in branches:
            git(clone, "update-ref", f"refs/heads/{branch}", commit)
    for branch in branches:
        git(clone, "update-ref", f"{BEGIN}/{branch}", f"refs/heads/{branch}")


def _same_files(root: Path, clone: Path) -> str:
    """Make one commit of the files of the repository's HEAD."""
    objects = git(root, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    alternates = clone / ".git/objects/info/alternates"
    alternates.write_text(f"{objects}\n", "utf-8")
    tree = git(root, "rev-parse", "HEAD^{tree}")
    commit = git(clone, "commit-tree", tree, "-m", "The repository as it stood")
    git(clone, "update-ref", "refs/heads/main", commit)
    git(clone, "repack", "-a", "-d", "--quiet")
    alternates.unlink()
    return commit


def _name_somebody(clone: Path) -> None:
    """Give the practice clone a Git identity, if there is none."""
    # Tags name their tagger.
    for key, value in (("user.name", "Sandbox Developer"), ("user.email", "developer@sandbox.invalid")):
        result = subprocess.run(["git", "config", key], cwd=clone, capture_output=True, check=False)
        if result.returncode:
            git(clone, "config", key, value)


def _lend_venv(root: Path, clone: Path) -> None:
    """Let `make deploy-dev` find the repository's .venv, and find it current."""
    # It must be newer than what it was installed from.
    venv, folder = root / ".venv", within(root)
    if not venv.is_dir() or not (clone / folder).is_dir():
        return
    (clone / folder / ".venv").symlink_to(venv)
    with (clone / ".git/info/exclude").open("a", encoding="utf-8") as exclude:
        exclude.write(f"/{folder}{'/' if folder else ''}.venv\n")  # `.venv/` of a .gitignore is of folders alone
    installed = (venv / "pyvenv.cfg").stat().st_mtime_ns  # a float would round it up, past .installed
    for file in (path for end in PINS for path in (clone / folder).glob(end)):
        os.utime(file, ns=(installed, installed))


def git(folder: Path, *words: str) -> str:
    """Run git and return what it printed. Raises ServiceFailed."""
    result = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=False, env=plain_environment()
    )
    if result.returncode:
        raise ServiceFailed(
            f"git {words[0]} failed in {folder}.",
            state="The sandbox is not up.",
            remedy="Remove it and start again: inv sandbox reset",
            evidence=result.stderr.strip(),
        )
    return result.stdout.strip()


def plain_environment() -> dict[str, str]:
    """Return the environment without what another repository's hook sets."""
    return {name: value for name, value in os.environ.items() if name not in OF_A_REPOSITORY}
