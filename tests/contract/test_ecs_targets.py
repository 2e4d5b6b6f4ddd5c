"""What tasks of the sandbox's ECS are to a target group, and the log lines that they leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract import strict_aws
from tests.contract.test_ecs_service import AT, BAD, GOOD, NEW, described, ecs, ends, follow, newest, switch

__all__ = ["ecs"]

LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/hello", "awslogs-stream-prefix": "app", "awslogs-region": strict_aws.REGION},
}


@pytest.fixture
def groups() -> Iterator[list[str]]:
    """The ARNs of two target groups."""
    client, ec2 = strict_aws.aws().client("elbv2"), strict_aws.aws().client("ec2")
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    arns = [
        client.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=network, TargetType="ip")["TargetGroups"][
            0
        ]["TargetGroupArn"]
        for name in ("blue", "green")
    ]
    yield arns
    for arn in arns:
        client.delete_target_group(TargetGroupArn=arn)


def definition(client: Any, digest: str) -> str:
    container = {"name": "app", "image": f"hello@{digest}", "logConfiguration": LOGS}
    answer = client.register_task_definition(family="behind", containerDefinitions=[container])
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def behind(client: Any, digest: str, groups: list[str], **configuration: Any) -> None:
    balancer = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    balancer |= {"advancedConfiguration": {"alternateTargetGroupArn": groups[1]}} if configuration else {}
    chosen = {"deploymentConfiguration": configuration} if configuration else {}
    client.update_service(**AT, taskDefinition=definition(client, digest), loadBalancers=[balancer], **chosen)


def health(group: str) -> list[Any]:
    answer = strict_aws.aws().client("elbv2").describe_target_health(TargetGroupArn=group)
    return [row["TargetHealth"] for row in answer["TargetHealthDescriptions"]]


def seen(client: Any, group: str, looks: int = 12) -> set[tuple[str, str]]:
    states = [row for _ in range(looks) for row in health(group)]
    return {(row["State"], row.get("Reason", "")) for row in states}


def test_targets_are_registered_healthy_and_drain(ecs: Any, groups: list[str]) -> None:
    behind(ecs, GOOD, groups)
    assert follow(ecs)["status"] == "SUCCESSFUL"
    assert health(groups[0]) == [{"State": "healthy"}] * 2
    behind(ecs, NEW, groups)
    assert seen(ecs, groups[0]) == {
        ("healthy", ""),
        ("initial", "Elb.RegistrationInProgress"),
        ("draining", "Target.DeregistrationInProgress"),
    }


def test_a_target_that_never_gets_healthy_says_why(ecs: Any, groups: list[str]) -> None:
    ends(BAD, "never_healthy")
    behind(ecs, BAD, groups)
    assert ("unhealthy", "Target.Timeout") in seen(ecs, groups[0])
    described(ecs)
    arns = ecs.list_tasks(cluster="hello", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    reasons = [task["stoppedReason"] for task in ecs.describe_tasks(cluster="hello", tasks=arns)["tasks"]]
    assert f"Task failed ELB health checks in (target-group {groups[0]})" in reasons


def test_blue_and_green_are_two_target_groups(ecs: Any, groups: list[str]) -> None:
    behind(ecs, GOOD, groups, strategy="BLUE_GREEN", bakeTimeInMinutes=0)
    follow(ecs)
    first = [len(health(group)) for group in groups]
    behind(ecs, NEW, groups, strategy="BLUE_GREEN", bakeTimeInMinutes=0)
    follow(ecs)
    assert sorted(first) == [0, 2]
    assert [len(health(group)) for group in groups] == first[::-1]


def test_the_last_lines_of_a_stopped_task_are_in_its_log_stream(ecs: Any) -> None:
    logs = strict_aws.aws().client("logs")
    logs.create_log_group(logGroupName="/hello")
    ends(BAD, "exits(1)")
    switch(lines={BAD: ["connecting", "no database: giving up"]})
    ecs.update_service(**AT, taskDefinition=definition(ecs, BAD))
    for _ in range(6):
        newest(ecs)
    arns = ecs.list_tasks(cluster="hello", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster="hello", tasks=arns)["tasks"]
    [task, *_] = [task for task in tasks if task["stopCode"] == "EssentialContainerExited"]
    stream = f"app/app/{task['taskArn'].rpartition('/')[2]}"
    events = logs.get_log_events(logGroupName="/hello", logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["connecting", "no database: giving up"]
    logs.delete_log_group(logGroupName="/hello")
