"""The workflows that `init` writes, each run in the sandbox by what starts it: which jobs run, and what they say.

They are one story, in this order. A part of it runs with the other tests, all with WHOLE=1 (`make test-pipelines`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tests.sandbox.conftest import git
from tests.sandbox.pipelines import Team

slow = pytest.mark.skipif(not os.environ.get("WHOLE"), reason="a part is run with the others; all by WHOLE=1")
ALL = {"validate": "success", "build": "success", "ship": "success", "tested": "success", "notify": "success"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with Team.at_work(tmp_path_factory.mktemp("pipelines"), "prod-approval") as made:
        yield made


def test_main_is_built_once_tested_and_promoted_once_that_very_version_is_approved(team: Team) -> None:
    first = team.commit("first")
    version = team.id_of(first)
    [built] = team.ended("build-and-promote")
    assert team.jobs(built) == ALL, team.page(built)
    assert team.serving("preprod") == version
    said = team.outputs(built, "ship", 6)
    assert (said["artifact"], bool(said["deployment"])) == (version, True)

    [waiting] = team.waiting("deploy-prod")
    assert team.serving("prod") == ""
    assert bootstrap.app(team.root).leases.look("prod") is None, "who waits for an approval keeps nobody out"
    second = team.commit("second")  # while the first one waits
    team.ended("build-and-promote", 2)
    assert team.serving("preprod") == team.id_of(second)
    team.review(waiting)
    jobs = dict.fromkeys(["validate", "approve", "ship", "notify"], "success")
    assert team.complete(waiting) == jobs, team.page(waiting)
    assert team.serving("prod") == version  # what was approved, and not what preprod runs by now

    app = bootstrap.app(team.root)
    heads = [app.store.head(layout.artifact("hello", env, version, layout.BUNDLE)) for env in ("preprod", "prod")]
    assert len({head.sha256 for head in heads if head}) == 1
    assert all(heads)


@slow
def test_a_rejected_approval_ships_nothing_and_tells_nobody(team: Team) -> None:
    before = team.serving("prod")
    [waiting] = team.waiting("deploy-prod")  # the second one
    team.review(waiting, "rejected")
    jobs = {"validate": "success", "approve": "failure", "ship": "skipped", "notify": "skipped"}
    assert team.complete(waiting) == jobs, team.page(waiting)
    assert team.serving("prod") == before


@slow
def test_by_hand_a_version_is_promoted_once_it_is_approved(team: Team) -> None:
    version = team.serving("preprod")
    team.dispatch("deploy-prod.yml", version=version)
    [run] = team.waiting("deploy-prod")
    assert run["event"] == "workflow_dispatch"
    assert f"== Approve {version}: " in team.page(run)
    team.review(run)
    assert team.complete(run)["ship"] == "success", team.page(run)
    assert team.serving("prod") == version


@slow
def test_rollback_by_hand_waits_for_nobodys_approval(team: Team) -> None:
    was = team.serving("prod")
    team.dispatch("rollback.yml", environment="prod")
    [run] = team.ended("rollback")
    assert team.jobs(run) == {"rollback": "success"}, team.page(run)
    back = team.serving("prod")
    assert back not in ("", was)
    team.dispatch("rollback.yml", environment="prod", to=was)
    run = team.ended("rollback", 2)[-1]
    assert team.jobs(run) == {"rollback": "failure"}
    assert f"{was} is marked bad on prod" in team.page(run)
    team.dispatch("rollback.yml", environment="prod", to=was, allow="a version marked bad")
    run = team.ended("rollback", 3)[-1]
    assert team.jobs(run) == {"rollback": "success"}, team.page(run)
    assert team.serving("prod") == was


@slow
def test_a_version_that_is_not_healthy_in_preprod_goes_no_further(team: Team) -> None:
    prod, preprod = team.serving("prod"), team.serving("preprod")
    count = len(team.runs("deploy-prod"))
    commit = team.commit("broken", healthy=False)
    run = team.ended("build-and-promote", 3)[-1]
    assert team.jobs(run) == ALL | {"ship": "failure", "tested": "skipped"}, team.page(run)
    assert (team.serving("prod"), team.serving("preprod")) == (prod, preprod)
    follower = team.ended("deploy-prod", count + 1)[-1]
    assert set(team.jobs(follower).values()) == {"skipped"}
    [issue] = open_issues(team)
    assert team.id_of(commit) in issue["title"] + issue["body"]
    assert {label["name"] for label in issue["labels"]} == {"deployment", "rollback", "urgent", "preprod"}
    mended = team.commit("mended")
    assert team.jobs(team.ended("build-and-promote", 4)[-1]) == ALL
    assert team.serving("preprod") == team.id_of(mended)
    assert open_issues(team) == []


@slow
def test_a_bots_change_needs_no_approval_unless_others_would_go_with_it(team: Team) -> None:
    [mended] = team.waiting("deploy-prod")
    unapproved = team.serving("preprod")
    team.report_merge(team.commit("a bot's", push=False))
    team.push()
    team.ended("build-and-promote", 5)
    follower = team.runs("deploy-prod")[-1]
    team.until(lambda: (team.runs("deploy-prod")[-1])["id"] > mended["id"])
    follower = team.runs("deploy-prod")[-1]
    assert team.complete(follower)["ship"] == "failure"
    assert f"not {unapproved}: other changes would go with this one" in team.page(follower)
    team.review(mended)
    assert team.complete(mended)["ship"] == "success", team.page(mended)
    assert team.serving("prod") == unapproved


@slow
def test_a_bots_pull_request_that_somebody_pushed_to_waits_for_an_approval(team: Team) -> None:
    commit = team.commit("a bot's, and mallory's", push=False)
    team.report_merge(commit, pushed_by=["mallory"])
    team.push()
    assert list(team.to_approve(1)) == [team.id_of(commit)]


@slow
def test_a_build_that_fails_is_told_of_ships_nothing_and_the_next_one_that_serves_closes_its_issue(team: Team) -> None:
    count, preprod = len(team.ended("build-and-promote")), team.serving("preprod")
    git(team.work, "rm", "-r", "--quiet", "examples/hello")
    git(team.work, "commit", "--quiet", "-m", "Lose the app")
    team.push()
    run = team.ended("build-and-promote", count + 1)[-1]
    jobs = {"validate": "success", "build": "failure", "ship": "skipped", "tested": "skipped", "notify": "success"}
    assert team.jobs(run) == jobs, team.page(run)
    assert team.serving("preprod") == preprod
    [issue] = open_issues(team)
    assert {label["name"] for label in issue["labels"]} == {"deployment", "preprod"}, "nothing had to be rolled back"
    assert run["html_url"] in issue["body"]
    git(team.work, "revert", "--no-edit", "HEAD")
    team.push()
    mended = team.ended("build-and-promote", count + 2)[-1]
    assert team.jobs(mended) == ALL, team.page(mended)
    assert open_issues(team) == []


def open_issues(team: Team) -> list[dict[str, Any]]:
    """What GitHub lists of preprod, unless it is asked for those that are closed."""
    issues = team.ask("GET", "/issues?state=open")
    return [issue for issue in issues if "preprod" in issue["title"] and issue["state"] == "open"]


# -- one workflow for all ----------------------------------------------------------------------------------------------

UNIFIED = {"validate": "success", "build": "success", "ship": "success", "notify": "success"}


def test_a_branch_of_its_own_is_deployed_when_one_of_its_paths_changes(team: Team) -> None:
    commit = team.commit("staged", "staging")
    [run] = team.ended("deploy", event="push")
    assert team.jobs(run) == UNIFIED, team.page(run)
    assert team.serving("staging") == team.id_of(commit)
    assert f"reason={commit[:8]} was pushed to staging" in team.page(run)


@slow
def test_a_version_is_deployed_by_hand_without_a_build(team: Team) -> None:
    first = team.serving("staging")
    team.commit("staged again", "staging")
    team.ended("deploy", 2, event="push")
    team.dispatch("deploy.yml", environment="staging", image_tag=f"staging-{first}")
    [run] = team.ended("deploy", event="workflow_dispatch")
    page = team.page(run)
    assert team.jobs(run) == UNIFIED | {"build": "skipped", "ship": "failure"}, page
    assert "is older than" in page  # nothing goes backwards that nobody asked to: that is a rollback
    assert team.serving("staging") != first


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ({"conclusion": "failure"}, {"skipped"}),
        ({"event": "pull_request"}, {"skipped"}),
        ({"head_repository": {"full_name": "mallory/hello"}}, {"skipped"}),
    ],
)
def test_after_a_ci_that_failed_or_ran_a_strangers_code_no_job_begins(
    team: Team, changes: dict[str, object], jobs: set[str]
) -> None:
    count = len(team.runs("deploy", event="workflow_run"))
    team.report_ci(**changes)
    run = team.ended("deploy", count + 1, event="workflow_run")[-1]
    assert set(team.jobs(run).values()) == jobs


@slow
def test_after_ci_the_commit_that_it_tested_is_deployed(team: Team) -> None:
    before = len(team.runs("build-and-promote"))
    commit = team.commit("tested by ci")
    team.ended("build-and-promote", before + 1)
    count = len(team.runs("deploy", event="workflow_run"))
    team.report_ci()
    run = team.ended("deploy", count + 1, event="workflow_run")[-1]
    assert team.jobs(run) == UNIFIED, team.page(run)
    assert "is published already with the same bytes" in team.page(run)
    assert team.serving("preprod") == team.id_of(commit)


# -- a tag, and the clock ----------------------------------------------------------------------------------------------


@slow
def test_a_tag_ships_to_dev_and_the_clock_asks_whether_all_serves(team: Team) -> None:
    team.tag("0.1.0-dev")
    [run] = team.ended("deploy-dev")
    assert set(team.jobs(run).values()) == {"success"}, team.page(run)
    team.report("schedule", {})
    every = dict.fromkeys(("dev", "preprod", "prod", "staging"), "success")
    [run] = team.ended("verify")
    assert team.jobs(run) == every, team.page(run)
    [run] = team.ended("cleanup")  # by the same clock
    page = team.page(run)
    assert team.jobs(run) == every, page
    assert "0.1.0-dev" in page, "it says of each artifact why it stays"


def test_a_pull_request_starts_none_of_them(team: Team) -> None:
    before = len(team.ask("GET", "/actions/runs?per_page=100")["workflow_runs"])
    head = {"ref": "feature", "sha": "0" * 40, "repo": {"full_name": "mallory/hello"}}
    team.report("pull_request", {"action": "opened", "pull_request": {"head": head, "base": {"ref": "main"}}})
    team.until(lambda: not list((team.running.folder / "inbox").glob("*.json")))
    assert len(team.ask("GET", "/actions/runs?per_page=100")["workflow_runs"]) == before
