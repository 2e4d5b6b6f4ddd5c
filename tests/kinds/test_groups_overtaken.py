"""Auto Scaling groups that somebody else changes meanwhile: AWS runs one refresh at a time, whoever began it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tagship.domain.units import Report
from tagship.ports.target import Stoppable
from tests.contract.groups import Groups, until

SLOW = {"CheckpointPercentages": [50, 100], "CheckpointDelay": 3000}


@pytest.fixture
def place() -> Iterator[Groups]:
    made = Groups.made(["api"])
    yield made
    made.remove()


def cancelled(place: Groups, version: str, then: str) -> Report:
    """Deploy; somebody cancels that refresh, and begins one to another version of the template."""
    change, target = place.change(place.publish(version, "slow")), place.connect()
    started = target.start(change, target.units())
    place.client.cancel_instance_refresh(AutoScalingGroupName=place.names[0])
    until(lambda: place.refreshes(place.names[0])[0]["Status"] == "Cancelled")
    theirs = {"LaunchTemplate": {"LaunchTemplateName": place.names[0], "Version": then}}
    place.client.start_instance_refresh(
        AutoScalingGroupName=place.names[0], DesiredConfiguration=theirs, Preferences=SLOW
    )
    [report] = target.finish(started, change, target.units(), lambda _: None)
    return report


@pytest.mark.parametrize("theirs", ["1", "the version before"])
def test_a_refresh_that_took_the_place_of_ours_is_not_a_failure_of_the_version(place: Groups, theirs: str) -> None:
    assert place.deploy("0.1.0-dev")["api"].outcome == "healthy"
    before = place.launches(place.names[0])
    report = cancelled(place, "0.1.1-dev", theirs if theirs.isdigit() else before)
    assert (report.outcome, report.serving, report.unseen) == ("superseded", "", True)
    theirs, ours = place.refreshes(place.names[0])[:2]
    assert report.reason == (
        f"somebody else replaces its instances by now (instance refresh {theirs['InstanceRefreshId']})"
    )
    assert (theirs["Status"], ours["Status"]) == ("InProgress", "Cancelled")


def test_a_refresh_that_a_person_has_stopped_goes_back_and_is_followed_to_its_end(place: Groups) -> None:
    assert place.deploy("0.1.0-dev")["api"].outcome == "healthy"
    before = place.launches(place.names[0])
    change, target = place.change(place.publish("0.1.1-dev", "slow")), place.connect()
    assert isinstance(target, Stoppable)
    started = target.start(change, target.units())
    target.stop(started)
    [report] = target.finish(started, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("rolled-back", "0.1.0-dev")
    assert place.refreshes(place.names[0])[0]["Status"] == "RollbackSuccessful"
    assert (place.launches(place.names[0]), place.serving()) == (before, ["0.1.0-dev"])
