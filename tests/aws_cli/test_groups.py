"""tagship replaces instances and goes back, and the AWS CLI is asked what is so now: templates and refreshes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.aws_cli.conftest import Cli, commands
from tests.journeys.example import BROKEN, FIRST, SECOND
from tests.journeys.test_deploy_to_groups import GROUP, Place, place

__all__ = ["place"]


@pytest.fixture
def aws(place: Place) -> Cli:
    return commands(place.running, place.work)


def group(aws: Cli) -> Any:
    [row] = aws("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", GROUP)["AutoScalingGroups"]
    return row


def described(aws: Cli, number: str) -> str:
    """What the version of the template says that it boots."""
    asked = ("--launch-template-name", group(aws)["LaunchTemplate"]["LaunchTemplateName"], "--versions", number)
    [version] = aws("ec2", "describe-launch-template-versions", *asked)["LaunchTemplateVersions"]
    return str(version["VersionDescription"]).split(" ")[1]


def test_the_group_launches_a_numbered_version_that_names_the_artifact(place: Place, aws: Cli) -> None:
    now = group(aws)
    number = now["LaunchTemplate"]["Version"]
    assert number.isdigit()
    assert described(aws, number) == SECOND
    assert {row["LaunchTemplate"]["Version"] for row in now["Instances"]} == {number}


def test_every_deployment_is_a_refresh_and_the_broken_one_was_rolled_back(place: Place, aws: Cli) -> None:
    rows = aws("autoscaling", "describe-instance-refreshes", "--auto-scaling-group-name", GROUP)["InstanceRefreshes"]
    ended = {described(aws, row["DesiredConfiguration"]["LaunchTemplate"]["Version"]): row for row in reversed(rows)}
    assert [ended[version]["Status"] for version in (FIRST, SECOND, BROKEN)] == [
        "Successful",
        "Successful",
        "RollbackSuccessful",
    ]
    assert all(row["Preferences"]["AutoRollback"] for row in ended.values())


def test_an_instance_is_asked_by_a_command_of_its_own_document(place: Place, aws: Cli) -> None:
    [instance] = [row["InstanceId"] for row in group(aws)["Instances"]]
    sent = aws("ssm", "list-commands", "--instance-id", instance)["Commands"]
    assert sent
    assert {row["Status"] for row in sent} == {"Success"}


def test_a_rollback_makes_no_version_and_leads_to_the_one_that_ran(place: Place, aws: Cli) -> None:
    name = group(aws)["LaunchTemplate"]["LaunchTemplateName"]
    versions = ("ec2", "describe-launch-template-versions", "--launch-template-name", name)
    before = [row["VersionNumber"] for row in aws(*versions)["LaunchTemplateVersions"]]
    place.inv("rollback", "--to", FIRST)
    assert [row["VersionNumber"] for row in aws(*versions)["LaunchTemplateVersions"]] == before
    assert described(aws, group(aws)["LaunchTemplate"]["Version"]) == FIRST
