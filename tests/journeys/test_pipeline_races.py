"""Races over the workflows that `init` writes: in order, nothing lost, nothing backwards.

Times are compressed: "30 s apart" is while the first one is under way. One race runs with the other tests; all of them
with WHOLE=1 (`make test-pipelines`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.sandbox import lifecycle
from tests.sandbox.pipelines import Team

slow = pytest.mark.skipif(not os.environ.get("WHOLE"), reason="a race is run with the others; all by WHOLE=1")


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    monkeypatch.setenv("TZ", "UTC")
    made = Team.begin(tmp_path)
    yield made
    lifecycle.down(made.root)


def shipped(team: Team, environment: str) -> list[str]:
    """What became healthy there, in that order."""
    deployments = bootstrap.app(team.root).ledger.deployments(environment)
    assert {entry.state for entry in deployments} <= {"healthy"}
    return [entry.artifact_id for entry in deployments]


def test_two_pushes_to_main_are_deployed_to_preprod_one_after_the_other(team: Team) -> None:
    commits = [team.commit("a"), team.commit("b")]
    runs = team.ended("build-and-promote", 2)
    assert [run["conclusion"] for run in runs] == ["success", "success"], team.page(runs[-1])
    assert shipped(team, "preprod") == [team.id_of(commit) for commit in commits]
    assert team.serving("preprod") == team.id_of(commits[-1])


@slow
def test_two_tags_are_deployed_to_dev_one_after_the_other(team: Team) -> None:
    for version in ("0.1.0-dev", "0.1.1-dev"):
        team.tag(version)
        team.until(lambda version=version: team.runs("deploy-dev", head_branch=version))
    runs = team.ended("deploy-dev", 2)
    assert [run["conclusion"] for run in runs] == ["success", "success"]
    assert shipped(team, "dev") == ["0.1.0-dev", "0.1.1-dev"]


@slow
def test_ten_pushes_in_a_row_are_all_deployed_in_their_order(team: Team) -> None:
    commits = [team.commit(f"number {number}") for number in range(10)]
    runs = team.ended("build-and-promote", 10)
    assert [run["conclusion"] for run in runs] == ["success"] * 10
    assert shipped(team, "preprod") == [team.id_of(commit) for commit in commits]


@slow
def test_a_bot_and_a_person_ship_to_production_one_after_the_other(team: Team) -> None:
    """The bot's change goes at once; a person's waits for an approval, and holds nobody up."""
    team.protect("prod-approval")
    base = team.commit("the base")
    [waiting] = team.waiting("deploy-prod")
    team.review(waiting)
    assert team.complete(waiting)["ship"] == "success", team.page(waiting)
    bots = team.commit("a bot's")
    team.report_merge(bots)
    team.ended("deploy-prod", 2)
    assert team.serving("prod") == team.id_of(bots)

    persons = team.commit("a person's")
    [waiting] = team.waiting("deploy-prod")
    second = team.commit("a second one, while that waits")
    team.ended("build-and-promote", 4)
    late = next(run for run in team.waiting("deploy-prod", 2) if run["id"] != waiting["id"])
    team.review(late)
    team.review(waiting)
    ended = {run["id"]: team.complete(run)["ship"] for run in (late, waiting)}
    assert ended[late["id"]] == "success", team.page(late)
    order = shipped(team, "prod")
    assert order[:2] == [team.id_of(base), team.id_of(bots)]
    assert order[-1] == team.id_of(second) == team.serving("prod")  # nothing went backwards
    assert order[2:] in ([team.id_of(persons), team.id_of(second)], [team.id_of(second)])
