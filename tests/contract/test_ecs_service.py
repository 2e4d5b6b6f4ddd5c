"""The sandbox's ECS, held to the API's shapes and to what AWS's pages say of it.

Every look is one step of time here (`step` 0), so that no test waits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from tagship.sandbox.ecs.breaker import Breaker
from tagship.sandbox.ecs.rollout import TRANSITIONS
from tests.contract import strict_aws

MODEL = Session().get_service_model("ecs")
GOOD, NEW, BAD = ("sha256:" + letter * 64 for letter in "abc")
REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
ENDED = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
COUNT_2 = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 2}}
AT = {"cluster": "hello", "service": "web"}


def switch(**asked: Any) -> None:
    strict_aws.world().switch({"ecs": asked})


def ends(digest: str, ending: str) -> None:
    """Say how tasks of a digest end."""
    switch(scripts={digest: ending})


@pytest.fixture
def ecs() -> Iterator[Any]:
    """A client, with one stable service `web` of two tasks that runs GOOD."""
    client = strict_aws.aws().once("ecs")
    switch(step=0, listed_after=0, stale_reads=0, newer={}, newer_container={})
    switch(scripts=dict.fromkeys((GOOD, NEW, BAD), "runs"))
    client.create_cluster(clusterName="hello")
    client.create_service(cluster="hello", serviceName="web", taskDefinition=definition(client, GOOD), desiredCount=2)
    assert follow(client)["status"] == "SUCCESSFUL"
    yield client
    client.delete_service(**AT, force=True)
    client.delete_cluster(cluster="hello")


def definition(client: Any, digest: str, **more: Any) -> str:
    """Register a revision of the task definition that runs a digest; its ARN."""
    container = {"name": "app", "image": f"{REPOSITORY}@{digest}", "portMappings": [{"containerPort": 8080}]}
    answer = client.register_task_definition(
        family="hello", containerDefinitions=[container], requiresCompatibilities=["FARGATE"], **more
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def described(client: Any) -> Any:
    [service] = client.describe_services(cluster="hello", services=["web"])["services"]
    return service


def primary(service: Any) -> Any:
    [row] = [row for row in service["deployments"] if row["status"] == "PRIMARY"]
    return row


def newest(client: Any) -> str:
    rows = client.list_service_deployments(**AT)["serviceDeployments"]
    return str(rows[0]["serviceDeploymentArn"])


def deployment(client: Any, arn: str = "") -> Any:
    arns = [arn or newest(client)]
    [row] = client.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    return row


def follow(client: Any, arn: str = "", looks: int = 60) -> Any:
    """Look until a deployment ends; what it is then."""
    arn = arn or newest(client)
    for _ in range(looks):
        row = deployment(client, arn)
        if row["status"] in ENDED:
            return row
    raise AssertionError(f"it is still {row['status']} after {looks} looks")


def deploy(client: Any, digest: str, **more: Any) -> Any:
    """Update the service to a digest; the answer's service."""
    return client.update_service(**AT, taskDefinition=definition(client, digest), **more)["service"]


def running(client: Any) -> list[str]:
    """The digests of the tasks that are to run."""
    return sorted(task["containers"][0]["imageDigest"] for task in tasks(client, "RUNNING"))


def tasks(client: Any, desired: str) -> list[Any]:
    arns = client.list_tasks(cluster="hello", serviceName="web", desiredStatus=desired)["taskArns"]
    return client.describe_tasks(cluster="hello", tasks=arns)["tasks"] if arns else []


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def unknown(shape: Any, value: Any, place: str = "") -> list[str]:
    """Members that the shape does not have, and values that its enum does not have."""
    if shape.type_name == "structure":
        strange = [f"{place}.{name}" for name in value if name not in shape.members]
        known = {name: inner for name, inner in value.items() if name in shape.members}
        return strange + [
            row for name, inner in known.items() for row in unknown(shape.members[name], inner, f"{place}.{name}")
        ]
    if shape.type_name == "list":
        return [row for inner in value for row in unknown(shape.member, inner, f"{place}[]")]
    enum = getattr(shape, "enum", None)
    return [f"{place} = {value}"] if enum and value not in enum else []


