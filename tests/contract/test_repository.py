"""The repository port: what git's and the one in memory both do. (test_git_*.py: what only git can get wrong.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.domain.release import PRE_PUSH
from tagship.errors import Refused, ServiceFailed, UsageError
from tests.contract.repositories import InMemory, OnDisk, World


@pytest.fixture(params=[OnDisk, InMemory])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


def test_fetch_brings_the_branch_and_the_channels_tags(world: World) -> None:
    there = world.grace_pushes("Grace's work")
    world.grace_tags("0.1.9-dev")
    world.grace_tags("0.1.10-dev")
    assert list(world.repository.fetch("dev", "dev")) == []
    assert [str(one) for one in world.repository.newest("dev", 5).versions] == ["0.1.10-dev", "0.1.9-dev"]
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
    with pytest.raises(UsageError, match="is not a commit"):
        world.repository.resolve("0000000000")


def test_which_commits_are_on_the_branch_and_in_head(world: World) -> None:
    begin, hers, mine = world.head, world.grace_pushes("Hers"), world.commit("Mine")
    world.repository.fetch("dev", "dev")
    on_branch, in_head = world.repository.on_branch, world.repository.in_head
    assert [on_branch(one, "dev") for one in (begin, hers, mine)] == [True, True, False]
    assert [in_head(one) for one in (begin, hers, mine)] == [True, False, True]


def test_which_commit_led_to_which(world: World) -> None:
    begin, mine = world.head, world.commit("Mine")
    led_to = world.repository.is_ancestor
    assert [led_to(begin, mine), led_to(mine, begin), led_to(mine, mine)] == [True, False, True]
    assert [led_to(begin[:8], mine[:8]), led_to(mine[:8], begin[:8])] == [True, False]
    assert [led_to("0" * 8, mine[:8]), led_to(begin[:8], "0" * 8)] == [False, False]


def test_a_branch_that_the_remote_has_not_is_nobodys_upstream(world: World) -> None:
    world.grace_tags("0.1.0-new")
    assert list(world.repository.fetch("new", "new")) == []
    assert world.repository.state("new").upstream == ""
    assert [str(one) for one in world.repository.newest("new", 5).versions] == ["0.1.0-new"]


def test_a_mirror_that_refuses_does_not_hide_what_origin_took(world: World) -> None:
    commit = world.commit("Work")
    world.mirror(refuses=True)
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = world.repository.push(commit, "dev", tag)
    assert (pushed.ok, pushed.landed, pushed.unknown) == (False, True, False)
    assert list(pushed.holds.values()) == [{"refs/heads/dev", "refs/tags/0.1.0-dev"}, frozenset()]
    assert set(pushed.rejected) == {"refs/heads/dev", "refs/tags/0.1.0-dev"}
    assert list(pushed.said) == ["not here"]
    assert world.tags_there() == ["0.1.0-dev"]


def test_a_mirror_that_is_not_there_is_not_said_to_have_nothing(world: World) -> None:
    commit = world.commit("Work")
    world.mirror(refuses=False)
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = world.repository.push(commit, "dev", tag)
    assert (pushed.ok, pushed.landed, pushed.unknown) == (False, True, True)
    assert list(pushed.holds.values())[1] is None
    assert pushed.rejected == {}
    assert pushed.message


def test_a_server_that_refuses_says_why(world: World) -> None:
    commit, before = world.commit("Work"), world.head_there
    world.server_refuses("policy 7")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = world.repository.push(commit, "dev", tag)
    assert (pushed.ok, pushed.landed, list(pushed.said)) == (False, False, ["policy 7"])
    assert set(pushed.rejected) == {"refs/heads/dev", "refs/tags/0.1.0-dev"}
    assert list(pushed.holds.values()) == [frozenset()]
    assert (world.head_there, world.tags_there()) == (before, [])


def test_a_hook_of_the_repository_that_refuses_says_why(world: World) -> None:
    commit, before = world.commit("Work"), world.head_there
    world.hook_refuses("2 tests failed")
    tag = world.repository.create_tag("0.1.0-dev", commit, "hello")
    pushed = world.repository.push(commit, "dev", tag)
    assert pushed.rejected == {PRE_PUSH: "2 tests failed"}
    assert not pushed.landed
    assert (world.head_there, world.tags_there()) == (before, [])


def test_names_that_look_like_versions_and_are_none_are_passed_over(world: World) -> None:
    for name in ("0.1.0-dev", "1.0.1732782000-dev", "0.01.0-dev"):
        world.tag(name)
    found = world.repository.newest("dev", 5)
    assert [str(one) for one in found.versions] == ["0.1.0-dev"]
    assert sorted(found.passed_over) == ["0.01.0-dev", "1.0.1732782000-dev"]
