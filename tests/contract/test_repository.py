"""The repository port: what GitRepository and the one in memory both do, then what only Git can get wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.repository import Repository
from tests.checkout import Checkout, git
from tests.fakes.repository import NOW, FakeRepository, Tag, object_id


class World(Protocol):
    """What both kinds of repository can be put through."""

    repository: Repository

    def commit(self, subject: str) -> str: ...
    def share(self) -> None: ...
    def tag(self, name: str) -> None: ...
    def grace_pushes(self, subject: str) -> str: ...
    def grace_tags(self, name: str, *, force: bool = False) -> str: ...
    def tags_there(self) -> list[str]: ...
    def close(self) -> None: ...
    @property
    def head(self) -> str: ...
    @property
    def head_there(self) -> str: ...


class OnDisk(Checkout):
    @property
    def head_there(self) -> str:
        return self.there()["refs/heads/dev"]

    def close(self) -> None:
        self.remote.rename(self.folder / "gone.git")


class InMemory:
    def __init__(self, _: Path) -> None:
        self.repository = FakeRepository()
        self.commit("Begin")
        self.share()

    def commit(self, subject: str) -> str:
        return self.repository.commit(subject)

    def share(self) -> None:
        self.repository.share()

    def tag(self, name: str) -> None:
        self.repository.create_tag(name, self.head, name)

    def grace_pushes(self, subject: str) -> str:
        heads = self.repository.remote.heads
        heads["dev"] = self.repository.commit(subject, parent=heads["dev"])
        return heads["dev"]

    def grace_tags(self, name: str, *, force: bool = False) -> str:
        remote = self.repository.remote
        tag = Tag(name, object_id("grace", name, force), remote.heads["dev"], "Grace <grace@example.com>", NOW)
        remote.tags[name] = tag
        return tag.oid

    def tags_there(self) -> list[str]:
        return sorted(self.repository.remote.tags)

    def close(self) -> None:
        self.repository.remote.reachable = False

    @property
    def head(self) -> str:
        return self.repository.head

    @property
    def head_there(self) -> str:
        return self.repository.remote.heads["dev"]


@pytest.fixture(params=[OnDisk, InMemory])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


# -- both --------------------------------------------------------------------------------------------------------------


def test_fetch_brings_the_branch_and_the_channels_tags(world: World) -> None:
    there = world.grace_pushes("Grace's work")
    world.grace_tags("0.1.9-dev")
    world.grace_tags("0.1.10-dev")
    assert list(world.repository.fetch("dev", "dev")) == []
    assert [str(one) for one in world.repository.newest("dev", 5)] == ["0.1.10-dev", "0.1.9-dev"]
    state = world.repository.state("dev")
    assert (state.upstream, state.ahead, state.behind) == (there, 0, 1)


def test_a_tag_that_moved_is_told_and_not_taken(world: World) -> None:
    first = world.grace_tags("0.1.0-dev")
    world.repository.fetch("dev", "dev")
    world.grace_pushes("More")
    world.grace_tags("0.1.0-dev", force=True)
    world.grace_tags("0.1.1-dev")
    assert list(world.repository.fetch("dev", "dev")) == ["0.1.0-dev"]
    kept = world.repository.tag("0.1.0-dev")
    assert kept is not None
    assert kept.oid == first
    assert world.repository.tag("0.1.1-dev") is not None, "the other tags still come"


def test_a_remote_that_cannot_be_reached_is_a_service_that_failed(world: World) -> None:
    world.close()
    with pytest.raises(ServiceFailed, match="origin cannot be reached"):
        world.repository.fetch("dev", "dev")
    with pytest.raises(ServiceFailed):
        world.repository.remote_tag("0.1.0-dev")


def test_state_counts_both_sides_of_a_diverged_branch(world: World) -> None:
    world.grace_pushes("Hers")
    world.commit("Mine")
    world.commit("Mine too")
    world.repository.fetch("dev", "dev")
    state = world.repository.state("dev")
    assert (state.branch, state.ahead, state.behind, list(state.dirty), state.shallow) == ("dev", 2, 1, [], False)


def test_a_push_brings_branch_and_tag(world: World) -> None:
    commit = world.commit("Work")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello 0.1.0-dev")
    assert world.repository.push(commit, "dev", tag).ok
    assert (world.head_there, world.tags_there()) == (commit, ["0.1.0-dev"])


def test_a_push_without_a_branch_brings_the_tag_alone(world: World) -> None:
    there, commit = world.head_there, world.head
    world.commit("Not for anybody yet")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello 0.1.0-dev")
    assert world.repository.push(commit, "", tag).ok
    assert (world.head_there, world.tags_there()) == (there, ["0.1.0-dev"])


def test_pushing_the_same_again_changes_nothing(world: World) -> None:
    tag = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    assert world.repository.push(world.head, "dev", tag).there == {"refs/heads/dev"}
    assert world.repository.push(world.head, "dev", tag).there == {"refs/heads/dev", "refs/tags/0.1.0-dev"}


def test_stray_local_tags_are_never_pushed(world: World) -> None:
    world.tag("0.0.9-dev")
    world.tag("9.9.9-dev")
    tag = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    assert world.repository.push(world.head, "dev", tag).ok
    assert world.tags_there() == ["0.1.0-dev"]


def test_a_push_onto_a_branch_that_moved_leaves_the_tag_behind_too(world: World) -> None:
    commit = world.commit("Mine")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    hers = world.grace_pushes("Hers")
    pushed = world.repository.push(commit, "dev", tag)
    assert not pushed.ok
    assert list(pushed.rejected) == ["refs/heads/dev"]
    assert (world.head_there, world.tags_there()) == (hers, [])


@pytest.mark.parametrize("same_commit", [True, False])
def test_an_annotated_tag_of_the_same_name_is_refused_whatever_it_points_at(world: World, same_commit: bool) -> None:
    commit = world.head if same_commit else world.commit("Mine")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    before = world.head_there
    hers = world.grace_tags("0.1.0-dev")
    pushed = world.repository.push(commit, "dev", tag)
    assert not pushed.ok
    assert list(pushed.rejected) == ["refs/tags/0.1.0-dev"]
    assert world.head_there == before
    theirs = world.repository.remote_tag("0.1.0-dev")
    assert theirs is not None
    assert (theirs.oid, theirs.tagger) == (hers, "Grace <grace@example.com>")
    assert theirs.when is not None


def test_a_tag_is_read_with_who_made_it_and_what_it_points_at(world: World) -> None:
    made = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    assert world.repository.tag("0.1.0-dev") == made
    assert (made.commit, made.tagger) == (world.head, "Ada <ada@example.com>")
    assert made.oid != made.commit
    assert world.repository.tag("0.1.1-dev") is None
    assert world.repository.remote_tag("0.1.0-dev") is None
    assert list(world.repository.tags(["0.1.1-dev", "0.1.0-dev"])) == [made]
    assert list(world.repository.tags([])) == []
    assert list(world.repository.tags_at(world.head)) == ["0.1.0-dev"]


def test_a_tag_is_not_made_twice(world: World) -> None:
    made = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    with pytest.raises(Refused):
        world.repository.create_tag("0.1.0-dev", world.head, "again")
    assert world.repository.tag("0.1.0-dev") == made


def test_only_the_very_object_is_deleted(world: World) -> None:
    ours = world.repository.create_tag("0.1.0-dev", world.head, "ours")
    world.repository.delete_tag(ours)
    assert world.repository.tag("0.1.0-dev") is None
    other = world.repository.create_tag("0.1.0-dev", world.head, "made by another terminal meanwhile")
    world.repository.delete_tag(ours)
    assert world.repository.tag("0.1.0-dev") == other


def test_undo_deletes_what_was_looked_at(world: World) -> None:
    tag = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    world.repository.push(world.head, "dev", tag)
    assert world.repository.undo(tag).ok
    assert world.tags_there() == []


def test_undo_leaves_a_tag_that_is_another_by_now(world: World) -> None:
    tag = world.repository.create_tag("0.1.0-dev", world.head, "hello")
    world.grace_tags("0.1.0-dev")
    pushed = world.repository.undo(tag)
    assert not pushed.ok
    assert "stale info" in pushed.rejected["refs/tags/0.1.0-dev"]
    assert world.tags_there() == ["0.1.0-dev"]


def test_log_tells_what_came_after_a_tag(world: World) -> None:
    world.tag("0.1.0-dev")
    world.commit("One")
    last = world.commit("Two")
    assert list(world.repository.log("0.1.0-dev", last)) == ["Two", "One"]


def test_revisions_are_resolved_or_refused(world: World) -> None:
    assert world.repository.resolve(world.head[:12]) == world.head
    with pytest.raises(UsageError, match="names no commit"):
        world.repository.resolve("0000000000")


def test_which_commits_are_on_the_branch_and_in_head(world: World) -> None:
    begin, hers, mine = world.head, world.grace_pushes("Hers"), world.commit("Mine")
    world.repository.fetch("dev", "dev")
    on_branch, in_head = world.repository.on_branch, world.repository.in_head
    assert [on_branch(one, "dev") for one in (begin, hers, mine)] == [True, True, False]
    assert [in_head(one) for one in (begin, hers, mine)] == [True, False, True]


def test_a_branch_that_the_remote_has_not_is_nobodys_upstream(world: World) -> None:
    world.grace_tags("0.1.0-new")
    assert list(world.repository.fetch("new", "new")) == []
    assert world.repository.state("new").upstream == ""
    assert [str(one) for one in world.repository.newest("new", 5)] == ["0.1.0-new"]


# -- Git's own traps ---------------------------------------------------------------------------------------------------


def test_fetch_takes_the_channels_tags_and_no_others(checkout: Checkout) -> None:
    for name in ("0.1.0-dev", "0.1.0-prod", "deploy-2024", "v0.3.0-dev", "0.1.0"):
        checkout.grace_tags(name)
    checkout.repository.fetch("dev", "dev")
    assert checkout.tags_here() == ["0.1.0-dev", "v0.3.0-dev"]
    assert [str(one) for one in checkout.repository.newest("dev", 5)] == ["0.1.0-dev"]


def test_final_versions_are_fetched_by_their_first_digit(checkout: Checkout) -> None:
    for name in ("0.9.0", "0.10.0", "10.0.0-dev", "deploy-2024"):
        checkout.grace_tags(name)
    checkout.repository.fetch("dev", "")
    assert checkout.tags_here() == ["0.10.0", "0.9.0", "10.0.0-dev"]
    assert [str(one) for one in checkout.repository.newest("", 5)] == ["0.10.0", "0.9.0"]


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
    assert GitRepository(shallow).state("dev").shallow


def test_a_repository_without_commits_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=dev", ".")
    with pytest.raises(Refused, match="no commit yet"):
        GitRepository(tmp_path).state("dev")


def test_a_missing_remote_is_told_apart_from_an_unreachable_one(checkout: Checkout) -> None:
    git(checkout.work, "remote", "remove", "origin")
    with pytest.raises(Refused, match="There is no remote origin") as told:
        checkout.repository.fetch("dev", "dev")
    assert "git remote add origin" in told.value.remedy


def test_a_folder_that_is_no_repository_is_told(tmp_path: Path) -> None:
    for ask in (lambda: GitRepository(tmp_path).fetch("dev", "dev"), lambda: GitRepository(tmp_path).state("dev")):
        with pytest.raises(Refused, match="is not a Git repository") as refused:
            ask()
        assert refused.value.remedy == "Go into your clone, and type it there"


def test_a_remote_that_never_answers_is_given_up(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.adapters.git.NETWORK", 0.3)
    monkeypatch.setenv("GIT_SSH_COMMAND", "sleep 60 #")
    git(checkout.work, "remote", "set-url", "origin", "ssh://nobody.invalid/x")
    with pytest.raises(ServiceFailed, match="did not answer within"):
        checkout.repository.fetch("dev", "dev")


def test_a_person_without_a_name_is_told_how_to_give_one(checkout: Checkout) -> None:
    git(checkout.work, "config", "--unset", "user.email")
    git(checkout.work, "config", "user.useConfigOnly", "true")
    with pytest.raises(Refused, match="does not know who you are") as told:
        checkout.repository.me()
    assert "git config --global user.email" in told.value.remedy


@pytest.mark.parametrize("revision", ["", "--output=/tmp/x", "HEAD; rm -rf /", "a\nb", "x" * 300, "\0"])
def test_what_is_no_revision_never_reaches_git(checkout: Checkout, revision: str) -> None:
    with pytest.raises(UsageError, match="names no commit"):
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


def test_files_are_streamed_as_they_are_committed(checkout: Checkout) -> None:
    (checkout.work / "app").mkdir()
    (checkout.work / "app" / "b.bin").write_bytes(bytes(range(256)) * 1000)
    (checkout.work / "app" / "run.sh").write_text("#!/bin/sh\r\n")
    (checkout.work / "app" / "run.sh").chmod(0o755)
    (checkout.work / "app" / "ünï.txt").write_text("")
    (checkout.work / "other").write_text("not asked for")
    git(checkout.work, "add", ".")
    commit = checkout.commit("Files")
    got = [
        (path, bit, size, read(10), read(-1)) for path, bit, size, read in checkout.repository.files(commit, ["app"])
    ]
    assert [one[:3] for one in got] == [
        ("app/b.bin", False, 256_000),
        ("app/run.sh", True, 11),
        ("app/ünï.txt", False, 0),
    ]
    assert got[0][3] + got[0][4] == bytes(range(256)) * 1000
    assert [path for path, *_ in checkout.repository.files(commit, ["app"])] == [one[0] for one in got], (
        "unread is skipped"
    )


def test_files_refuses_links_and_names_a_path_that_is_not_there(checkout: Checkout) -> None:
    (checkout.work / "link").symlink_to("/etc/passwd")
    git(checkout.work, "add", ".")
    commit = checkout.commit("A link")
    with pytest.raises(Refused, match="link is a symbolic link"):
        list(checkout.repository.files(commit, ["link"]))
    with pytest.raises(UsageError, match="no file nowhere"):
        list(checkout.repository.files(commit, ["nowhere"]))


def loose(folder: Path, oid: str) -> Path:
    """Where Git keeps an object that is in no pack."""
    return folder / ".git/objects" / oid[:2] / oid[2:]


def _drained(repository: Repository, commit: str, path: str) -> None:
    for _, _, _, read in repository.files(commit, [path]):
        while read(4096):
            pass


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_blob_is_an_error_and_no_shorter_file(tmp_path: Path, damage: str) -> None:
    work = Checkout(tmp_path)
    (work.work / "data").write_bytes(os.urandom(300_000))
    git(work.work, "add", ".")
    commit = work.commit("Data")
    blob = loose(work.work, git(work.work, "rev-parse", "HEAD:data"))
    blob.chmod(0o644)
    if damage == "gone":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:150_000])
    with pytest.raises(Refused, match=r"git cat-file (failed|did not give the whole of data)") as caught:
        _drained(work.repository, commit, "data")
    assert caught.value.remedy.startswith("Look at it: git -C ")


def test_a_list_of_tags_that_git_cannot_give_is_not_an_empty_one(tmp_path: Path) -> None:
    work = Checkout(tmp_path)
    work.commit("One")
    (work.work / ".git/packed-refs").write_text("neither an object nor a name")
    with pytest.raises(Refused, match="git for-each-ref failed: fatal"):
        work.repository.newest("dev", 5)