def test_each_answer_has_the_members_of_its_shape_and_no_others(ecs: Any) -> None:
    """The bodies as they came: a client drops what its model does not know."""
    raw: dict[str, Any] = {}
    ecs.meta.events.register(
        "before-parse.ecs.*",
        lambda operation_model, response_dict, **_: raw.update({operation_model.name: response_dict["body"]}),
    )
    arn = deploy(ecs, NEW)["taskDefinition"]
    follow(ecs)
    alarmed = {"enable": True, "rollback": True, "alarmNames": ["errors"]}
    deploy(ecs, BAD, deploymentConfiguration={"deploymentCircuitBreaker": COUNT_2, "alarms": alarmed})
    ends(BAD, "cannot_pull")
    row = follow(ecs)
    tasks(ecs, "STOPPED")
    described(ecs)
    ecs.describe_service_revisions(serviceRevisionArns=[row["targetServiceRevision"]["arn"]])
    ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    ecs.list_task_definitions(familyPrefix="hello")
    ecs.list_services(cluster="hello")
    ecs.describe_clusters(clusters=["hello", "nobody"])
    ecs.list_clusters()
    ecs.list_tags_for_resource(resourceArn=row["serviceArn"])
    ecs.deregister_task_definition(taskDefinition=definition(ecs, GOOD))
    deploy(ecs, GOOD)
    ecs.stop_service_deployment(serviceDeploymentArn=newest(ecs))
    assert len(raw) == 16
    for name, body in raw.items():
        shape = MODEL.operation_model(name).output_shape
        assert unknown(shape, json.loads(body), name) == []
        assert json.loads(body), name


def test_a_task_definition_comes_back_as_registered_with_what_ecs_computes_beside(ecs: Any) -> None:
    arn = definition(ecs, NEW, cpu="256", memory="512", tags=[{"key": "team", "value": "blue"}])
    answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    row = answer["taskDefinition"]
    assert (row["cpu"], row["status"], answer["tags"]) == ("256", "ACTIVE", [{"key": "team", "value": "blue"}])
    assert {"registeredAt", "registeredBy", "compatibilities", "requiresAttributes", "revision"} <= set(row)
    assert row["containerDefinitions"][0]["essential"] is True
    assert "tags" not in ecs.describe_task_definition(taskDefinition=arn)


def test_members_that_boto3_does_not_know_are_in_the_body(ecs: Any) -> None:
    switch(newer={"brandNew": {"a": 1}}, newer_container={"brandNewToo": True})
    bodies: list[Any] = []
    ecs.meta.events.register(
        "before-parse.ecs.DescribeTaskDefinition",
        lambda response_dict, **_: bodies.append(json.loads(response_dict["body"])),
    )
    parsed = ecs.describe_task_definition(taskDefinition="hello")["taskDefinition"]
    [body] = bodies
    assert body["taskDefinition"]["brandNew"] == {"a": 1}
    assert body["taskDefinition"]["containerDefinitions"][0]["brandNewToo"] is True
    assert "brandNew" not in parsed


def test_a_definition_that_is_deregistered_keeps_its_tasks_and_serves_no_update(ecs: Any) -> None:
    arn = described(ecs)["taskDefinition"]
    ecs.deregister_task_definition(taskDefinition=arn)
    row = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    assert (row["status"], "deregisteredAt" in row) == ("INACTIVE", True)
    assert running(ecs) == [GOOD, GOOD]
    with pytest.raises(ClientError, match="TaskDefinition is inactive") as caught:
        ecs.update_service(**AT, taskDefinition=arn)
    assert refused(caught) == "ClientException"


def test_registering_is_throttled_as_often_as_asked(ecs: Any) -> None:
    switch(throttled=1)
    with pytest.raises(ClientError) as caught:
        definition(ecs, NEW)
    assert refused(caught) == "ThrottlingException"
    assert definition(ecs, NEW)


