"""The sandbox's Auto Scaling, held to the API's shapes and to what AWS's pages say of instance refreshes."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship.sandbox.asg.refresh import ONWARD, UNDER_WAY
from tests.contract import strict_aws

ENDED = {"Successful", "Failed", "Cancelled", "RollbackFailed", "RollbackSuccessful"}
GOOD_AMI, NO_AMI = "ami-0a5b1c2d3e4f50617", "ami-00000000000000000"
_NUMBERS = itertools.count(1)


def switch(**asked: Any) -> None:
    strict_aws.world().switch({"asg": asked})


class Place:
    """A group of two instances of the version 1 of a template, which has another version 2."""

    def __init__(self) -> None:
        self.aws, self.ec2 = strict_aws.aws().once("autoscaling"), strict_aws.aws().once("ec2")
        self.name = f"alone-{next(_NUMBERS)}"
        made = self.ec2.create_launch_template(
            LaunchTemplateName=self.name, LaunchTemplateData={"ImageId": GOOD_AMI, "InstanceType": "t3.small"}
        )
        self.template = made["LaunchTemplate"]["LaunchTemplateId"]
        self.version("a second")
        self.aws.create_auto_scaling_group(
            AutoScalingGroupName=self.name,
            MinSize=1,
            MaxSize=9,
            DesiredCapacity=2,
            AvailabilityZones=["us-east-1a"],
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "1"},
            Tags=[{"Key": "team", "Value": "web", "PropagateAtLaunch": True}],
        )
        self.until(lambda: self.states() == ["InService"] * 2)

    def version(self, description: str, **data: Any) -> str:
        answer = self.ec2.create_launch_template_version(
            LaunchTemplateId=self.template, SourceVersion="1", VersionDescription=description, LaunchTemplateData=data
        )
        return str(answer["LaunchTemplateVersion"]["VersionNumber"])

    def start(self, version: str = "2", **preferences: Any) -> str:
        template = {"LaunchTemplateId": self.template, "Version": version}
        answer = self.aws.start_instance_refresh(
            AutoScalingGroupName=self.name, DesiredConfiguration={"LaunchTemplate": template}, Preferences=preferences
        )
        return str(answer["InstanceRefreshId"])

    def refresh(self) -> Any:
        return self.aws.describe_instance_refreshes(AutoScalingGroupName=self.name)["InstanceRefreshes"][0]

    def ended(self) -> Any:
        self.until(lambda: self.refresh()["Status"] in ENDED)
        return self.refresh()

    def group(self) -> Any:
        [row] = self.aws.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        return row

    def states(self) -> list[str]:
        return [row["LifecycleState"] for row in self.group()["Instances"]]

    def versions(self) -> list[str]:
        return sorted(row["LaunchTemplate"]["Version"] for row in self.group()["Instances"])

    def ids(self) -> list[str]:
        return [row["InstanceId"] for row in self.group()["Instances"]]

    def until(self, look: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not look():
            assert time.monotonic() < deadline, self.refresh()
            time.sleep(0.02)


@pytest.fixture
def place() -> Iterator[Place]:
    switch(pending=0.05, warmup=0.0, keeps_pointer=False, no_image=[])
    strict_aws.world().switch({"scale": 0.0004})
    made = Place()
    yield made
    strict_aws.world().switch({"scale": 1.0})
    made.aws.delete_auto_scaling_group(AutoScalingGroupName=made.name, ForceDelete=True)


def refused(code: str, act: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as problem:
        act()
    assert problem.value.response["Error"]["Code"] == code


def test_a_group_launches_the_version_that_it_names_with_its_tags(place: Place) -> None:
    assert place.versions() == ["1", "1"]
    answer = place.ec2.describe_instances(InstanceIds=place.ids())
    tags = {tag["Key"]: tag["Value"] for tag in answer["Reservations"][0]["Instances"][0]["Tags"]}
    assert (tags["team"], tags["aws:autoscaling:groupName"]) == ("web", place.name)


def test_a_refresh_replaces_every_instance_and_the_group_changes_at_its_end(place: Place) -> None:
    before = place.ids()
    id_ = place.start()
    assert place.group()["LaunchTemplate"]["Version"] == "1"
    end = place.ended()
    assert (end["InstanceRefreshId"], end["Status"], end["PercentageComplete"]) == (id_, "Successful", 100)
    assert place.group()["LaunchTemplate"]["Version"] == "2"
    assert place.versions() == ["2", "2"]
    assert not set(before) & set(place.ids())


def test_one_refresh_at_a_time(place: Place) -> None:
    place.start()
    refused("InstanceRefreshInProgress", place.start)
    place.ended()


def test_a_rollback_returns_to_what_the_group_has_and_its_percentage_falls(place: Place) -> None:
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=3600)
    place.until(lambda: place.versions() == ["1", "2"])
    place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name)
    assert place.refresh()["Status"] == "RollbackInProgress"
    end = place.ended()
    assert (end["Status"], end["PercentageComplete"]) == ("RollbackSuccessful", 0)
    assert end["RollbackDetails"]["RollbackReason"]
    assert place.versions() == ["1", "1"]
    assert place.group()["LaunchTemplate"]["Version"] == "1"


def test_a_checkpoint_waits_and_the_last_one_below_100_leaves_the_rest(place: Place) -> None:
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=1000)
    place.until(lambda: place.refresh()["PercentageComplete"] == 50)
    assert place.versions() == ["1", "2"]
    assert place.ended()["Status"] == "Successful"


def test_a_bake_comes_before_the_success_and_can_be_rolled_back(place: Place) -> None:
    place.start(BakeTime=3000)
    place.until(lambda: place.refresh()["Status"] == "Baking")
    assert place.group()["LaunchTemplate"]["Version"] == "1"
    place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name)
    assert place.ended()["Status"] == "RollbackSuccessful"
    assert place.versions() == ["1", "1"]


def test_a_cancellation_rolls_nothing_back(place: Place) -> None:
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=3600)
    place.until(lambda: place.versions() == ["1", "2"])
    place.aws.cancel_instance_refresh(AutoScalingGroupName=place.name)
    assert place.ended()["Status"] == "Cancelled"
    assert place.versions() == ["1", "2"]
    refused("ActiveInstanceRefreshNotFound", lambda: place.aws.cancel_instance_refresh(AutoScalingGroupName=place.name))
    refused(
        "ActiveInstanceRefreshNotFound", lambda: place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name)
    )


@pytest.mark.parametrize("named", ["$Latest", "$Default"])
def test_a_group_that_names_no_number_cannot_be_rolled_back(place: Place, named: str) -> None:
    template = {"LaunchTemplateId": place.template, "Version": named}
    place.aws.update_auto_scaling_group(AutoScalingGroupName=place.name, LaunchTemplate=template)
    refused("ValidationError", lambda: place.start(AutoRollback=True))
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=3600)
    refused("IrreversibleInstanceRefresh", lambda: place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name))
    place.aws.cancel_instance_refresh(AutoScalingGroupName=place.name)


def test_a_refresh_to_nothing_named_cannot_be_rolled_back(place: Place) -> None:
    place.aws.start_instance_refresh(AutoScalingGroupName=place.name)
    refused("IrreversibleInstanceRefresh", lambda: place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name))
    assert place.ended()["Status"] == "Successful"


def test_what_scales_out_during_a_refresh_is_the_old_version_and_stays(place: Place) -> None:
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=1000)
    place.until(lambda: place.refresh()["PercentageComplete"] == 50)
    place.aws.set_desired_capacity(AutoScalingGroupName=place.name, DesiredCapacity=3)
    assert place.versions() == ["1", "1", "2"]
    assert place.ended()["Status"] == "Successful"
    assert place.versions() == ["1", "2", "2"]
    place.start(SkipMatching=True)
    assert place.refresh()["InstancesToUpdate"] == 1
    assert place.ended()["Status"] == "Successful"
    assert place.versions() == ["2", "2", "2"]


def test_a_version_that_does_not_launch_fails_and_goes_back_by_itself(place: Place) -> None:
    switch(no_image=[NO_AMI])
    bad = place.version("bad", ImageId=NO_AMI)
    place.start(bad)
    assert "does not exist" in place.ended()["StatusReason"]
    assert place.refresh()["Status"] == "Failed"
    place.start(bad, AutoRollback=True)
    assert place.ended()["Status"] == "RollbackSuccessful"
    assert place.versions() == ["1", "1"]


def test_a_protected_instance_holds_a_refresh_up_for_an_hour(place: Place) -> None:
    [first, _] = place.ids()
    place.aws.set_instance_protection(AutoScalingGroupName=place.name, InstanceIds=[first], ProtectedFromScaleIn=True)
    place.start()
    end = place.ended()
    assert (end["Status"], first in end["StatusReason"]) == ("Failed", True)
    place.start(ScaleInProtectedInstances="Refresh")
    assert place.ended()["Status"] == "Successful"


def test_it_launches_before_it_terminates_if_it_may(place: Place) -> None:
    place.start(MinHealthyPercentage=100, MaxHealthyPercentage=150, InstanceWarmup=500)
    place.until(lambda: len(place.ids()) == 3)
    assert place.ended()["Status"] == "Successful"
    assert place.versions() == ["2", "2"]


def test_the_statuses_are_those_of_the_model(place: Place) -> None:
    model = place.aws.meta.service_model.shape_for("InstanceRefreshStatus")
    assert set(model.enum) == UNDER_WAY | ENDED
    assert ONWARD < UNDER_WAY


def test_a_version_starts_from_its_source_and_a_token_makes_one(place: Place) -> None:
    data = {"UserData": base64.b64encode(b"#!/bin/sh\n").decode()}
    asked: Any = {"LaunchTemplateId": place.template, "SourceVersion": "1", "ClientToken": "a" * 30}
    made = [
        place.ec2.create_launch_template_version(**asked, LaunchTemplateData=data)["LaunchTemplateVersion"]
        for _ in range(2)
    ]
    assert made[0]["VersionNumber"] == made[1]["VersionNumber"]
    assert made[0]["LaunchTemplateData"]["InstanceType"] == "t3.small"
    assert made[0]["LaunchTemplateData"]["UserData"] == data["UserData"]
    refused(
        "IdempotentParameterMismatch",
        lambda: place.ec2.create_launch_template_version(**asked, LaunchTemplateData={"ImageId": NO_AMI}),
    )


def test_answers_have_members_of_the_api_alone(place: Place) -> None:
    """moto would leave out a member that no shape has: it is looked for here before that."""
    from tagship.sandbox.asg.group import Configuration
    from tagship.sandbox.asg.refresh import InstanceRefresh, Pace
    from tagship.sandbox.aws.apart import AccountRegion

    apart = strict_aws.world().switches["asg"].args[0]  # type: ignore[attr-defined]
    api = apart.at(AccountRegion(strict_aws.world().region))
    group = api.groups[place.name]
    model = place.aws.meta.service_model
    refresh = InstanceRefresh("1", group, group.configuration, {"BakeTime": 1}, group.created, Pace(float))
    refresh.roll_back(group.created, "asked")
    refresh.reason, refresh.ended = "why", group.created
    assert isinstance(refresh.target, Configuration)
    assert not _strange(refresh.answer(), model.shape_for("InstanceRefresh"))
    answer = api.describe_auto_scaling_groups({})
    assert not _strange(answer, model.operation_model("DescribeAutoScalingGroups").output_shape)
    answer = api.describe_auto_scaling_instances({})
    assert not _strange(answer, model.operation_model("DescribeAutoScalingInstances").output_shape)


def _strange(value: Any, shape: Any) -> list[str]:
    """Members of a value that its shape does not have, or has another kind for."""
    if shape.type_name == "structure":
        unknown = [name for name in value if name not in shape.members]
        known = [each for name in value if name in shape.members for each in _strange(value[name], shape.members[name])]
        return unknown + known
    if shape.type_name == "list":
        return [each for row in value for each in _strange(row, shape.member)]
    kinds: dict[str, Any] = {"string": str, "integer": int, "boolean": bool}
    return [] if isinstance(value, kinds.get(shape.type_name, object)) else [f"{value!r} of {shape.name}"]


# -- what AWS refuses, or does without a word --------------------------------------------------------------------------


def test_a_template_that_takes_its_ami_from_a_parameter_has_no_way_back(place: Place) -> None:
    number = place.version("by parameter", ImageId="resolve:ssm:/golden/ami")
    place.start(number, CheckpointPercentages=[50, 100], CheckpointDelay=3600)
    place.until(lambda: place.refresh()["Status"] == "InProgress")
    refused("IrreversibleInstanceRefresh", lambda: place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name))
    place.aws.cancel_instance_refresh(AutoScalingGroupName=place.name)
    assert place.ended()["Status"] == "Cancelled"


def test_a_last_checkpoint_below_a_hundred_leaves_the_rest_and_calls_that_a_success(place: Place) -> None:
    place.start(CheckpointPercentages=[50], CheckpointDelay=60)
    assert place.ended()["Status"] == "Successful"
    assert place.versions() == ["1", "2"]


@pytest.mark.parametrize(
    "most", [{"MaxHealthyPercentage": 150}, {"MinHealthyPercentage": 20, "MaxHealthyPercentage": 150}]
)
def test_a_maximum_needs_its_minimum_and_is_not_far_above_it(place: Place, most: Any) -> None:
    refused("ValidationError", lambda: place.start(**most))


def test_a_group_is_not_given_a_template_while_a_refresh_brings_it_another(place: Place) -> None:
    place.start(CheckpointPercentages=[50, 100], CheckpointDelay=3600)
    template = {"LaunchTemplateId": place.template, "Version": "2"}
    refused(
        "ValidationError",
        lambda: place.aws.update_auto_scaling_group(AutoScalingGroupName=place.name, LaunchTemplate=template),
    )
    place.aws.update_auto_scaling_group(AutoScalingGroupName=place.name, MaxSize=8)
    place.aws.rollback_instance_refresh(AutoScalingGroupName=place.name)
    assert place.ended()["Status"] == "RollbackSuccessful"


@pytest.mark.parametrize("wanted", [0, 10])
def test_a_capacity_beyond_the_groups_bounds_is_refused(place: Place, wanted: int) -> None:
    refused(
        "ValidationError",
        lambda: place.aws.set_desired_capacity(AutoScalingGroupName=place.name, DesiredCapacity=wanted),
    )


def test_a_new_instance_that_ends_by_itself_holds_no_refresh_up(place: Place) -> None:
    switch(warmup=0.5)
    before = set(place.ids())
    place.start()
    place.until(lambda: bool(set(place.ids()) - before))
    [fresh] = set(place.ids()) - before
    place.ec2.terminate_instances(InstanceIds=[fresh])
    assert place.ended()["Status"] == "Successful"


def test_a_group_whose_own_image_is_gone_is_described_all_the_same(place: Place) -> None:
    switch(no_image=[GOOD_AMI])
    place.ec2.terminate_instances(InstanceIds=place.ids()[:1])
    assert len(place.group()["Instances"]) == 1
