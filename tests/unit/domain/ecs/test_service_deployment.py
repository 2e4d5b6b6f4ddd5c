"""Whose a service deployment is, and what is said of its way and its end."""

from __future__ import annotations

import pytest

from tagship.domain.ecs.service_deployment import HookPause, ServiceDeployment, leads_to, ours

REVISION = "arn:aws:ecs:us-east-1:123456789012:service-revision/dev/api/"


def deployment(status: str = "IN_PROGRESS", target: str = "0123", **more: object) -> ServiceDeployment:
    return ServiceDeployment("arn", REVISION + target, status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("primary", "target", "same"),
    [
        ("ecs-svc/0123", "0123", True),
        ("ecs-svc/0123", "01234", False),
        ("ecs-svc/123", "0123", False),
        ("ecs-svc/", "", False),
        ("", "0123", False),
    ],
)
def test_a_primary_and_a_revision_are_joined_by_all_their_digits(primary: str, target: str, same: bool) -> None:
    assert leads_to(primary, REVISION + target) is same


def test_ours_is_the_one_with_our_digits_and_never_the_newest() -> None:
    mine, newest = deployment(), deployment(target="9999")
    assert ours("ecs-svc/0123", [newest, mine]) is mine
    assert ours("ecs-svc/0123", [newest]) is None


@pytest.mark.parametrize(
    ("status", "under_way"),
    [
        ("PENDING", True),
        ("IN_PROGRESS", True),
        ("STOP_REQUESTED", True),
        ("ROLLBACK_IN_PROGRESS", True),
        ("SUCCESSFUL", False),
        ("STOPPED", False),
        ("ROLLBACK_SUCCESSFUL", False),
        ("ROLLBACK_FAILED", False),
    ],
)
def test_a_deployment_is_under_way_until_it_has_ended(status: str, under_way: bool) -> None:
    assert deployment(status).under_way is under_way


def test_progress_says_what_failed_of_how_many_that_may_if_anything_counts_them() -> None:
    counted = deployment(requested=2, failures=1, threshold=3, breaker="MONITORING")
    assert counted.progress == "0 of 2 new tasks running, 1 of 3 failures"
    unbounded = deployment(requested=1, failures=18, threshold=3, breaker="DISABLED")
    assert unbounded.progress == "0 of 1 new task running, 18 failed tasks, and the circuit breaker is off"


def test_why_names_the_monitor_that_ended_it_and_the_reason_of_the_rollback() -> None:
    breaker = deployment("ROLLBACK_SUCCESSFUL", breaker="TRIGGERED", failures=3, threshold=3, rollback="It rolled.")
    assert breaker.why == "the circuit breaker ended it after 3 of 3 failures"
    assert deployment("STOPPED", alarms=("api-5xx",)).why == "the alarm api-5xx ended it"
    assert deployment("STOPPED", reason="Stopped by a user.").why == "Stopped by a user"
    assert deployment("ROLLBACK_FAILED").why == "its service deployment ended as ROLLBACK_FAILED"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"requested": 2, "running": 1}, "1 of 2 new tasks running"),
        ({"requested": 2, "failures": 1, "threshold": 3}, "0 of 2 new tasks running, 1 of 3 failures"),
        (
            {"requested": 2, "running": 2, "stage": "BAKE_TIME", "weight": 100.0},
            "2 of 2 new tasks running, bake time, 100% of the traffic",
        ),
        ({"status": "ROLLBACK_IN_PROGRESS"}, "ECS is going back to the version before"),
        ({"status": "SUCCESSFUL", "early": 50}, "succeeded at 50% of its tasks; the others start"),
        (
            {"pauses": (HookPause("approve", "2026-11-29 12:00 UTC", "ROLLBACK"),), "stage": "POST_SCALE_UP"},
            "paused at a hook after post scale up until 2026-11-29 12:00 UTC, then ECS does ROLLBACK",
        ),
    ],
)
def test_progress_says_how_far_it_is(more: dict[str, object], words: str) -> None:
    assert deployment(**more).progress == words  # type: ignore[arg-type]
