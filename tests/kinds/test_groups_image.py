"""The AMI of a group's launch template: one that EC2 does not show is told before anything is changed.

Stock moto launches instances of any AMI. The sandbox launches those that EC2 shows, and fails like AWS otherwise.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tagship.domain.obstacle import Obstacle
from tests.contract.groups import AMI, NO_AMI, Groups, switch

FIRST, SECOND, THIRD = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
GONE = f"{NO_AMI}, which EC2 does not show: it was deregistered, or is not shared with this account"


@pytest.fixture
def place() -> Iterator[Groups]:
    made = Groups.made(["api"])
    assert made.deploy(FIRST)["api"].outcome == "healthy"
    yield made
    switch(no_image=[])
    made.remove()


def obstacles(place: Groups, version: str, action: str = "deploy") -> list[Obstacle]:
    """What is in the way of an artifact without an image."""
    manifest: Any = type("Manifest", (), {"artifact_id": version, "image": None})()
    target = place.connect()
    return list(target.obstacles(action, manifest, place.publish(version)[1], target.units()))


def launches(place: Groups, image: str) -> None:
    """Infrastructure gives the template another AMI."""
    data = {"ImageId": image, "InstanceType": "t3.micro"}
    place.ec2.create_launch_template_version(LaunchTemplateName=place.names[0], LaunchTemplateData=data)


def test_an_ami_that_is_shown_is_not_in_the_way(place: Groups) -> None:
    assert place.ec2.describe_images(ImageIds=[AMI])["Images"][0]["State"] == "available"
    assert obstacles(place, SECOND) == []


def test_one_that_infrastructure_names_and_ec2_does_not_show_is_in_the_way_of_a_deployment(place: Groups) -> None:
    launches(place, NO_AMI)
    [row] = obstacles(place, SECOND)
    assert (row.what, row.warns) == (f"{place.names[0]} launches {GONE}: no instance of it starts", False)
    advice, _, command = row.remedy.partition("; see it: ")
    assert advice == "Have infrastructure give the launch template another AMI, or share that one again"
    assert shlex.split(command) == ["aws", "ec2", "describe-images", "--image-ids", NO_AMI, "--region", "us-east-1"]
    assert place.deploy(SECOND)["api"].outcome != "healthy", "it is in the way of a refresh, too"


def test_what_runs_already_is_not_held_up_by_it_but_it_is_said(place: Groups) -> None:
    """Nothing has to start now; what scales out would not."""
    switch(no_image=[AMI])
    [row] = obstacles(place, FIRST)
    assert row.warns
    assert f"launches {AMI}, which EC2 does not show" in row.what


def test_a_rollback_to_a_version_whose_ami_is_gone_is_told_with_the_ways_on(place: Groups) -> None:
    other = next(row["ImageId"] for row in place.ec2.describe_images()["Images"] if row["Architecture"] == "x86_64")
    launches(place, other)
    assert place.deploy(SECOND)["api"].outcome == "healthy"
    assert obstacles(place, FIRST, "rollback") == []
    switch(no_image=[AMI])
    [row] = obstacles(place, FIRST, "rollback")
    assert (row.warns, row.artifact) == (False, False)
    assert row.what.startswith(f"{place.names[0]} ran {FIRST} from version 2 of its launch template, which launches ")
    assert row.what.endswith(f"{AMI}, which EC2 does not show: it was deregistered, or is not shared with this account"
                             ": no instance of it starts")  # fmt: skip
    assert [line.strip() for line in row.remedy.split("\n")] == [
        "Choose another version: inv history --env dev",
        f"Or deploy it, with the AMI that the template names now: inv deploy --version {FIRST} --env dev --allow-older",
    ]
    assert obstacles(place, SECOND, "rollback") == []
    older = replace(place.change(place.publish(FIRST)), backward=True)
    assert place.carry_out(older)["api"].outcome == "healthy", "as that deployment makes a version with the other AMI"
    [launched] = place.ec2.describe_launch_template_versions(
        LaunchTemplateName=place.names[0], Versions=[place.launches(place.names[0])]
    )["LaunchTemplateVersions"]
    assert launched["LaunchTemplateData"]["ImageId"] == other


def test_one_that_was_disabled_is_named_as_that(place: Groups) -> None:
    from tagship.adapters.targets.asg.calls import TemplateVersion
    from tagship.adapters.targets.asg.launching import _why_gone

    version = TemplateVersion("3", AMI, None)
    assert _why_gone(version, {AMI: {"State": "disabled"}}) == f"{AMI}, which is disabled"
    assert _why_gone(version, {AMI: {"State": "available"}}) == ""
    assert _why_gone(TemplateVersion("3", "resolve:ssm:/ami", None), {}) == ""
