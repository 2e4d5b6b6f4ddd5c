"""An Auto Scaling group from the first `inv deploy-dev` to a rollback, as typed: its instances boot their user data."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tests.journeys.example import BROKEN, FIRST, SECOND, Example, files, greeting
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import client, repository, start, until

GROUP = "page-dev"


class Place(Example):
    """examples/asg: instances that boot their user data."""

    def version(self, version: str, fault: str) -> Mapping[str, str]:
        return {"page.json": greeting(version, healthy=not fault)}

    def answer(self) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.running.hosts[0].port}/healthz", timeout=5) as answer:
            return json.load(answer)

    @property
    def scaling(self) -> Any:
        return client(self.running, "autoscaling")

    def group(self) -> Any:
        [group] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
        return group

    def ids(self) -> list[str]:
        return [row["InstanceId"] for row in self.group()["Instances"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox to which two good versions and a broken one were deployed, the first by CI."""
    root = repository(tmp_path_factory.mktemp("groups"), files("asg"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        made = Place(start(root))
        made.release(FIRST, "--first")
        made.deploy(SECOND)
        made.deploy(BROKEN, "error")
        yield made
    lifecycle.down(root)
    assert not processes.belonging(made.running.folder)


def test_a_release_ends_with_an_instance_that_booted_it(place: Place) -> None:
    assert f"{FIRST} is healthy on dev" in place.shown[FIRST]
    assert f"{SECOND} is healthy on dev (page-dev) after " in place.shown[SECOND]
    assert place.answer() == {"greeting": SECOND, "version": SECOND}
    assert all((place.running.folder / "hosts" / id_ / "user-data").is_file() for id_ in place.ids())


def test_a_version_that_does_not_come_up_is_taken_back_while_the_old_one_serves(place: Place) -> None:
    shown = place.shown[BROKEN]
    assert f"error: {BROKEN} failed on dev (" in shown
    assert "its version did not become healthy" in shown
    assert "the last answer: 500" in shown
    assert f"now: {SECOND} is serving." in shown
    refreshes = place.scaling.describe_instance_refreshes(AutoScalingGroupName=GROUP)["InstanceRefreshes"]
    assert refreshes[0]["Status"] == "RollbackSuccessful"


def test_what_scales_out_boots_what_serves_and_status_sees_each_instance(place: Place) -> None:
    place.scaling.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=2)
    until(lambda: len(place.ids()) == 2 and "as recorded" in place.inv("status"), seconds=60)
    place.scaling.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=1)


def test_a_rollback_goes_to_the_version_of_the_template_that_ran(place: Place) -> None:
    ec2 = client(place.running, "ec2")
    shown = place.inv("rollback", "--to", FIRST)
    assert f"{FIRST} is healthy on dev" in shown
    assert place.answer()["version"] == FIRST
    number = place.group()["LaunchTemplate"]["Version"]
    [version] = ec2.describe_launch_template_versions(LaunchTemplateName=GROUP, Versions=[number])[
        "LaunchTemplateVersions"
    ]
    assert version["VersionDescription"].startswith(f"tagship {FIRST} ")
    assert "there is nothing to heal" in place.inv("heal", "--env", "dev")


def test_user_data_for_a_template_of_ones_own_is_printed(place: Place) -> None:
    assert "# First boot of page on dev." in place.inv("user-data", "--env", "dev")
