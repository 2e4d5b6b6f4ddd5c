"""An Auto Scaling group from the first `inv deploy-dev` to a rollback, as typed: its instances boot their user data."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship import bootstrap
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.journeys.test_release import BIN, WORKFLOW
from tests.sandbox import shapes
from tests.sandbox.conftest import client, git, repository, start, until

FIRST, SECOND, BROKEN = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
GROUP = "page-dev"
STEPS = "      - {name: Verify, run: inv verify}\n      - {name: Notify, if: always(), run: inv notify}\n"
EXAMPLE = shapes.REPOSITORY / "examples/asg"


@dataclass
class Place:
    """The practice clone of a repository that is examples/asg, and what typing there has shown."""

    running: Running
    shown: dict[str, str] = field(default_factory=dict)  # by version, what its deployment showed

    def inv(self, *words: str, fails: bool = False) -> str:
        return shapes.inv(self.running.work, *words, fails=fails)

    def commit(self, version: str, *, healthy: bool = True) -> None:
        page = {"greeting": version, "healthy": healthy}
        (self.running.work / "page.json").write_text(json.dumps(page), "utf-8")
        git(self.running.work, "commit", "--quiet", "--all", "-m", f"Greet with {version}")

    def deploy(self, version: str, *, healthy: bool = True) -> None:
        """Publish a version as CI would, and deploy it by hand."""
        self.commit(version, healthy=healthy)
        git(self.running.work, "tag", "-a", version, "-m", version)
        for verb in (bundle, publish):
            verb(bootstrap.app(self.running.work), artifact=version)
        self.shown[version] = self.inv("deploy", "--version", version, fails=not healthy)

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
    files = {path.name: path.read_text("utf-8") for path in EXAMPLE.iterdir() if path.is_file()}
    files["tasks.py"] = "from tagship.tasks import ns\n"
    files[".gitignore"] = ".tagship\n__pycache__\n"
    files[".github/workflows/deploy-dev.yml"] = WORKFLOW.replace("INSTALLED", str(BIN)) + STEPS
    root = repository(tmp_path_factory.mktemp("groups"), files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        made = Place(start(root))
        made.commit(FIRST)
        made.shown[FIRST] = made.inv("deploy-dev", "--yes", "--first")
        made.deploy(SECOND)
        made.deploy(BROKEN, healthy=False)
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
