"""Repositories and machines as they are: each is worked with, or refused with what to do; none is a defect."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import Refused, UsageError
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def released(repository: GitRepository, commit: str, branch: str = "dev") -> None:
    """Every call that a release makes, in its order."""
    assert list(repository.fetch(branch, "dev")) == []
    assert repository.state(branch).head == commit
    repository.newest("dev", 5)
    tag = repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = repository.push(commit, branch, tag)
    assert pushed.ok, pushed
    assert repository.remote_tag("0.1.0-dev") == tag


def test_a_worktree_releases(checkout: Checkout, tmp_path: Path) -> None:
    git(checkout.work, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "tree"))
    git(tmp_path / "tree", "commit", "--quiet", "--allow-empty", "--message", "There")
    hook = checkout.work / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\necho from the worktree; exit 1\n")
    hook.chmod(0o755)
    repository = GitRepository(tmp_path / "tree", inherited=os.environ)
    head = git(tmp_path / "tree", "rev-parse", "HEAD")
    tag = repository.create_tag("0.0.1-dev", head, "hello")
    assert repository.push(head, "other", tag).rejected == {"pre-push hook": "from the worktree"}
    hook.unlink()
    released(repository, head, "other")


def test_a_detached_head_releases(checkout: Checkout) -> None:
    git(checkout.work, "checkout", "--quiet", "--detach")
    commit = checkout.commit("Detached")
    assert checkout.repository.state("dev").branch == ""
    released(checkout.repository, commit)


ODD = ['fix/#12-it\'s-"quoted"', "ünï/cöde", "a,b;c&d|e$f`g", "@x"]


@pytest.mark.parametrize("branch", ODD)
def test_a_branch_with_odd_characters_releases(checkout: Checkout, branch: str) -> None:
    git(checkout.work, "switch", "--quiet", "--create", branch)
    commit = checkout.commit("Odd")
    assert checkout.repository.state("").branch == branch
    released(checkout.repository, commit, branch)
    assert checkout.repository.state(branch).upstream == commit
    assert checkout.repository.on_branch(commit, branch)


def test_a_repository_of_another_hash_releases(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=dev", "origin.git")
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=dev", "work")
    work = tmp_path / "work"
    for name, value in {
        "user.name": "Ada",
        "user.email": "ada@example.com",
        "remote.origin.url": "../origin.git",
    }.items():
        git(work, "config", name, value)
    git(work, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    repository = GitRepository(work, inherited=os.environ)
    head = git(work, "rev-parse", "HEAD")
    assert len(head) == 64
    released(repository, head)
    assert repository.resolve(head[:12]) == head


def test_a_repository_without_commits_is_refused_wherever_it_is_asked(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=dev", ".")
    repository = GitRepository(tmp_path, inherited=os.environ)
    with pytest.raises(Refused, match="no commit yet"):
        repository.state("")
    with pytest.raises(UsageError, match="is not a commit"):
        repository.resolve("HEAD")
    assert repository.newest("dev", 5).versions == []
    assert list(repository.tags(["0.1.0-dev"])) == []


def test_a_shallow_clone_is_read(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit("More")
    checkout.share()
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{checkout.remote}", "shallow")
    git(tmp_path / "shallow", "config", "user.name", "Ada")
    git(tmp_path / "shallow", "config", "user.email", "ada@example.com")
    repository = GitRepository(tmp_path / "shallow", inherited=os.environ)
    assert repository.state("dev").shallow
    released(repository, checkout.head)


def test_an_index_that_is_locked_is_read_all_the_same(checkout: Checkout) -> None:
    (checkout.work / ".git/index.lock").write_text("")
    (checkout.work / "stray").write_text("")
    assert list(checkout.repository.state("dev").dirty) == ["stray"]


def test_a_lock_that_was_left_behind_is_named(checkout: Checkout) -> None:
    lock = checkout.work / ".git/refs/tags/0.1.0-dev.lock"
    lock.write_text("")
    with pytest.raises(Refused) as told:
        checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert told.value.what == f"Another git is at work here, or one that was killed left its lock: {lock}."
    assert told.value.remedy == f"If no git runs here: rm {lock}"


def test_a_lock_in_a_folder_with_a_space_is_removed_by_its_whole_name(tmp_path: Path) -> None:
    (tmp_path / "my shop").mkdir()
    checkout = Checkout(tmp_path / "my shop")
    lock = checkout.work / ".git/refs/tags/0.1.0-dev.lock"
    lock.write_text("")
    with pytest.raises(Refused) as told:
        checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert told.value.remedy == f"If no git runs here: rm '{lock}'"


def test_a_lock_is_not_the_remotes_fault(checkout: Checkout) -> None:
    checkout.grace_pushes("Hers")
    lock = checkout.work / ".git/refs/remotes/origin/dev.lock"
    lock.write_text("")
    with pytest.raises(Refused, match="left its lock"):
        checkout.repository.fetch("dev", "dev")


def test_a_hook_that_refuses_a_fetch_is_not_the_remotes_fault(checkout: Checkout) -> None:
    checkout.grace_pushes("Hers")
    hook = checkout.work / ".git/hooks/reference-transaction"
    hook.write_text("#!/bin/sh\necho no references today >&2; exit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="reference-transaction hook") as told:
        checkout.repository.fetch("dev", "dev")
    assert "no references today" in told.value.what


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user_is_refused_with_the_way_out(checkout: Checkout) -> None:
    os.chown(checkout.work, 12345, 12345)
    os.chown(checkout.work / ".git", 12345, 12345)
    for ask in (
        lambda: checkout.repository.state("dev"),
        lambda: checkout.repository.fetch("dev", "dev"),
        lambda: checkout.repository.newest("dev", 5),
        lambda: checkout.repository.resolve("HEAD"),
        checkout.repository.remote_url,
    ):
        with pytest.raises(Refused, match="belongs to another user") as told:
            ask()
        assert told.value.remedy == f"If you trust it: git config --global --add safe.directory {checkout.work}"


def test_a_folder_with_odd_characters_releases(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s $HOME "q" ünï'
    folder.mkdir()
    checkout = Checkout(folder)
    released(checkout.repository, checkout.head)


def test_many_warnings_block_no_list(checkout: Checkout) -> None:
    """Git complains of every broken reference: more than a pipe holds."""
    for number in range(1500):
        (checkout.work / f".git/refs/tags/0.0.{number}-dev").write_text("0" * 40 + "\n")
    checkout.tag("0.1.0-dev")
    assert [str(one) for one in checkout.repository.newest("dev", 5).versions] == ["0.1.0-dev"]