def test_tags_are_set_read_and_taken_away(ecs: Any) -> None:
    for arn in (described(ecs)["serviceArn"], definition(ecs, NEW), described(ecs)["clusterArn"]):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "blue"}, {"key": "x", "value": "y"}])
        ecs.untag_resource(resourceArn=arn, tagKeys=["x"])
        assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "blue"}]


# -- which deployment --------------------------------------------------------------------------------------------------


def test_a_new_definition_starts_a_deployment_that_the_primary_id_and_the_revision_name_alike(ecs: Any) -> None:
    before = primary(described(ecs))["id"]
    after = primary(deploy(ecs, NEW))["id"]
    assert after != before
    row = deployment(ecs)
    assert row["targetServiceRevision"]["arn"].rpartition("/")[2] == after.removeprefix("ecs-svc/")
    [revision] = ecs.describe_service_revisions(serviceRevisionArns=[row["targetServiceRevision"]["arn"]])[
        "serviceRevisions"
    ]
    assert [image["imageDigest"] for image in revision["containerImages"]] == [NEW]


@pytest.mark.parametrize(
    "change",
    [
        {"desiredCount": 3},
        {"healthCheckGracePeriodSeconds": 9},
        {"deploymentConfiguration": {"deploymentCircuitBreaker": COUNT_2}},
        {"enableExecuteCommand": True},
        {"propagateTags": "SERVICE"},
    ],
)
def test_what_aws_names_as_no_trigger_starts_no_deployment(ecs: Any, change: Any) -> None:
    before, count = primary(described(ecs))["id"], len(ecs.list_service_deployments(**AT)["serviceDeployments"])
    answer = ecs.update_service(**AT, **change)["service"]
    assert primary(answer)["id"] == before
    assert len(ecs.list_service_deployments(**AT)["serviceDeployments"]) == count
    [(name, value)] = change.items()
    assert answer[name] == value or value.items() <= answer[name].items()


def test_the_same_definition_again_starts_nothing_unless_it_is_forced(ecs: Any) -> None:
    service = described(ecs)
    same = ecs.update_service(**AT, taskDefinition=service["taskDefinition"])["service"]
    assert primary(same)["id"] == primary(service)["id"]
    forced = ecs.update_service(**AT, taskDefinition=service["taskDefinition"], forceNewDeployment=True)["service"]
    assert primary(forced)["id"] != primary(service)["id"]


def test_the_current_deployment_of_a_service_is_stale_for_one_read(ecs: Any) -> None:
    before = described(ecs)["currentServiceDeployment"]
    switch(stale_reads=1)
    assert deploy(ecs, NEW)["currentServiceDeployment"] == before
    assert described(ecs)["currentServiceDeployment"] == before
    assert described(ecs)["currentServiceDeployment"] == newest(ecs) != before


def test_a_list_of_deployments_is_late_and_an_answer_by_arn_is_not(ecs: Any) -> None:
    before = newest(ecs)
    switch(listed_after=30)
    deploy(ecs, NEW)
    assert ecs.list_service_deployments(**AT)["serviceDeployments"] == []
    switch(listed_after=0)
    assert newest(ecs) != before


def test_deployments_are_listed_by_status_and_by_time(ecs: Any) -> None:
    begun = deployment(ecs)["createdAt"]
    deploy(ecs, NEW)
    rows = ecs.list_service_deployments(**AT, createdAt={"after": begun})["serviceDeployments"]
    assert [row["serviceDeploymentArn"] for row in rows] == [newest(ecs)]
    assert len(ecs.list_service_deployments(**AT, status=["SUCCESSFUL"])["serviceDeployments"]) == 1


# -- how it goes on ----------------------------------------------------------------------------------------------------


def test_a_rolling_update_is_pending_then_in_progress_then_successful(ecs: Any) -> None:
    deploy(ecs, NEW)
    seen = [deployment(ecs)["status"] for _ in range(9)]
    assert list(dict.fromkeys(seen)) == ["IN_PROGRESS", "SUCCESSFUL"]
    assert running(ecs) == [NEW, NEW]
    service = described(ecs)
    assert [row["rolloutState"] for row in service["deployments"]] == ["COMPLETED"]


