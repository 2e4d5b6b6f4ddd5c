"""Hooks that run in a task of ECS: of the artifact's own image, where a service runs, and to their very end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tagship.domain.change import Change
from tagship.domain.hook import HookOutcome
from tagship.errors import LeaseLost
from tagship.settings.hooks import HookTable
from tests.contract import strict_aws
from tests.contract.services import REPOSITORY, Services, switch

OLD, NEW, GROUP = "0.1.0-dev", "0.1.1-dev", "/ecs/hello-dev"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}
LOG = {"logDriver": "awslogs", "options": {"awslogs-group": GROUP, "awslogs-stream-prefix": "app"}}
COMMAND = ("python3", "manage.py", "migrate")


@pytest.fixture
def place() -> Iterator[Services]:
    """A service of Fargate in a network, which runs 0.1.0-dev; and a family for migrations."""
    made = Services.made(["api"], service={"networkConfiguration": NETWORK, "launchType": "FARGATE"})
    logs = strict_aws.aws().client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    container = {"name": "app", "image": f"{REPOSITORY}:x", "logConfiguration": LOG}
    made.client.register_task_definition(
        family="migrate", containerDefinitions=[container], networkMode="awsvpc", requiresCompatibilities=["FARGATE"]
    )
    made.deploy(OLD)
    yield made
    made.remove()


def hook(timeout: int = 20, **task: Any) -> HookTable:
    return HookTable.model_validate({"command": COMMAND, "timeout": timeout, "task": task or {"service": "api"}})


def run(
    place: Services, change: Change, chosen: HookTable, name: str = "before_switch-1", tick: Any = None
) -> HookOutcome:
    variables = {"VERSION": change.artifact_id, "REPLACES": None}
    return place.connect().run_task(change, chosen, variables, name, tick or (lambda _: None))


def ending(place: Services, version: str, end: str, *lines: str) -> Change:
    """Publish a version whose tasks end so; a change to it."""
    artifact = place.publish(version)
    [digest] = [digest for digest, (made, _) in place.images.items() if made == version]
    switch(scripts={digest: end}, lines={digest: list(lines)})
    return place.change(artifact)


def tasks(place: Services) -> list[Any]:
    """Every task that was run by itself."""
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in place.client.list_tasks(cluster=place.cluster, startedBy="tagship", desiredStatus=status)["taskArns"]
    ]
    rows: list[Any] = place.client.describe_tasks(cluster=place.cluster, tasks=arns)["tasks"] if arns else []
    return rows


def test_a_command_runs_in_the_artifacts_image_by_digest_beside_the_services_revisions(place: Services) -> None:
    before = place.client.list_task_definitions(familyPrefix=f"{place.cluster}-api")["taskDefinitionArns"]
    outcome = run(place, ending(place, NEW, "exits(0)"), hook())
    assert outcome.problem == ""
    [task] = tasks(place)
    assert (
        f"task {task['taskArn'].rpartition('/')[2]} of {place.cluster}-api-hook:1: app exited with 0" in outcome.output
    )
    digest = next(digest for digest, (version, _) in place.images.items() if version == NEW)
    assert task["containers"][0]["imageDigest"] == digest
    assert task["launchType"] == "FARGATE"
    after = place.client.list_task_definitions(familyPrefix=f"{place.cluster}-api")["taskDefinitionArns"]
    assert [arn for arn in after if "-hook:" not in arn] == before
    assert place.described("api")["taskDefinition"] == before[-1]


def test_the_same_artifact_registers_nothing_again_and_another_does(place: Services) -> None:
    change = ending(place, NEW, "exits(0)")
    for name in ("before_switch-1", "tests-1"):
        assert run(place, change, hook(), name).problem == ""
    family = {"familyPrefix": f"{place.cluster}-api-hook"}
    assert len(place.client.list_task_definitions(**family)["taskDefinitionArns"]) == 1
    assert run(place, ending(place, "0.1.2-dev", "exits(0)"), hook()).problem == ""
    assert len(place.client.list_task_definitions(**family)["taskDefinitionArns"]) == 2


def test_a_command_that_fails_says_its_exit_code_and_the_last_lines_of_its_log(place: Services) -> None:
    change = ending(place, NEW, "exits(3)", "applying 0007", "column exists")
    outcome = run(place, change, hook(family="migrate", service="api"))
    assert outcome.problem == "app exited with 3"
    assert outcome.output.splitlines()[1:] == ["applying 0007", "column exists"]
    assert " of migrate-hook:" in outcome.output


def test_a_family_of_its_own_runs_in_the_networks_that_the_hook_names(place: Services) -> None:
    chosen = hook(family="migrate", subnets=("subnet-9",), security_groups=("sg-9",))
    seen: list[Any] = []
    client = place.app.aws.client("ecs")
    client.meta.events.register("provide-client-params.ecs.RunTask", lambda params, **_: seen.append(params))
    assert run(place, ending(place, NEW, "exits(0)"), chosen).problem == ""
    [asked] = seen
    network = {"subnets": ["subnet-9"], "securityGroups": ["sg-9"], "assignPublicIp": "DISABLED"}
    assert asked["networkConfiguration"] == {"awsvpcConfiguration": network}
    assert asked["launchType"] == "FARGATE"
    [override] = asked["overrides"]["containerOverrides"]
    assert override == {
        "name": "app",
        "command": list(COMMAND),
        "environment": [{"name": "VERSION", "value": NEW}],
    }


def test_an_image_that_cannot_be_pulled_is_named_and_no_exit_code_is_made_up(place: Services) -> None:
    outcome = run(place, ending(place, NEW, "cannot_pull"), hook())
    assert outcome.problem.startswith("app did not start (CannotPullContainerError")
    assert "TaskFailedToStart" in outcome.problem


def test_a_task_that_takes_too_long_is_stopped(place: Services) -> None:
    outcome = run(place, ending(place, NEW, "runs"), hook(timeout=1))
    assert outcome.problem.endswith("did not end within 1.0 s")
    [task] = tasks(place)
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "UserInitiated")
    assert "did not end within 1.0 s" in task["stoppedReason"]


def test_who_loses_the_lease_has_the_task_stopped(place: Services) -> None:
    def lost(_phase: str) -> None:
        raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")

    with pytest.raises(LeaseLost):
        run(place, ending(place, NEW, "runs"), hook(), tick=lost)
    [task] = tasks(place)
    assert task["desiredStatus"] == "STOPPED"


def test_a_task_that_somebody_stopped_is_no_success_whatever_its_exit_code(place: Services) -> None:
    change, once = ending(place, NEW, "runs"), list[Any]()

    def stop(_phase: str) -> None:
        if not once:
            once.append(place.client.stop_task(cluster=place.cluster, task=tasks(place)[0]["taskArn"], reason="no"))

    outcome = run(place, change, hook(), tick=stop)
    assert outcome.problem == "app exited with 0; UserInitiated: no"


def test_an_attempt_that_another_process_began_is_followed_and_not_run_again(place: Services) -> None:
    change = ending(place, NEW, "exits(0)")
    first = run(place, change, hook())
    assert run(place, change, hook()) == first
    assert len(tasks(place)) == 1
    run(place, change, hook(), "before_switch-2")
    assert len(tasks(place)) == 2


def test_an_answer_that_is_lost_starts_no_second_task(place: Services) -> None:
    change, lost = ending(place, NEW, "exits(0)"), list[Any]()
    client = place.app.aws.client("ecs")

    def lose(request: Any, **_: Any) -> None:
        if not lost:
            lost.append(client._endpoint.http_session.send(request))
            raise ReadTimeoutError(endpoint_url=request.url)

    client.meta.events.register("before-send.ecs.RunTask", lose)
    try:
        assert run(place, change, hook()).problem == ""
    finally:
        client.meta.events.unregister("before-send.ecs.RunTask", lose)
    assert lost
    assert len(tasks(place)) == 1


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"service": "api", "container": "none"}, "has no container none: it has app, proxy"),
        ({"family": "nowhere", "service": "api"}, "Unable to describe task definition"),
    ],
)
def test_what_cannot_run_says_why_and_starts_nothing(place: Services, task: Any, words: str) -> None:
    outcome = run(place, ending(place, NEW, "exits(0)"), hook(**task))
    assert words in outcome.problem
    assert tasks(place) == []


def test_a_sidecar_that_runs_on_holds_nobody_up_and_is_stopped(place: Services) -> None:
    containers = [
        {"name": "app", "image": f"{REPOSITORY}:x", "essential": False},
        {"name": "agent", "image": "public.ecr.aws/agent:1"},
    ]
    place.client.register_task_definition(family="with-agent", containerDefinitions=containers)
    outcome = run(place, ending(place, NEW, "exits(0)"), hook(family="with-agent", service="api"))
    assert outcome.problem == ""
    [task] = tasks(place)
    assert task["desiredStatus"] == "STOPPED"
