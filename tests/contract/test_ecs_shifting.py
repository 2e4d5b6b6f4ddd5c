"""The sandbox's ECS when traffic shifts: stages, weights and pauses, a step of time a look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract import strict_aws
from tests.contract.test_ecs_service import (
    BAD,
    ENDED,
    GOOD,
    MODEL,
    NEW,
    deploy,
    deployment,
    ecs,
    ends,
    follow,
    newest,
    refused,
    running,
    unknown,
)

__all__ = ["ecs"]

STAGES = [
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
]
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Minutes pass at once."""
    strict_aws.world().pace.scale = 0.0
    yield
    strict_aws.world().pace.scale = 1.0


def pausing(stage: str, **timeout: Any) -> Any:
    hook = {"targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout}
    return {**BLUE_GREEN, "lifecycleHooks": [hook]}


def paused(client: Any, arn: str) -> Any:
    """Look until a hook waits; its details."""
    for _ in range(40):
        row = deployment(client, arn)
        if row.get("lifecycleHookDetails"):
            return row["lifecycleHookDetails"][0]
    raise AssertionError("it never paused")


def rows(client: Any, configuration: Any) -> list[Any]:
    """Deploy NEW; each look at the deployment, to its end."""
    deploy(client, NEW, deploymentConfiguration=configuration)
    arn, seen = newest(client), []
    while not seen or seen[-1]["status"] not in ENDED:
        seen.append(deployment(client, arn))
        assert len(seen) < 60
    return seen


def weights(seen: list[Any]) -> list[float]:
    return list(dict.fromkeys(row["targetServiceRevision"]["requestedProductionTrafficWeight"] for row in seen))


def test_blue_green_goes_through_its_stages_and_old_tasks_stay_to_the_last(ecs: Any) -> None:
    seen = rows(ecs, BLUE_GREEN)
    assert list(dict.fromkeys(row["lifecycleStage"] for row in seen)) == STAGES[1:]  # the first passed
    assert (seen[-1]["status"], weights(seen)) == ("SUCCESSFUL", [0.0, 100.0])
    [source] = next(row for row in seen if row["lifecycleStage"] == "BAKE_TIME")["sourceServiceRevisions"]
    assert (source["runningTaskCount"], source["requestedProductionTrafficWeight"]) == (2, 0.0)
    assert "deploymentCircuitBreaker" not in seen[-1]
    assert running(ecs) == [NEW, NEW]


def test_a_canary_gets_its_share_first_and_then_everything(ecs: Any) -> None:
    seen = rows(ecs, {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 20.0}})
    assert (seen[-1]["status"], weights(seen)) == ("SUCCESSFUL", [0.0, 20.0, 100.0])


def test_linear_goes_up_in_equal_steps(ecs: Any) -> None:
    seen = rows(ecs, {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 25.0}})
    assert (seen[-1]["status"], weights(seen)) == ("SUCCESSFUL", [0.0, 25.0, 50.0, 75.0, 100.0])


def test_a_pause_lasts_until_it_is_continued(ecs: Any) -> None:
    strict_aws.world().pace.scale = 1.0
    deploy(ecs, NEW, deploymentConfiguration=pausing("POST_TEST_TRAFFIC_SHIFT"))
    arn = newest(ecs)
    hook = paused(ecs, arn)
    assert (hook["status"], hook["targetType"], hook["timeoutAction"]) == ("AWAITING_ACTION", "PAUSE", "ROLLBACK")
    assert {deployment(ecs, arn)["lifecycleStage"] for _ in range(5)} == {"POST_TEST_TRAFFIC_SHIFT"}
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook["hookId"], action="CONTINUE")
    assert follow(ecs, arn)["status"] == "SUCCESSFUL"
    with pytest.raises(ClientError) as caught:
        ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook["hookId"], action="CONTINUE")
    assert refused(caught) == "InvalidParameterException"


def test_a_pause_can_end_in_a_rollback(ecs: Any) -> None:
    strict_aws.world().pace.scale = 1.0
    deploy(ecs, NEW, deploymentConfiguration=pausing("PRE_PRODUCTION_TRAFFIC_SHIFT"))
    arn = newest(ecs)
    hook = paused(ecs, arn)
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook["hookId"], action="ROLLBACK")
    row = follow(ecs, arn)
    assert (row["status"], "hook" in row["rollback"]["reason"]) == ("ROLLBACK_SUCCESSFUL", True)
    assert row["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0.0
    assert running(ecs) == [GOOD, GOOD]


@pytest.mark.parametrize(("action", "status"), [("CONTINUE", "SUCCESSFUL"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL")])
def test_a_pause_that_nobody_ends_times_out(ecs: Any, action: str, status: str) -> None:
    deploy(ecs, NEW, deploymentConfiguration=pausing("POST_SCALE_UP", timeoutInMinutes=1, action=action))
    assert follow(ecs)["status"] == status


def test_a_paused_deployment_can_be_stopped(ecs: Any) -> None:
    strict_aws.world().pace.scale = 1.0
    deploy(ecs, NEW, deploymentConfiguration=pausing("POST_PRODUCTION_TRAFFIC_SHIFT"))
    arn = newest(ecs)
    paused(ecs, arn)
    ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert follow(ecs, arn)["status"] == "ROLLBACK_SUCCESSFUL"
    assert running(ecs) == [GOOD, GOOD]


def test_tasks_that_fail_never_get_traffic_and_no_breaker_ends_it(ecs: Any) -> None:
    ends(BAD, "exits(1)")
    deploy(ecs, BAD, deploymentConfiguration=BLUE_GREEN)
    arn = newest(ecs)
    seen = [deployment(ecs, arn) for _ in range(20)]
    assert (seen[-1]["lifecycleStage"], seen[-1]["status"], weights(seen)) == ("SCALE_UP", "IN_PROGRESS", [0.0])
    assert running(ecs).count(GOOD) == 2


def test_a_paused_deployment_has_the_members_of_its_shape_and_no_others(ecs: Any) -> None:
    strict_aws.world().pace.scale = 1.0
    bodies: list[Any] = []
    ecs.meta.events.register(
        "before-parse.ecs.DescribeServiceDeployments",
        lambda response_dict, **_: bodies.append(json.loads(response_dict["body"])),
    )
    deploy(ecs, NEW, deploymentConfiguration=pausing("POST_SCALE_UP"))
    paused(ecs, newest(ecs))
    shape = MODEL.operation_model("DescribeServiceDeployments").output_shape
    assert unknown(shape, bodies[-1]) == []
    ecs.stop_service_deployment(serviceDeploymentArn=newest(ecs))