def test_old_tasks_run_until_new_ones_are_healthy(ecs: Any) -> None:
    deploy(ecs, NEW)
    arn = newest(ecs)
    rows = [deployment(ecs, arn) for _ in range(6)]
    counts = [
        (sum(source["runningTaskCount"] for source in row["sourceServiceRevisions"]), target["runningTaskCount"])
        for row in rows
        for target in [row["targetServiceRevision"]]
    ]
    assert list(dict.fromkeys(counts)) == [(2, 0), (2, 2), (0, 2)]
    assert {row["status"] for row in described(ecs)["deployments"]} == {"PRIMARY"}


def test_time_passes_by_the_clock_when_steps_take_time(ecs: Any) -> None:
    switch(step=30)
    deploy(ecs, NEW)
    assert {deployment(ecs)["status"] for _ in range(5)} == {"PENDING"}
    switch(step=0.01)
    assert follow(ecs, looks=500)["status"] == "SUCCESSFUL"


def test_a_newer_deployment_ends_the_one_before(ecs: Any) -> None:
    deploy(ecs, NEW)
    mine = newest(ecs)
    deploy(ecs, BAD)
    row = deployment(ecs, mine)
    assert (row["status"], newest(ecs) in row["statusReason"]) == ("STOPPED", True)
    assert follow(ecs)["status"] == "SUCCESSFUL"
    assert running(ecs) == [BAD, BAD]


def test_a_deployment_that_is_stopped_goes_back_to_what_ran(ecs: Any) -> None:
    before = primary(described(ecs))
    deploy(ecs, NEW)
    ecs.stop_service_deployment(serviceDeploymentArn=newest(ecs), stopType="ROLLBACK")
    seen = [deployment(ecs)["status"] for _ in range(9)]
    assert list(dict.fromkeys(seen)) == ["ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"]
    after = primary(described(ecs))
    assert (after["id"], after["taskDefinition"]) == (before["id"], before["taskDefinition"])
    assert running(ecs) == [GOOD, GOOD]
    with pytest.raises(ClientError) as caught:
        ecs.stop_service_deployment(serviceDeploymentArn=newest(ecs))
    assert refused(caught) == "ConflictException"


def test_a_service_that_is_scaled_gets_its_tasks_without_a_deployment(ecs: Any) -> None:
    ecs.update_service(**AT, desiredCount=4)
    for _ in range(4):
        described(ecs)
    assert running(ecs) == [GOOD] * 4
    ecs.update_service(**AT, desiredCount=1)
    for _ in range(4):
        described(ecs)
    assert running(ecs) == [GOOD]


