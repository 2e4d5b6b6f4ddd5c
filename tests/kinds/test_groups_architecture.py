"""What a group would launch is compared with the artifact's image before anything changes: its AMI, its instance types.

moto launches anything; these AMIs and types are those that it describes, each with the architecture that AWS gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.targets.asg.launching import LaunchCheck
from tests.contract.groups import Groups

PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
VERSION = "0.1.0-dev"


@pytest.fixture(scope="module")
def place() -> Iterator[Groups]:
    made = Groups.made(["api"])
    yield made
    made.remove()


@pytest.fixture(scope="module")
def amis(place: Groups) -> dict[str, str]:
    """An AMI of each architecture."""
    images = place.ec2.describe_images()["Images"]
    return {image["Architecture"]: image["ImageId"] for image in images}


def obstacles(place: Groups, built: str = "", action: str = "deploy", **data: Any) -> list[tuple[str, str]]:
    """What is in the way of an artifact, once the template's newest version is so."""
    place.ec2.create_launch_template_version(LaunchTemplateName=place.names[0], LaunchTemplateData=data)
    image: Any = type("Image", (), {"platforms": {built: "sha256:ab"} if built else {}})() if built else None
    manifest: Any = type("Manifest", (), {"artifact_id": VERSION, "image": image})()
    target = place.connect()
    rows = target.obstacles(action, manifest, "", target.units())
    return [(row.what.replace(place.names[0], "api"), row.remedy) for row in rows]


@pytest.mark.parametrize(
    ("architecture", "type_", "built"), [("x86_64", "t3.micro", "linux/amd64"), ("arm64", "t4g.micro", "linux/arm64")]
)
def test_of_one_architecture_there_is_nothing_in_the_way(
    place: Groups, amis: dict[str, str], architecture: str, type_: str, built: str
) -> None:
    assert obstacles(place, "", ImageId=amis[architecture], InstanceType=type_) == []


@pytest.mark.parametrize(
    ("architecture", "type_", "built"), [("arm64", "t4g.micro", "linux/amd64"), ("x86_64", "t3.micro", "linux/arm64")]
)
def test_an_image_for_another_architecture_than_the_ami_is_told(
    place: Groups, amis: dict[str, str], architecture: str, type_: str, built: str
) -> None:
    [(what, remedy)] = obstacles(place, built, ImageId=amis[architecture], InstanceType=type_)
    wanted = PLATFORMS[architecture]
    assert (
        what == f"api launches {amis[architecture]}, which is {wanted}, and the image of {VERSION} is built for {built}"
    )
    assert wanted in remedy


def test_an_instance_type_that_cannot_start_the_ami_is_told_also_without_an_image(
    place: Groups, amis: dict[str, str]
) -> None:
    [(what, remedy)] = obstacles(place, ImageId=amis["x86_64"], InstanceType="t4g.micro")
    assert what == (
        f"api launches {amis['x86_64']}, which is x86_64, as t4g.micro, which is arm64: no instance of it starts"
    )
    assert remedy == "Have infrastructure give the launch template an AMI and instance types of one architecture"


def test_the_types_of_a_mixed_instances_policy_count_in_place_of_the_templates(
    place: Groups, amis: dict[str, str]
) -> None:
    target = place.connect()
    obstacles(place, ImageId=amis["x86_64"], InstanceType="t4g.micro")
    [group] = target._calls.groups(place.names).values()
    mixed = {"LaunchTemplate": {"Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t4g.small"}]}}
    manifest: Any = type("Manifest", (), {"artifact_id": VERSION, "image": None})()
    check = LaunchCheck(target.context.aws, target._calls, "dev")
    [row] = check.obstacles("deploy", manifest, "", [replace(group, policy=mixed)])
    assert "as t4g.small, which is arm64" in row.what


def test_a_type_that_ec2_does_not_show_is_no_reason_and_a_rollback_goes_to_what_ran(
    place: Groups, amis: dict[str, str]
) -> None:
    assert obstacles(place, ImageId=amis["x86_64"], InstanceType="x9z.huge") == []
    assert obstacles(place, "linux/arm64", "rollback", ImageId=amis["x86_64"], InstanceType="t3.micro") == []
