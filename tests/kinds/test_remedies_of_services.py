"""Services of ECS: every way out that a failure prints, typed literally, leads out."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.engine.pausing import paused
from tests.faults.ground import Ran
from tests.journeys import test_deploy_to_services as services
from tests.journeys.example import FIRST, SECOND, files
from tests.kinds.at_a_terminal import ANSWERS, Terminal, answered
from tests.kinds.denying import denied
from tests.kinds.ground import LONGEST, CarriedOn, Ground, first, sandbox
from tests.kinds.leading_out import Calls, Failure, lead_out, of_calls, settled, take
from tests.sandbox.conftest import until

APP = files("ecs")["app.py"].replace(
    "HOST, PORT =", 'CONFIG["fault"] = CONFIG["fault"] or ("crash" if Path("OUTSIDE").exists() else "")\nHOST, PORT ='
)
NORMAL = {"step": 0.3, "listed_after": 0, "throttled": 0}
STANDS_STILL = {"step": 3600}
CLUSTER, SERVICE = services.CLUSTER, services.SERVICE


class Services(CarriedOn):
    """One service, whose tasks answer."""

    place: services.Place

    def answers(self) -> str:
        return str(self.place.answer()["version"])

    def calm(self) -> None:
        self.switch(ecs=NORMAL)
        self.platform("")
        newest = self.place.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
        if newest.get("runtimePlatform"):
            definition(self)
        self.place.ecs.update_service(cluster=CLUSTER, service=SERVICE, deploymentConfiguration=ROLLING)
        for deployment in self.deployments():
            if any(hook["status"] == "AWAITING_ACTION" for hook in deployment.get("lifecycleHookDetails", ())):
                self.place.ecs.stop_service_deployment(serviceDeploymentArn=deployment["serviceDeploymentArn"])

    def goes_on(self) -> str:
        rows = self.deployments()
        return f"service deployment {rows[0]['serviceDeploymentArn']} is {rows[0]['status']}" if rows else ""

    def goes_back(self) -> bool:
        return all(row["status"] in GOING_BACK for row in self.deployments())

    def deployments(self) -> list[Any]:
        """Those that have not ended."""
        rows = self.place.ecs.list_service_deployments(cluster=CLUSTER, service=SERVICE, status=GOING_ON)
        arns = [row["serviceDeploymentArn"] for row in rows["serviceDeployments"]]
        if not arns:
            return []
        whole = self.place.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return [row for row in whole if row["status"] in GOING_ON]


GOING_BACK = ["STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"]
GOING_ON = ["PENDING", "IN_PROGRESS", *GOING_BACK]
MADE = (
    *("family", "requiresCompatibilities", "networkMode", "cpu", "memory", "containerDefinitions", "executionRoleArn"),
)
ROLLING: Any = {"strategy": "ROLLING", "maximumPercent": 200, "minimumHealthyPercent": 100}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    port = services.free_port()
    toml = files("ecs")["tagship.toml"].replace("8734", str(port))
    with sandbox("ecs", tmp_path_factory.mktemp("services"), {"tagship.toml": toml, "app.py": APP}) as (
        running,
        outside,
    ):
        made = Services(services.Place(running, url=f"http://127.0.0.1:{port}"), outside)
        first(made)
        yield made


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def crashes(ground: Ground) -> Ran:
    """Its tasks exit, for something outside is down: ECS goes back."""
    ground.outside.touch()
    return ground.inv("deploy", "--version", ground.publish())


def crashes_again(ground: Ground) -> Ran:
    """A rollback whose version can't start by now."""
    ground.outside.touch()
    return ground.inv("rollback", "--to", FIRST)


def cannot_be_put_back(ground: Ground) -> Ran:
    """It answers badly, and the identity may not have the service go back."""
    return ground.inv("deploy", "--version", ground.publish("error"), before=denied("UpdateService", from_=2))


def under_way(ground: Services) -> tuple[Any, str]:
    """A deployment whose service deployment has begun, and gets no further."""
    ground.switch(ecs=STANDS_STILL)
    version = ground.publish()
    child = ground.launched("deploy", "--version", version)
    until(lambda: runs(ground) not in {"", SECOND}, LONGEST)
    return child, version


def is_superseded(ground: Services) -> Ran:
    """Somebody has the service run another revision meanwhile."""
    child, version = under_way(ground)
    ground.place.ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=f"{SERVICE}:1")
    ground.switch(ecs=NORMAL)
    return ground.ended(child, "deploy", "--version", version)


