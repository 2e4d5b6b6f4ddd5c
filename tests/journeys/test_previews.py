"""A pull request from its first push to its end: its environment is made, follows each push, and goes, whatever fails.

The workflows are those that `init` writes, run by the sandbox's CI. Each test has a pull request of its own. A part of
them runs with the other tests, all with WHOLE=1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import client, git
from tests.sandbox.previews import PullRequests, package

slow = pytest.mark.skipif(not os.environ.get("WHOLE"), reason="a part is run with the others; all by WHOLE=1")
SHIPPED = {"validate": "success", "build": "success", "ship": "success", "close": "skipped", "notify": "success"}
CLOSED = {"validate": "success", "build": "skipped", "ship": "skipped", "close": "success", "notify": "skipped"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PullRequests]:
    with PullRequests.at_work(tmp_path_factory.mktemp("previews")) as made:
        yield made


def test_a_pull_request_has_an_environment_that_follows_its_pushes_and_goes_with_it(team: PullRequests) -> None:
    first = team.push(51, "first")
    assert team.pulled(51, "opened", first) == SHIPPED, team.shown
    assert team.answer(51) == {"version": team.id_of(first), "greeting": "first"}
    assert team.state(51) == "open"

    second = team.push(51, "second")
    assert team.pulled(51, "synchronize", second) == SHIPPED, team.shown
    assert team.answer(51) == {"version": team.id_of(second), "greeting": "second"}

    assert team.pulled(51, "closed", second, merged=True) == CLOSED, team.shown
    assert "shop-pr-51" not in team.functions()
    assert team.state(51) == "closed"


@slow
def test_a_version_that_does_not_answer_leaves_the_one_before_and_a_push_mends_it(team: PullRequests) -> None:
    assert team.pulled(52, "opened", team.push(52, "good")) == SHIPPED, team.shown
    broken = team.push(52, "broken", healthy=False)
    assert team.pulled(52, "synchronize", broken) == SHIPPED | {"ship": "failure"}, team.shown
    assert team.answer(52)["greeting"] == "good"
    assert team.pulled(52, "synchronize", team.push(52, "mended")) == SHIPPED, team.shown
    assert team.answer(52)["greeting"] == "mended"


@slow
def test_a_tool_that_fails_half_way_is_run_again_by_the_sweep(team: PullRequests) -> None:
    """What `closed` could not end is recorded as closing: no other job comes, and none is needed."""
    head = team.push(53, "to be broken")
    assert team.pulled(53, "opened", head) == SHIPPED, team.shown
    git(team.work, "checkout", "--quiet", "main")
    (team.work / "broken").write_text("")
    git(team.work, "add", ".")
    git(team.work, "commit", "--quiet", "-m", "Break the tool")
    git(team.work, "push", "--quiet", "origin", "main")
    try:
        assert team.pulled(53, "closed", head) == CLOSED | {"close": "failure"}, team.shown
        assert "pr-53 is recorded as closing: part of it may be gone." in team.shown
        assert (team.state(53), "shop-pr-53" in team.functions()) == ("closing", True)
        assert team.swept() == {"sweep": "failure"}, team.shown
    finally:
        git(team.work, "revert", "--no-edit", "HEAD")
        git(team.work, "push", "--quiet", "origin", "main")
    assert team.swept() == {"sweep": "success"}, team.shown
    assert (team.state(53), "shop-pr-53" in team.functions()) == ("closed", False)


def test_a_pull_request_that_was_closed_while_nobody_listened_is_swept_and_opened_again(team: PullRequests) -> None:
    head = team.push(54, "unheard")
    assert team.pulled(54, "opened", head) == SHIPPED, team.shown
    team.close_unheard(54)
    assert team.swept() == {"sweep": "success"}, team.shown
    assert "pr-54: closed (pull request 54 is closed)" in team.shown
    assert "shop-pr-54" not in team.functions()
    assert team.pulled(54, "reopened", head) == SHIPPED, team.shown
    assert (team.state(54), team.answer(54)["greeting"]) == ("open", "unheard")


def test_what_a_tool_made_that_no_record_tells_of_is_found_by_its_tags(team: PullRequests) -> None:
    """Its tool was run by hand, or its bucket restored from a copy: no record, no artifact."""
    lambda_ = client(team.running, "lambda")
    tags = {"tagship:app": "shop", "tagship:environment": "pr-60"}
    about = {"Role": "arn:aws:iam::123456789012:role/x", "Runtime": "python3.12", "Handler": "app.handler"}
    others = tags | {"tagship:app": "other"}
    for name, given in (("shop-pr-60", tags), ("other-pr-60", others)):
        lambda_.create_function(FunctionName=name, Code={"ZipFile": package()}, Tags=given, **about)
    team.close_unheard(60)
    assert team.swept() == {"sweep": "success"}, team.shown
    assert "pr-60: closed (pull request 60 is closed)" in team.shown
    assert "shop-pr-60" not in team.functions()
    assert "other-pr-60" in team.functions()


def test_a_forks_pull_request_starts_no_job(team: PullRequests) -> None:
    head = team.push(55, "of a stranger")
    for action in ("opened", "closed"):
        assert set(team.pulled(55, action, head, owner="mallory/shop").values()) == {"skipped"}, team.shown
    assert (team.state(55), "shop-pr-55" in team.functions()) == ("", False)


@slow
def test_a_push_that_was_pushed_over_meanwhile_is_not_deployed_and_a_close_waits_its_turn(team: PullRequests) -> None:
    """All wait in one group; each asks what is at the head by the time that its turn comes."""
    first, second = team.push(56, "over"), team.push(56, "last")
    team.before = len(team.runs("preview"))
    team.happens(56, "opened", first)
    team.happens(56, "synchronize", second)
    assert team.ran(runs=2) == SHIPPED, team.shown
    over, _ = team.ended("preview", team.before + 2)[-2:]
    assert team.jobs(over)["ship"] == "failure"
    assert f"Pull request 56 is at {second[:8]} now; this artifact was built from {first[:8]}." in team.page(over)
    assert team.answer(56)["greeting"] == "last"

    team.before = len(team.runs("preview"))
    third = team.push(56, "late")
    team.happens(56, "synchronize", third)
    team.happens(56, "closed", third)  # while that one is built and shipped
    assert team.ran(runs=2) == CLOSED, team.shown
    assert ("shop-pr-56" in team.functions(), team.state(56)) == (False, "closed")