def test_what_is_not_there_is_not_found(ecs: Any) -> None:
    for ask, code in (
        (lambda: ecs.update_service(cluster="hello", service="nobody"), "ServiceNotFoundException"),
        (lambda: ecs.describe_services(cluster="nobody", services=["web"]), "ClusterNotFoundException"),
        (lambda: ecs.describe_task_definition(taskDefinition="hello:99"), "ClientException"),
        (lambda: ecs.stop_service_deployment(serviceDeploymentArn="arn:x"), "ServiceDeploymentNotFoundException"),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert refused(caught) == code
    assert ecs.describe_services(cluster="hello", services=["nobody"])["failures"][0]["reason"] == "MISSING"
    assert ecs.describe_service_deployments(serviceDeploymentArns=["arn:x"])["failures"][0]["reason"] == "MISSING"


# -- how it fails ------------------------------------------------------------------------------------------------------


def breaker(*, rollback: bool = True, **more: Any) -> Any:
    return {"deploymentCircuitBreaker": {**COUNT_2, "rollback": rollback, **more}}


def firing(ecs: Any, state: str) -> None:
    """Put the alarm `errors` into a state."""
    watch = strict_aws.aws().client("cloudwatch")
    watch.put_metric_alarm(AlarmName="errors", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1)
    watch.set_alarm_state(AlarmName="errors", StateValue=state, StateReason="asked for")


ALARMED = {"alarms": {"enable": True, "rollback": True, "alarmNames": ["errors"]}}


@pytest.mark.parametrize(
    ("ending", "code", "reason", "exit_code"),
    [
        ("exits(3)", "EssentialContainerExited", "Essential container in task exited", 3),
        ("cannot_pull", "TaskFailedToStart", "CannotPullContainerError", None),
        ("never_healthy", "ServiceSchedulerInitiated", "Task failed container health checks", 137),
    ],
)
def test_a_breaker_that_fires_restores_what_ran_and_tasks_say_why_they_stopped(
    ecs: Any, ending: str, code: str, reason: str, exit_code: int | None
) -> None:
    before = primary(described(ecs))["id"]
    ends(BAD, ending)
    deploy(ecs, BAD, deploymentConfiguration=breaker())
    row = follow(ecs)
    assert row["status"] == "ROLLBACK_SUCCESSFUL"
    assert row["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 2, "threshold": 2}
    assert row["rollback"]["serviceRevisionArn"].endswith(before.removeprefix("ecs-svc/"))
    assert "circuit breaker" in row["rollback"]["reason"] == row["statusReason"]
    stopped = [task for task in tasks(ecs, "STOPPED") if task["containers"][0]["image"].endswith(BAD)]
    assert {(task["stopCode"], task["containers"][0].get("exitCode")) for task in stopped} == {(code, exit_code)}
    assert all(reason in task["stoppedReason"] for task in stopped)
    assert primary(described(ecs))["id"] == before
    assert running(ecs) == [GOOD, GOOD]


def test_a_service_that_went_back_names_what_it_went_back_to_and_can_be_asked_for_the_other_again(ecs: Any) -> None:
    before = described(ecs)["taskDefinition"]
    ends(BAD, "exits(1)")
    deploy(ecs, BAD, deploymentConfiguration=breaker())
    failed = described(ecs)["taskDefinition"]
    assert follow(ecs)["status"] == "ROLLBACK_SUCCESSFUL"
    assert described(ecs)["taskDefinition"] == before != failed
    first = newest(ecs)
    ecs.update_service(**AT, taskDefinition=failed)
    assert newest(ecs) != first


def test_while_a_rollback_goes_on_the_failed_deployment_is_active_and_failed(ecs: Any) -> None:
    ends(BAD, "never_healthy")
    deploy(ecs, BAD, deploymentConfiguration=breaker(thresholdConfiguration={"type": "COUNT", "value": 1}))
    arn = newest(ecs)
    seen = {}
    while deployment(ecs, arn)["status"] not in ENDED:
        seen |= {(row["status"], row["rolloutState"]): row["failedTasks"] for row in described(ecs)["deployments"]}
    assert seen["ACTIVE", "FAILED"] == 2
    assert {("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")} <= set(seen)


def test_a_breaker_without_rollback_stops_and_restores_nothing(ecs: Any) -> None:
    ends(BAD, "exits(1)")
    ecs.update_service(**AT, desiredCount=4)
    for _ in range(3):
        described(ecs)
    deploy(ecs, BAD, deploymentConfiguration=breaker(rollback=False))
    row = follow(ecs)
    assert (row["status"], "rollback" in row, "stoppedAt" in row) == ("STOPPED", False, True)
    service = described(ecs)
    assert (primary(service)["taskDefinition"], primary(service)["rolloutState"]) == (
        service["taskDefinition"],
        "FAILED",
    )
    assert running(ecs) == [GOOD] * 4


def test_a_deployment_that_stopped_half_way_leaves_old_and_new_tasks(ecs: Any) -> None:
    deploy(ecs, NEW, deploymentConfiguration={**breaker(rollback=False), "maximumPercent": 150})
    arn = newest(ecs)
    while deployment(ecs, arn)["targetServiceRevision"]["runningTaskCount"] < 1:
        pass
    ends(NEW, "exits(1)")
    assert follow(ecs, arn)["status"] == "STOPPED"
    assert GOOD in running(ecs)


def test_without_a_breaker_it_tries_for_ever(ecs: Any) -> None:
    ends(BAD, "exits(1)")
    off = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
    deploy(ecs, BAD, deploymentConfiguration=off)
    arn = newest(ecs)
    rows = [deployment(ecs, arn) for _ in range(30)]
    assert (rows[-1]["status"], rows[-1]["deploymentCircuitBreaker"]["status"]) == ("IN_PROGRESS", "DISABLED")
    assert rows[-1]["deploymentCircuitBreaker"]["failureCount"] > 10


@pytest.mark.parametrize(
    ("chosen", "desired", "threshold"),
    [
        (None, 2, 3),
        (None, 20, 10),
        ({"type": "BOUNDED_PERCENT", "value": 100}, 1000, 200),
        ({"type": "UNBOUNDED_PERCENT", "value": 50}, 2, 1),
        ({"type": "COUNT", "value": 7}, 2, 7),
    ],
)
def test_the_threshold_is_the_count_or_the_share_of_the_desired_tasks(
    chosen: Any, desired: int, threshold: int
) -> None:
    settings = {"enable": True, "rollback": True} | ({"thresholdConfiguration": chosen} if chosen else {})
    assert Breaker(settings, desired).threshold == threshold


def test_a_healthy_task_sets_the_count_to_zero_unless_it_is_told_not_to() -> None:
    resets, keeps = (Breaker({**COUNT_2, "resetOnHealthyTask": reset}, 2) for reset in (True, False))
    for monitor in (resets, keeps):
        monitor.count(failed=1, healthy=0)
        monitor.count(failed=0, healthy=1)
        monitor.count(failed=1, healthy=0)
    assert (resets.status, keeps.status) == ("MONITORING", "TRIGGERED")


def test_an_alarm_that_fires_rolls_back(ecs: Any) -> None:
    firing(ecs, "OK")
    deploy(ecs, NEW, deploymentConfiguration=ALARMED)
    arn = newest(ecs)
    firing(ecs, "ALARM")
    row = follow(ecs, arn)
    assert (row["status"], row["alarms"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert row["alarms"]["triggeredAlarmNames"] == ["errors"]
    assert running(ecs) == [GOOD, GOOD]


def test_an_alarm_that_fires_when_a_deployment_begins_is_not_watched(ecs: Any) -> None:
    firing(ecs, "ALARM")
    deploy(ecs, NEW, deploymentConfiguration=ALARMED)
    assert follow(ecs)["status"] == "SUCCESSFUL"
    firing(ecs, "OK")


def test_a_rollback_whose_tasks_fail_too_fails(ecs: Any) -> None:
    deploy(ecs, NEW, deploymentConfiguration=breaker())
    arn = newest(ecs)
    ends(GOOD, "exits(1)")
    ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert follow(ecs, arn)["status"] == "ROLLBACK_FAILED"


def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(ecs: Any) -> None:
    ends(BAD, "exits(1)")
    arn = definition(ecs, BAD)
    ecs.create_service(
        cluster="hello", serviceName="young", taskDefinition=arn, deploymentConfiguration=breaker(), desiredCount=1
    )
    at = {"cluster": "hello", "service": "young"}
    [row] = ecs.list_service_deployments(**at)["serviceDeployments"]
    assert follow(ecs, row["serviceDeploymentArn"])["status"] == "STOPPED"
    ecs.delete_service(**at, force=True)


def test_early_success_comes_before_every_task_runs_the_new_digest(ecs: Any) -> None:
    ecs.update_service(**AT, desiredCount=4)
    for _ in range(3):
        described(ecs)
    early = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED"}
    deploy(ecs, NEW, deploymentConfiguration={"earlySuccessCriteria": early, "maximumPercent": 150})
    row = follow(ecs)
    assert (row["status"], row["targetServiceRevision"]["runningTaskCount"]) == ("SUCCESSFUL", 2)
    for _ in range(12):
        described(ecs)
    assert running(ecs) == [NEW] * 4


def test_no_deployment_makes_a_move_that_aws_does_not_name() -> None:
    """The list of moves, against the states of the model: all are there, and the completed ones end."""
    states = set(MODEL.shape_for("ServiceDeploymentStatus").metadata["enum"])
    assert states == set(TRANSITIONS) == {"PENDING", *(state for after in TRANSITIONS.values() for state in after)}
    assert {state for state, after in TRANSITIONS.items() if not after} == ENDED
