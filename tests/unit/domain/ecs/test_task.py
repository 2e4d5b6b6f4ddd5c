"""Tasks are counted by the bytes that they run; why they stopped is quoted."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain.ecs.task import Exit, TaskFacts, last_stops, why_not_all

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
NEW, OLD = "arn:aws:ecs:x:1:task-definition/api:2", "arn:aws:ecs:x:1:task-definition/api:1"


def task(number: int = 1, revision: str = NEW, status: str = "RUNNING", digest: str = DIGEST, **more: Any) -> TaskFacts:
    return TaskFacts(f"arn:aws:ecs:x:1:task/dev/{number:032d}", revision, status, {"app": digest}, **more)


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ([task(1), task(2)], ""),
        ([task(1), task(2, OLD, "STOPPED"), task(3, OLD, "PENDING")], ""),
        ([], "no task of it runs"),
        ([task(1, status="PENDING")], "no task of it runs"),
        ([task(1), task(2, OLD), task(3, OLD)], "2 of 3 tasks run 0.1.0-dev"),
        ([task(1, "arn:x/api:9")], "1 of 1 task runs api:9"),
        ([task(1, digest=OTHER)], f"container app of task {1:032d} runs {OTHER}"),
        ([task(1, digest="")], f"container app of task {1:032d} runs no known digest"),
    ],
)
def test_every_running_task_has_to_run_those_very_bytes(tasks: list[TaskFacts], why: str) -> None:
    assert why_not_all(tasks, NEW, {"app": [DIGEST]}, {OLD: "0.1.0-dev"}) == why


def test_the_last_tasks_that_stopped_say_why_the_newest_first() -> None:
    tasks = [
        task(number, status="STOPPED", stopped_at=f"2026-11-29T12:0{number}", stop_code="EssentialContainerExited",
             reason="Essential container in task exited", exits=(Exit("app", number),))
        for number in range(1, 6)
    ]  # fmt: skip
    lines = last_stops([*tasks, task(9, OLD, "STOPPED"), task(8)], NEW).splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "task 00000000 stopped: EssentialContainerExited: Essential container in task exited; app exited with 5"
    )


def test_a_container_that_never_started_says_so() -> None:
    stopped = task(status="STOPPED", stop_code="TaskFailedToStart", exits=(Exit("app", None, "CannotPullContainer."),))
    assert stopped.words == "TaskFailedToStart; app did not start (CannotPullContainer)"
    assert task(status="STOPPED").words == "no reason given"
