"""Auto Scaling groups: every way out that a failure prints, typed literally, leads out."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.ground import Ran
from tests.journeys import test_deploy_to_groups as groups
from tests.journeys.example import FIRST, files
from tests.kinds.at_a_terminal import ANSWERS, Terminal, answered
from tests.kinds.denying import denied
from tests.kinds.ground import LONGEST, CarriedOn, Ground, first, sandbox
from tests.kinds.leading_out import Calls, Failure, lead_out, of_calls
from tests.sandbox.conftest import until

APP = files("asg")["app.py"].replace(
    "\nVERSION =", '\nPAGE["healthy"] = PAGE["healthy"] and not Path("OUTSIDE").exists()\nVERSION ='
)
GROUP = groups.GROUP
STANDS_STILL = {"pending": 3600}
ENDED = ("Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed")


class Groups(CarriedOn):
    """One group of one instance."""

    place: groups.Place

    def answers(self) -> str:
        return str(self.place.answer()["version"])

    def calm(self) -> None:
        self.switch(asg={"pending": 0.2, "keeps_pointer": False, "no_image": []})

    def goes_back(self) -> bool:
        return all(row["Status"] not in ("Pending", "InProgress") for row in self.refreshes())

    def goes_on(self) -> str:
        rows = [row for row in self.refreshes() if row["Status"] not in ENDED]
        return f"instance refresh {rows[0]['InstanceRefreshId']} is {rows[0]['Status']}" if rows else ""

    def refreshes(self) -> Any:
        answer = self.place.scaling.describe_instance_refreshes(AutoScalingGroupName=GROUP)
        return answer["InstanceRefreshes"]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Groups]:
    toml = files("asg")["tagship.toml"].replace("warmup = 10", "warmup = 1")
    changed = {"app.py": APP, "tagship.toml": toml}
    with sandbox("asg", tmp_path_factory.mktemp("groups"), changed) as (running, outside):
        made = Groups(groups.Place(running), outside)
        first(made)
        yield made


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def does_not_come_up(ground: Ground) -> Ran:
    """Its instances boot, and answer 500: something outside is down."""
    ground.outside.touch()
    return ground.inv("deploy", "--version", ground.publish())


def answers_badly(ground: Ground) -> Ran:
    """Its instances answer 500, and those of the version before answer well."""
    return ground.inv("deploy", "--version", ground.publish("error"))


def a_rollback_does_not_come_up(ground: Ground) -> Ran:
    ground.outside.touch()
    return ground.inv("rollback", "--to", FIRST)


def cannot_be_put_back(ground: Ground) -> Ran:
    """It does not come up, and the identity may neither take the refresh back nor start another."""
    calls = ("StartInstanceRefresh", "RollbackInstanceRefresh", "CancelInstanceRefresh")
    return ground.inv("deploy", "--version", ground.publish("error"), before=denied(*calls, from_=2))


def under_way(ground: Groups) -> tuple[Any, str]:
    """A deployment whose refresh has begun, and gets no further."""
    ground.switch(asg=STANDS_STILL)
    version, before = ground.publish(), len(ground.refreshes())
    child = ground.launched("deploy", "--version", version)
    until(lambda: len(ground.refreshes()) > before, LONGEST)
    return child, version


def is_superseded(ground: Groups) -> Ran:
    """Somebody cancels the refresh, and has the group launch what it did before tagship."""
    child, version = under_way(ground)
    scaling = ground.place.scaling
    theirs = {"LaunchTemplate": {"LaunchTemplateName": GROUP, "Version": "1"}}
    scaling.cancel_instance_refresh(AutoScalingGroupName=GROUP)
    scaling.start_instance_refresh(AutoScalingGroupName=GROUP, DesiredConfiguration=theirs)
    ground.calm()
    return ground.ended(child, "deploy", "--version", version)


def is_interrupted(ground: Groups) -> Ran:
    """Ctrl-C, without a terminal to ask at."""
    child, version = under_way(ground)
    child.send_signal(signal.SIGINT)
    return ground.ended(child, "deploy", "--version", version)


FAILURES = {
    "nothing comes up": Failure(does_not_come_up, 7, mended=Ground.up, serves=""),
    "a rollback, and nothing comes up": Failure(a_rollback_does_not_come_up, 7, mended=Ground.up, serves=""),
    "it does not come up": Failure(answers_badly, 6),
    "it can't be put back": Failure(cannot_be_put_back, 7, serves=""),
    **of_calls(Calls("DescribeAutoScalingGroups", "StartInstanceRefresh", "StartInstanceRefresh"), unchanged=8),
    "somebody else changes it": Failure(is_superseded, 4, mended=lambda ground, _: ground.rest(), serves=""),
    "Ctrl-C": Failure(is_interrupted, 130, serves=""),
}


QUICK = ("it does not come up", "its runner dies", "Ctrl-C")  # a refresh takes long: all of them with WHOLE=1


@pytest.mark.parametrize("name", FAILURES if os.environ.get("WHOLE") else QUICK)
def test_every_way_out_of_a_failure_leads_out(ground: Groups, name: str) -> None:
    lead_out(ground, FAILURES[name])


@pytest.mark.parametrize("answer", ANSWERS)
def test_ctrl_c_at_a_terminal_asks_and_each_answer_comes_to_an_end(ground: Groups, answer: str) -> None:
    ground.begin()
    ground.switch(asg=STANDS_STILL)
    window = Terminal(ground, ground.publish())
    window.deploy()
    window.follows(GROUP)
    answered(ground, window, "group", answer)