def is_interrupted(ground: Services) -> Ran:
    """Ctrl-C, without a terminal to ask at."""
    child, version = under_way(ground)
    child.send_signal(signal.SIGINT)
    return ground.ended(child, "deploy", "--version", version)


def lost_its_image(ground: Services) -> Ran:
    version = ground.publish(anew=True)
    shutil.rmtree(image_of(ground, version))
    del ground.published[""]
    return ground.inv("deploy", "--version", version)


def is_for_other_processors(ground: Services) -> Ran:
    """Infrastructure has the newest revision run on arm64; the image is built for amd64."""
    version = ground.publish()
    definition(ground, runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"})
    return ground.inv("deploy", "--version", version)


def of_its_processors(ground: Services, command: str) -> None:
    """The next image is built for them; or infrastructure takes others."""
    if command.startswith("inv deploy-dev"):
        ground.platform("linux/arm64")
    else:
        definition(ground)


def was_deregistered(ground: Services) -> Ran:
    """A rollback to a version whose revision somebody deregistered."""
    ecs = ground.place.ecs
    for arn in ecs.list_task_definitions(familyPrefix=SERVICE)["taskDefinitionArns"]:
        tags = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])["tags"]
        if any(tag["value"].startswith(FIRST) for tag in tags):
            ecs.deregister_task_definition(taskDefinition=arn)
    return ground.inv("rollback", "--to", FIRST)


def runs(ground: Services) -> str:
    """The version that the service was brought to."""
    [service] = ground.place.ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
    tags = ground.place.ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])["tags"]
    return next((tag["value"].partition(" ")[0] for tag in tags if tag["key"] == "tagship:artifact"), "")


def image_of(ground: Services, version: str) -> Path:
    images = ground.running.images(lambda _: None)
    image = images.find("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop", version)
    assert image
    return images.folder / image.digest.replace(":", "-")


def definition(ground: Services, **changed: Any) -> None:
    """Register a revision as infrastructure does: of the first one, with changes."""
    row = ground.place.ecs.describe_task_definition(taskDefinition=f"{SERVICE}:1")["taskDefinition"]
    ground.place.ecs.register_task_definition(**{name: row[name] for name in MADE}, **changed)


FAILURES = {
    "its tasks exit": Failure(crashes, 6, mended=Ground.up),
    "a rollback's tasks exit": Failure(crashes_again, 6, mended=Ground.up),
    "it can't be put back": Failure(cannot_be_put_back, 7, serves=""),
    **of_calls(Calls(asks="DescribeServices", changes="UpdateService", begins="UpdateService"), unchanged=8),
    "somebody else changes it": Failure(is_superseded, 4, serves=""),
    "Ctrl-C": Failure(is_interrupted, 130, serves=""),
    "its image is gone": Failure(lost_its_image, 5),
    "it is for other processors": Failure(is_for_other_processors, 5, mended=of_its_processors),
    "its revision is inactive": Failure(was_deregistered, 3),
}


@pytest.mark.parametrize("name", FAILURES)
def test_every_way_out_of_a_failure_leads_out(ground: Services, name: str) -> None:
    lead_out(ground, FAILURES[name])


@pytest.mark.parametrize("answer", ANSWERS)
def test_ctrl_c_at_a_terminal_asks_and_each_answer_comes_to_an_end(ground: Services, answer: str) -> None:
    ground.begin()
    ground.switch(ecs=STANDS_STILL)
    window = Terminal(ground, ground.publish())
    window.deploy()
    window.follows(SERVICE)
    answered(ground, window, "service", answer)


WAIT = {"timeoutInMinutes": 1440, "action": "ROLLBACK"}
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "timeoutConfiguration": WAIT}
PAUSED: Any = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [PAUSE]}
WAYS = "To go back: inv rollback --env dev. To go on: inv continue --env dev"


@pytest.mark.parametrize("command", ["inv continue --env dev", "inv rollback --env dev"])
def test_each_way_on_from_a_pause_leads_on(ground: Services, command: str) -> None:
    ground.begin()
    ground.place.ecs.update_service(cluster=CLUSTER, service=SERVICE, deploymentConfiguration=PAUSED)
    version = ground.publish(anew=True)
    child = ground.launched("deploy", "--version", version)
    until(lambda: (waiting := paused(ground.app, "dev")) and waiting.pauses, LONGEST)
    typed = take(ground, command)
    ended = ground.ended(child, "deploy", "--version", version)
    assert WAYS in ended.out + ended.err, ended.out + ended.err
    goes_on = "continue" in command
    assert (ended.code == 0) == goes_on, ended.out + ended.err
    settled(ground, typed)
    assert ground.answers() == (version if goes_on else SECOND)
