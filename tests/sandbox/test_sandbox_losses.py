"""What `sandbox down` and `reset` would lose, and the commands that keep it: each is typed as it is printed."""

from __future__ import annotations

import shlex
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tagship.domain import commands
from tagship.errors import Refused
from tagship.sandbox.play import guards, losses, practice
from tagship.sandbox.state import FOLDER
from tests.sandbox.conftest import git, repository

RESET = partial(commands.sandbox, "reset")


def made(root: Path) -> Path:
    """Origin and the practice clone of a repository, without a daemon; returns the clone."""
    folder = root / FOLDER
    folder.mkdir(parents=True)
    practice.make_origin(folder / "origin.git", folder / "inbox")
    practice.make_clone(root, folder / "work", folder / "origin.git")
    return folder / "work"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path / "a repository", {})


def commit(work: Path, subject: str) -> str:
    git(work, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(work, "rev-parse", "HEAD")


def refusal(root: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        guards.require_nothing_lost(root, root, RESET)
    return caught.value


def keep(problem: Refused) -> None:
    """Type what the refusal says that keeps the commits."""
    (line,) = [line for line in problem.remedy.splitlines() if line.startswith("Keep them: ")]
    for command in line.removeprefix("Keep them: ").split(" && "):
        subprocess.run(shlex.split(command), cwd="/", check=True, capture_output=True)


def test_a_sandbox_that_nobody_worked_in_loses_nothing(root: Path) -> None:
    made(root)
    guards.require_nothing_lost(root, root, RESET)


def test_work_that_was_pushed_is_lost_like_work_that_was_not(root: Path) -> None:
    work = made(root)
    head = commit(work, "Practised")
    assert "commit" in refusal(root).evidence
    git(work, "push", "--quiet", "origin", "dev")
    problem = refusal(root)
    assert problem.evidence == f"commit {head[:7]} Practised"
    assert "inv sandbox reset --yes" in problem.remedy
    assert "down" not in problem.remedy


def test_the_command_of_the_refusal_keeps_the_commits_and_no_tag(root: Path) -> None:
    work = made(root)
    commit(work, "First")
    git(work, "tag", "-a", "0.1.0-dev", "-m", "0.1.0-dev")
    head = commit(work, "Second")
    git(work, "push", "--quiet", "origin", "dev", "0.1.0-dev")
    keep(refusal(root))
    guards.require_nothing_lost(root, root, RESET)
    assert git(root, "rev-parse", f"practice-{head[:8]}") == head
    assert git(root, "tag") == ""


def test_every_name_that_has_a_commit_is_kept(root: Path) -> None:
    work = made(root)
    git(work, "switch", "--quiet", "-c", "side/way")
    heads = [commit(work, "Aside")]
    git(work, "switch", "--quiet", "--detach", "dev")
    heads.append(commit(work, "Detached"))
    git(work, "switch", "--quiet", "main")
    heads.append(commit(work, "Tagged"))
    git(work, "tag", "-a", "1.0.0", "-m", "1.0.0")
    git(work, "push", "--quiet", "origin", "1.0.0")
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    git(work, "switch", "--quiet", "--detach", heads[1])
    keep(refusal(root))
    assert sorted(git(root, "for-each-ref", "--format=%(objectname)", "refs/heads/practice-*").split()) == sorted(heads)


def test_stashes_are_work_too(root: Path) -> None:
    work = made(root)
    for text in ("one", "two"):
        (work / "tagship.toml").write_text(text)
        git(work, "stash", "push", "--quiet", "-m", text)
    stashes = git(work, "rev-list", "--walk-reflogs", "refs/stash").split()
    assert len(stashes) == 2
    keep(refusal(root))
    guards.require_nothing_lost(root, root, RESET)
    assert [git(root, "rev-parse", f"practice-{each[:8]}") for each in stashes] == stashes


def test_what_only_origin_has_is_fetched_from_there(root: Path) -> None:
    work = made(root)
    head = commit(work, "Overtaken")
    git(work, "push", "--quiet", "origin", "dev:refs/heads/colleague")
    git(work, "reset", "--quiet", "--hard", "HEAD~1")
    git(work, "branch", "--remotes", "--delete", "origin/colleague")
    problem = refusal(root)
    assert str(root / FOLDER / "origin.git") in problem.remedy
    keep(problem)
    assert git(root, "rev-parse", f"practice-{head[:8]}") == head


def test_files_that_are_not_committed_are_committed_first_and_then_kept(root: Path) -> None:
    work = made(root)
    (work / "new file").touch()
    problem = refusal(root)
    assert problem.evidence == 'file ?? "new file"'
    first = problem.remedy.splitlines()[0].removeprefix("Commit them: ")
    for command in first.split(" && "):
        git(root, *shlex.split(command)[1:])
    keep(refusal(root))
    guards.require_nothing_lost(root, root, RESET)


def test_commits_that_the_repository_gave_up_since_are_not_the_sandboxs(root: Path) -> None:
    made(root)
    git(root, "commit", "--quiet", "--amend", "-m", "Begin again")
    guards.require_nothing_lost(root, root, RESET)


def test_a_repository_that_went_on_from_the_practice_has_it(root: Path) -> None:
    work = made(root)
    commit(work, "Practised")
    git(root, "pull", "--quiet", "--ff-only", str(work), "dev")
    commit(root, "And more")
    guards.require_nothing_lost(root, root, RESET)


def test_a_shallow_repository_is_compared_too(root: Path, tmp_path: Path) -> None:
    commit(root, "Second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", str(tmp_path / "shallow"))
    shallow = tmp_path / "shallow"
    work = made(shallow)
    guards.require_nothing_lost(shallow, shallow, RESET)
    commit(work, "Practised")
    assert refusal(shallow).evidence.endswith("Practised")


def test_a_repository_that_git_cannot_read_is_not_taken_for_an_empty_one(root: Path) -> None:
    work = made(root)
    head = commit(work, "Practised")
    (work / f".git/objects/{head[:2]}/{head[2:]}").unlink()
    assert "cannot be read" in losses.of(root).commits[0]
    assert "Keep them" not in refusal(root).remedy
