"""tagship deploys services and rolls them back, and the AWS CLI is asked what is so now: tasks, revisions, tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.aws_cli.conftest import Cli, commands
from tests.journeys.example import FIRST, SECOND
from tests.journeys.test_deploy_to_services import CLUSTER, CRASHING, SERVICE, Place, place

__all__ = ["place"]


@pytest.fixture
def aws(place: Place) -> Cli:
    return commands(place.running, place.work)


def definition(aws: Callable[..., Any]) -> Any:
    """The task definition that the service runs, with its tags."""
    [service] = aws("ecs", "describe-services", "--cluster", CLUSTER, "--services", SERVICE)["services"]
    arn = service["taskDefinition"]
    return aws("ecs", "describe-task-definition", "--task-definition", arn, "--include", "TAGS")


def artifact(described: Any) -> str:
    return next(tag["value"].split(" ")[0] for tag in described["tags"] if tag["key"] == "tagship:artifact")


def test_every_task_runs_the_digest_that_the_definition_names(place: Place, aws: Cli) -> None:
    described = definition(aws)
    [container] = described["taskDefinition"]["containerDefinitions"]
    digest = container["image"].partition("@")[2]
    arns = aws("ecs", "list-tasks", "--cluster", CLUSTER, "--service-name", SERVICE)["taskArns"]
    tasks = aws("ecs", "describe-tasks", "--cluster", CLUSTER, "--tasks", *arns)["tasks"]
    assert {row["imageDigest"] for task in tasks for row in task["containers"]} == {digest}
    image = place.running.images(lambda _: None).find("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop", SECOND)
    assert image
    assert image.digest == digest
    variables = {pair["name"]: pair["value"] for pair in container["environment"]}
    assert variables["VERSION"] == artifact(described) == SECOND


def test_the_broken_version_is_a_deployment_that_ecs_rolled_back(place: Place, aws: Cli) -> None:
    rows = aws("ecs", "list-service-deployments", "--cluster", CLUSTER, "--service", SERVICE)["serviceDeployments"]
    described = aws(
        "ecs",
        "describe-service-deployments",
        "--service-deployment-arns",
        *[row["serviceDeploymentArn"] for row in rows],
    )["serviceDeployments"]
    failed = [row for row in described if row["status"] == "ROLLBACK_SUCCESSFUL"]
    assert failed
    assert all(row["deploymentCircuitBreaker"]["status"] == "TRIGGERED" for row in failed), CRASHING


def test_a_rollback_makes_no_revision_and_leads_to_the_one_that_ran(place: Place, aws: Cli) -> None:
    family = ["ecs", "list-task-definitions", "--family-prefix", SERVICE]
    before = aws(*family)["taskDefinitionArns"]
    place.inv("rollback", "--to", FIRST)
    assert artifact(definition(aws)) == FIRST
    assert aws(*family)["taskDefinitionArns"] == before
