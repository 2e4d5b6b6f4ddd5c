"""What a rollback may go to: never what is bad, and after a dead runner what served before it."""

from __future__ import annotations

import pytest

from tagship.domain.deployment import Deployment, fold
from tagship.domain.standing import bad_versions, healthy_before, rollback_candidates, ways_back
from tests.unit.domain.test_deployment import ONE, THREE, TWO, entry, mark, story

HEALTHY = (("deploy", ONE, "", "healthy"), ("deploy", TWO, ONE, "healthy"), ("deploy", THREE, TWO, "healthy"))


def died(at: int, action: str, artifact: str, replaced: str) -> list[Deployment]:
    """A deployment whose units were asked, and whose runner said nothing since."""
    states = enumerate(("requested", "started"), start=1)
    return fold([entry(str(at), number, state, artifact, action=action, replaced=replaced) for number, state in states])


def test_what_was_rolled_back_from_is_nothing_to_go_back_to() -> None:
    told = story(*HEALTHY, ("rollback", ONE, THREE, "healthy"))
    assert healthy_before(told, ONE) == [THREE, TWO]
    assert rollback_candidates(told, ONE) == [TWO]


def test_a_deployment_that_failed_on_an_empty_environment_says_why() -> None:
    failed = entry("0", 2, "rolled-back", ONE, reason="it answered 500")
    [bad] = bad_versions(fold([entry("0", 1, "requested", ONE), failed])).values()
    assert bad.why == "it failed on 2026-11-20 12:00 UTC (it answered 500)"


def test_once_the_latest_has_ended_the_ways_back_are_what_was_healthy_before_what_runs() -> None:
    assert ways_back(story(*HEALTHY)) == [TWO, ONE]
    assert ways_back(story(*HEALTHY), [mark(2, "bad", TWO)]) == [ONE]
    assert ways_back([]) == []


def test_after_a_deployment_whose_runner_died_what_served_before_it_comes_first() -> None:
    told = [*story(*HEALTHY), *died(3, "deploy", "0.1.4-dev", THREE)]
    assert ways_back(told) == [THREE, TWO, ONE]
    assert ways_back(told, [mark(2, "bad", THREE)]) == [TWO, ONE]
    assert ways_back(told, iter([mark(2, "bad", TWO)])) == [THREE, ONE]


def test_what_was_deployed_again_as_the_runner_died_is_not_a_way_back() -> None:
    assert ways_back([*story(*HEALTHY), *died(3, "deploy", TWO, THREE)]) == [THREE, ONE]


def test_what_somebody_rolled_back_from_is_not_a_way_back_though_a_rollback_to_it_had_begun() -> None:
    told = story(*HEALTHY, ("rollback", ONE, THREE, "healthy"), ("deploy", TWO, ONE, "healthy"))
    assert ways_back([*told, *died(5, "rollback", THREE, TWO)]) == [ONE]


def test_a_rollback_says_when_it_ended() -> None:
    began = entry("3", 1, "requested", ONE, action="rollback", replaced=THREE)
    done = entry("3", 2, "healthy", ONE, action="rollback", replaced=THREE, at="2026-11-20T12:09:00+00:00")
    bad = bad_versions([*story(*HEALTHY), *fold([began, done])])
    assert bad[THREE].why == f"ada@laptop rolled back from it on 2026-11-20 12:09 UTC, to {ONE}"


def test_a_rollback_that_died_says_when_it_began() -> None:
    began = entry("3", 1, "requested", ONE, action="rollback", replaced=THREE)
    asked = entry("3", 2, "started", ONE, action="rollback", replaced=THREE, at="2026-11-20T12:09:00+00:00")
    bad = bad_versions([*story(*HEALTHY), *fold([began, asked])])
    assert bad[THREE].why == f"ada@laptop began to roll back from it on 2026-11-20 12:03 UTC, to {ONE}"


def test_after_one_of_what_served_already_it_is_not_a_way_back() -> None:
    assert ways_back([*story(*HEALTHY), *died(3, "deploy", THREE, THREE)]) == [TWO, ONE]


def test_after_the_first_deployment_of_all_there_is_no_way_back() -> None:
    assert ways_back(died(0, "deploy", ONE, "")) == []


def test_after_a_rollback_whose_runner_died_what_it_was_going_to_comes_first_and_never_what_it_left() -> None:
    told = [*story(*HEALTHY), *died(3, "rollback", ONE, THREE)]
    assert ways_back(told) == [ONE, TWO]
    assert ways_back(told, [mark(2, "bad", ONE)]) == [TWO]


def test_a_rollback_whose_runner_died_began_to_leave_what_it_replaced() -> None:
    bad = bad_versions([*story(*HEALTHY), *died(3, "rollback", ONE, THREE)])
    assert {version: found.why for version, found in bad.items()} == {
        THREE: f"ada@laptop began to roll back from it on 2026-11-20 12:03 UTC, to {ONE}"
    }
    asked = fold([entry("3", 1, "requested", ONE, action="rollback", replaced=THREE)])
    assert bad_versions([*story(*HEALTHY), *asked]) == {}


@pytest.mark.parametrize("state", ["rolled-back", "rollback-failed", "failed"])
def test_a_rollback_that_failed_leaves_nothing(state: str) -> None:
    told = story(*HEALTHY, ("rollback", ONE, THREE, state))
    assert THREE not in bad_versions(told)
    assert bad_versions(told)[ONE].how == "failed"
