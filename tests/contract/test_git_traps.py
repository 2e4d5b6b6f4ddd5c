"""What a release does by git, where git by itself would do something else."""

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


def test_fetch_takes_the_channels_tags_and_no_others(checkout: Checkout) -> None:
    for name in ("0.1.0-dev", "0.1.0-prod", "deploy-2024", "v0.3.0-dev", "0.1.0"):
        checkout.grace_tags(name)
    checkout.repository.fetch("dev", "dev")
    assert checkout.tags_here() == ["0.1.0-dev", "v0.3.0-dev"]
    assert [str(one) for one in checkout.repository.newest("dev", 5).versions] == ["0.1.0-dev"]


def test_final_versions_are_fetched_by_their_first_digit(checkout: Checkout) -> None:
    for name in ("0.9.0", "0.10.0", "10.0.0-dev", "deploy-2024"):
        checkout.grace_tags(name)
    checkout.repository.fetch("dev", "")
    assert checkout.tags_here() == ["0.10.0", "0.9.0", "10.0.0-dev"]
    assert [str(one) for one in checkout.repository.newest("", 5).versions] == ["0.10.0", "0.9.0"]


def test_a_moved_tag_of_another_channel_stops_nobody(checkout: Checkout) -> None:
    checkout.grace_tags("0.1.0-dev")
    checkout.repository.fetch("dev", "")
    checkout.grace_pushes("More")
    checkout.grace_tags("0.1.0-dev", force=True)
    assert list(checkout.repository.fetch("dev", "")) == []


def test_fetch_keeps_local_tags_though_pruning_is_configured(checkout: Checkout) -> None:
    git(checkout.work, "config", "fetch.prune", "true")
    git(checkout.work, "config", "fetch.pruneTags", "true")
    checkout.tag("0.1.0-dev")
    checkout.repository.fetch("dev", "dev")
    assert checkout.tags_here() == ["0.1.0-dev"]


def test_stray_tags_stay_though_follow_tags_is_configured(checkout: Checkout) -> None:
    git(checkout.work, "config", "push.followTags", "true")
    checkout.tag("0.0.9-dev")
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert checkout.repository.push(checkout.head, "dev", tag).ok
    assert checkout.tags_there() == ["0.1.0-dev"]


