"""Races over the workflows that `init` writes: in order, nothing lost, nothing backwards.

Whatever is to happen during a deployment happens while a host holds that deployment up, and a slow machine fails no
test. One race runs with the other tests; all of them with WHOLE=1 (`make test-pipelines`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.errors import Held
from tagship.verbs.promote import promote
from tests.sandbox.pipelines import Team

slow = pytest.mark.skipif(not os.environ.get("WHOLE"), reason="a race is run with the others; all by WHOLE=1")


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with Team.at_work(tmp_path, "prod-approval") as made:
        yield made


def shipped(team: Team, environment: str) -> list[str]:
    """What became healthy there, in that order."""
    deployments = bootstrap.app(team.root).ledger.deployments(environment)
    assert {entry.state for entry in deployments} <= {"healthy"}
    return [entry.artifact_id for entry in deployments]


def nobody_holds(team: Team, environment: str) -> bool:
    """Whether its lease is free: whatever waits for an approval keeps nobody out."""
    seen = bootstrap.app(team.root).leases.look(environment)
    return seen is None or not seen.record.holder


def pushed(team: Team, count: int, clock: pytest.MonkeyPatch) -> list[str]:
    """Push so many commits to main, the rest while the first is being deployed; their ids, all at an end.

    Each is made on a machine whose clock is a minute behind that of the one before.
    """
    clock.setenv("GIT_COMMITTER_DATE", "2026-11-20T12:59:00Z")
    first = team.commit("number 0", push=False)
    release = team.hold("preprod", team.id_of(first))
    team.push()
    team.reached("preprod", team.id_of(first))
    commits = [first]
    for number in range(1, count):
        clock.setenv("GIT_COMMITTER_DATE", f"2026-11-20T12:{59 - number}:00Z")
        commits.append(team.commit(f"number {number}"))
    team.until(lambda: len(team.runs("build-and-promote")) == count)
    runs = {run["head_sha"]: run["status"] for run in team.runs("build-and-promote")}
    assert runs == {first: "in_progress", **dict.fromkeys(commits[1:], "queued")}
    release()
    ended = team.ended("build-and-promote", count)
    wrong = [team.page(run) for run in ended if run["conclusion"] != "success"]
    assert not wrong, wrong[0]
    assert [(run["head_sha"], run["conclusion"]) for run in ended] == [(commit, "success") for commit in commits]
    return [team.id_of(commit) for commit in commits]


def test_two_pushes_to_main_are_deployed_to_preprod_one_after_the_other(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = pushed(team, 2, monkeypatch)
    assert shipped(team, "preprod") == versions
    assert team.serving("preprod") == versions[-1]


@slow
def test_two_tags_are_deployed_to_dev_one_after_the_other(team: Team) -> None:
    release = team.hold("dev", "0.1.0-dev")
    team.tag("0.1.0-dev")
    team.reached("dev", "0.1.0-dev")
    team.tag("0.1.1-dev")
    team.until(lambda: len(team.runs("deploy-dev")) == 2)
    assert [run["status"] for run in team.runs("deploy-dev")] == ["in_progress", "queued"]
    release()
    runs = team.ended("deploy-dev", 2)
    assert [run["conclusion"] for run in runs] == ["success", "success"]
    assert shipped(team, "dev") == ["0.1.0-dev", "0.1.1-dev"]


@slow
def test_ten_pushes_in_a_row_are_all_deployed_in_their_order_and_wait_for_approval_without_holding_up(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was approved ships, whatever came after it; and an older one, approved later, does not go back."""
    versions = pushed(team, 10, monkeypatch)
    assert shipped(team, "preprod") == versions
    waiting = team.to_approve(10)
    assert sorted(waiting) == sorted(versions)
    assert (shipped(team, "prod"), nobody_holds(team, "prod")) == ([], True)
    third, fifth, ninth = versions[2], versions[4], versions[8]
    for version in (fifth, ninth):
        team.review(waiting[version])
        assert team.complete(waiting[version])["ship"] == "success", team.page(waiting[version])
        assert team.serving("prod") == version
    team.review(waiting[third])
    assert team.complete(waiting[third])["ship"] == "failure"
    assert f"{third} is older than {ninth}, which prod runs" in team.page(waiting[third])
    assert shipped(team, "prod") == [fifth, ninth]
    assert len(team.to_approve(7)) == 7  # the others wait as before


@slow
def test_a_bot_and_a_person_ship_to_production_one_after_the_other(team: Team) -> None:
    """The bot's goes at once. A person's, approved meanwhile, waits in the group; one at a laptop, at the lease."""
    base = team.commit("the base")
    [waiting] = team.waiting("deploy-prod")
    team.review(waiting)
    assert team.complete(waiting)["ship"] == "success", team.page(waiting)

    bots = team.commit("a bot's", push=False)
    release = team.hold("prod", team.id_of(bots))
    team.report_merge(bots)
    team.push()
    team.reached("prod", team.id_of(bots))
    bot = team.runs("deploy-prod")[-1]
    assert team.jobs(bot) == {"validate": "success", "approve": "skipped", "ship": "in_progress", "notify": "queued"}
    persons = team.commit("a person's")
    [waiting] = team.waiting("deploy-prod")
    team.review(waiting)
    team.until(lambda: team.jobs(waiting)["approve"] == "success")
    with pytest.raises(Held, match="has held prod since"):
        promote(bootstrap.app(team.root), source="preprod", to="prod", artifact=team.id_of(persons), yes=True)
    assert team.jobs(waiting)["ship"] == "queued"
    release()
    assert team.complete(bot)["ship"] == "success", team.page(bot)
    assert team.complete(waiting)["ship"] == "success", team.page(waiting)
    assert shipped(team, "prod") == [team.id_of(commit) for commit in (base, bots, persons)]
    assert team.serving("prod") == team.id_of(persons)