def test_a_moved_tag_is_read_whatever_language_and_form_git_is_set_to(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    git(checkout.work, "config", "fetch.output", "compact")
    checkout.grace_tags("0.1.0-dev")
    checkout.repository.fetch("dev", "dev")
    checkout.grace_pushes("More")
    checkout.grace_tags("0.1.0-dev", force=True)
    assert list(checkout.repository.fetch("dev", "dev")) == ["0.1.0-dev"]


def test_a_protected_branch_keeps_the_tag_out(checkout: Checkout) -> None:
    checkout.hook("update", 'case "$1" in refs/heads/*) echo "GH006: Protected branch"; exit 1;; esac\n')
    commit, before = checkout.commit("Work"), checkout.there()
    tag = checkout.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = checkout.repository.push(commit, "dev", tag)
    assert not pushed.ok
    assert "hook declined" in pushed.rejected["refs/heads/dev"]
    assert list(pushed.rejected) == ["refs/heads/dev"]
    assert checkout.there() == before


def test_a_branch_that_moves_during_the_push_keeps_the_tag_out(checkout: Checkout) -> None:
    checkout.grace_pushes("Hers")
    hers = git(checkout.elsewhere, "rev-parse", "HEAD")
    git(checkout.remote, "update-ref", "refs/heads/dev", git(checkout.work, "rev-parse", "HEAD"))
    commit = checkout.commit("Mine")
    checkout.hook("pre-receive", f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/dev {hers}\n")
    tag = checkout.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = checkout.repository.push(commit, "dev", tag)
    assert not pushed.ok
    assert pushed.rejected
    assert checkout.tags_there() == []
    assert checkout.there()["refs/heads/dev"] == hers


def test_a_tag_with_a_hash_sign_in_its_message_keeps_the_line(checkout: Checkout) -> None:
    checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello\n\n#42 is mended")
    assert "#42 is mended" in git(checkout.work, "cat-file", "tag", "0.1.0-dev")


def test_a_lightweight_tag_is_nobodys(checkout: Checkout) -> None:
    git(checkout.work, "tag", "0.1.0-dev")
    found = checkout.repository.tag("0.1.0-dev")
    assert found is not None
    assert (found.tagger, found.oid, found.commit) == ("", checkout.head, checkout.head)


def test_state_names_every_kind_of_change(checkout: Checkout) -> None:
    for name in ("kept", "old name", "gone"):
        (checkout.work / name).write_text(name * 20)
    git(checkout.work, "add", ".")
    checkout.commit("Files")
    (checkout.work / "kept").write_text("changed")
    git(checkout.work, "mv", "old name", "new name")
    git(checkout.work, "rm", "--quiet", "gone")
    (checkout.work / "stray file").write_text("")
    assert sorted(checkout.repository.state("dev").dirty) == ["gone", "kept", "new name", "stray file"]


def test_a_detached_head_has_no_branch(checkout: Checkout) -> None:
    git(checkout.work, "checkout", "--quiet", "--detach")
    assert checkout.repository.state("dev").branch == ""


def test_a_shallow_clone_says_so(checkout: Checkout, tmp_path: Path) -> None:
    checkout.commit("More")
    checkout.share()
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{checkout.remote}", str(shallow))
    assert GitRepository(shallow, inherited=os.environ).state("dev").shallow


def test_a_repository_without_commits_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=dev", ".")
    with pytest.raises(Refused, match="no commit yet"):
        GitRepository(tmp_path, inherited=os.environ).state("dev")


def test_a_missing_remote_is_told_apart_from_an_unreachable_one(checkout: Checkout) -> None:
    git(checkout.work, "remote", "remove", "origin")
    with pytest.raises(Refused, match="There is no remote origin") as told:
        checkout.repository.fetch("dev", "dev")
    assert "git remote add origin" in told.value.remedy


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    for ask in (
        lambda: GitRepository(tmp_path, inherited=os.environ).fetch("dev", "dev"),
        lambda: GitRepository(tmp_path, inherited=os.environ).state("dev"),
    ):
        with pytest.raises(Refused, match="is not in a Git repository") as refused:
            ask()
        assert refused.value.remedy == "Change into your clone, and run it there"


def test_a_person_without_a_name_is_told_how_to_give_one(checkout: Checkout) -> None:
    git(checkout.work, "config", "--unset", "user.email")
    git(checkout.work, "config", "user.useConfigOnly", "true")
    with pytest.raises(Refused, match="does not know who you are") as told:
        checkout.repository.me()
    assert "git config --global user.email" in told.value.remedy


@pytest.mark.parametrize("revision", ["", "--output=/tmp/x", "HEAD; rm -rf /", "a\nb", "x" * 300, "\0"])
def test_what_is_no_revision_never_reaches_git(checkout: Checkout, revision: str) -> None:
    with pytest.raises(UsageError, match="is not a commit"):
        checkout.repository.resolve(revision)


def test_looking_at_a_remote_tag_leaves_no_trace(checkout: Checkout) -> None:
    checkout.grace_tags("0.1.0-dev")
    assert checkout.repository.remote_tag("0.1.0-dev") is not None
    assert git(checkout.work, "for-each-ref", "refs/tags", "refs/tagship") == ""


def test_the_commands_shown_do_what_the_push_does(checkout: Checkout) -> None:
    commit = checkout.commit('It\'s "quoted" $HOME `x`')
    message = 'hello 0.1.0-dev\n\n- It\'s "quoted" $HOME `x`\n#1'
    for command in checkout.repository.push_commands(commit, "dev", "0.1.0-dev", message):
        git(checkout.work, "-c", f"alias.shown=!{command}", "shown")
    assert checkout.there()["refs/heads/dev"] == commit
    assert git(checkout.remote, "cat-file", "tag", "0.1.0-dev").endswith(message)
