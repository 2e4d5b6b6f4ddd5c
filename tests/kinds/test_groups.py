"""Auto Scaling groups, over the sandbox's: how a refresh ends, and what AWS says that is not so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tagship.domain.asg.record import GroupRecord
from tagship.domain.units import Report
from tagship.sandbox.hosts.simulated import SimulatedHost
from tests.contract import strict_aws
from tests.contract.groups import AMI, NO_AMI, Groups, switch, until


@pytest.fixture(scope="module")
def place() -> Iterator[Groups]:
    made = Groups.made(["api"])
    yield made
    made.remove()


class Overtaking:
    """A store into which somebody writes just before the third write, which has the refresh's id."""

    def __init__(self, store: Any, body: bytes) -> None:
        self.store, self.body, self.left = store, body, 3

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def replace(self, key: str, body: bytes, etag: str) -> Any:
        self.left -= 1
        if self.left == 0:
            self.store.replace(key, self.body, etag)
        return self.store.replace(key, body, etag)


def outcome(place: Groups, version: str, fault: str = "") -> tuple[str, str, str]:
    report = place.deploy(version, fault)["api"]
    return report.outcome, report.serving, report.previous


def group(place: Groups) -> str:
    return place.names[0]


def test_a_first_version_that_fails_leaves_the_group_as_it_was(place: Groups) -> None:
    report = place.deploy("0.0.9-dev", "error")["api"]
    assert (report.outcome, report.serving, place.launches(group(place))) == ("failed", "", "1")
    assert "it runs nothing" in report.reason


def test_a_version_of_the_template_names_the_artifact_and_keeps_the_rest(place: Groups) -> None:
    assert outcome(place, "0.1.0-dev") == ("healthy", "0.1.0-dev", "")
    number = place.launches(group(place))
    answer = place.ec2.describe_launch_template_versions(LaunchTemplateName=group(place), Versions=[number])
    [version] = answer["LaunchTemplateVersions"]
    assert version["VersionDescription"].startswith("tagship 0.1.0-dev ")
    assert version["LaunchTemplateData"]["ImageId"] == AMI
    assert len(set(place.ids(group(place)))) == 2


def test_a_version_that_does_not_boot_is_taken_back_while_its_refresh_goes_on(place: Groups) -> None:
    outcome(place, "0.2.0-dev")
    before = place.launches(group(place))
    report = place.deploy("0.2.1-dev", "impostor")["api"]
    assert (report.outcome, report.serving) == ("rolled-back", "0.2.0-dev")
    assert "it runs 0.0.0-impostor" in report.reason
    assert place.serving() == ["0.2.0-dev"]
    assert place.launches(group(place)) == before


def test_a_refresh_whose_pointer_was_not_restored_is_no_rollback(place: Groups) -> None:
    """AWS says RollbackSuccessful, and whatever scales out next would be the bad version."""
    outcome(place, "0.3.0-dev")
    before = place.launches(group(place))
    switch(keeps_pointer=True)
    try:
        report = place.deploy("0.3.1-dev", "impostor")["api"]
    finally:
        switch(keeps_pointer=False)
    assert (report.outcome, report.serving) == ("rolled-back", "0.3.0-dev")
    assert "AWS's rollback left the group at version" in report.reason
    assert place.launches(group(place)) == before
    assert place.serving() == ["0.3.0-dev"]
    assert place.connect().uncommitted("0.3.0-dev") == ""


def test_what_scaled_out_in_the_middle_is_replaced_too(place: Groups) -> None:
    outcome(place, "0.4.0-dev")
    change, target = place.change(place.publish("0.4.1-dev")), place.connect()
    units = target.units()
    started = target.start(change, units)
    until(lambda: place.refreshes(group(place))[0]["PercentageComplete"] == 50)
    place.client.set_desired_capacity(AutoScalingGroupName=group(place), DesiredCapacity=3)
    [report] = target.finish(started, change, units, lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.4.1-dev")
    assert [place.answer(id_) for id_ in place.ids(group(place))] == ["0.4.1-dev"] * 3
    place.client.set_desired_capacity(AutoScalingGroupName=group(place), DesiredCapacity=2)


def test_a_rollback_goes_to_the_version_that_ran_and_makes_none(place: Groups) -> None:
    outcome(place, "0.5.0-dev")
    before = place.launches(group(place))
    outcome(place, "0.5.1-dev")
    newest = place.launches(group(place))
    [report] = place.carry_out(place.change(place.publish("0.5.0-dev"), "rollback")).values()
    assert (report.outcome, report.serving, report.previous) == ("healthy", "0.5.0-dev", "0.5.1-dev")
    assert place.launches(group(place)) == before
    template = place.ec2.describe_launch_templates(LaunchTemplateNames=[group(place)])["LaunchTemplates"][0]
    assert str(template["LatestVersionNumber"]) == newest


def test_a_version_that_infrastructure_made_meanwhile_is_taken_along(place: Groups) -> None:
    outcome(place, "0.6.0-dev")
    place.ec2.create_launch_template_version(
        LaunchTemplateName=group(place), LaunchTemplateData={"ImageId": AMI, "InstanceType": "t3.large"}
    )
    outcome(place, "0.6.1-dev")
    [first, _] = place.ids(group(place))
    answer = place.ec2.describe_instances(InstanceIds=[first])
    assert answer["Reservations"][0]["Instances"][0]["InstanceType"] == "t3.large"


def test_an_answer_that_is_lost_leaves_no_doubt(place: Groups) -> None:
    outcome(place, "0.7.0-dev")
    change, target = place.change(place.publish("0.7.1-dev")), place.connect()

    def lost(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="autoscaling")

    event = "needs-retry.autoscaling.StartInstanceRefresh"
    place.client.meta.events.register(event, lost)
    try:
        [started] = target.start(change, target.units())
    finally:
        place.client.meta.events.unregister(event, lost)
    assert started.name.startswith("instance refresh ")
    [report] = target.finish([started], change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.7.1-dev")
    assert len([row for row in place.refreshes(group(place)) if row["Status"] == "InProgress"]) == 0


def test_somebody_elses_refresh_is_neither_ours_nor_interrupted(place: Groups) -> None:
    outcome(place, "0.8.0-dev")
    place.client.start_instance_refresh(
        AutoScalingGroupName=group(place),
        Preferences={"CheckpointPercentages": [50, 100], "CheckpointDelay": 3000},
    )
    report = place.deploy("0.8.1-dev")["api"]
    assert (report.outcome, report.serving) == ("held", "0.8.0-dev")
    assert "another instance refresh" in report.reason
    until(lambda: place.refreshes(group(place))[0]["Status"] == "Successful")
    assert outcome(place, "0.8.2-dev")[0] == "healthy"


def test_a_change_that_was_accepted_after_ours_wins(place: Groups) -> None:
    """The slow process starts its refresh after a later change was accepted: it looks again, and takes that back."""
    outcome(place, "0.9.0-dev")
    low, target = place.change(place.publish("0.9.1-dev")), place.connect()
    later = replace(GroupRecord.of(low, group(place), "0.9.0-dev", "1"), fence=low.fence + 1, deployment="later")
    store = place.app.store
    place.app.store = Overtaking(store, json.dumps(later.as_data()).encode())  # type: ignore[assignment]
    try:
        assert not target.start(low, target.units())
    finally:
        place.app.store = store
    [report] = target.finish([], low, target.units(), lambda _: None)
    assert report.outcome == "held"
    until(lambda: place.refreshes(group(place))[0]["Status"] == "RollbackSuccessful")
    assert place.serving() == ["0.9.0-dev"]
    next(place.fences)


def test_what_does_not_launch_fails_goes_back_and_says_why(place: Groups) -> None:
    outcome(place, "0.10.0-dev")
    place.ec2.create_launch_template_version(LaunchTemplateName=group(place), LaunchTemplateData={"ImageId": NO_AMI})
    switch(no_image=[NO_AMI])
    report = place.deploy("0.10.1-dev")["api"]
    assert (report.outcome, report.serving) == ("rolled-back", "0.10.0-dev")
    assert NO_AMI in report.reason
    place.ec2.create_launch_template_version(LaunchTemplateName=group(place), LaunchTemplateData={"ImageId": AMI})


def test_a_refresh_that_somebody_cancelled_is_put_back(place: Groups) -> None:
    outcome(place, "0.11.0-dev")
    change, target = place.change(place.publish("0.11.1-dev", "slow")), place.connect()
    started = target.start(change, target.units())
    place.client.cancel_instance_refresh(AutoScalingGroupName=group(place))
    [report] = target.finish(started, change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("rolled-back", "0.11.0-dev")
    assert "ended Cancelled" in report.reason
    [again] = place.connect().finish(started, change, target.units(), lambda _: None)
    assert (again.outcome, again.serving) == ("rolled-back", "0.11.0-dev")
    assert place.serving() == ["0.11.0-dev"]


def test_protected_and_standby_instances_are_told_before_anything_changes(place: Groups) -> None:
    outcome(place, "0.12.0-dev")
    [first, _] = place.ids(group(place))
    asked: Any = {"AutoScalingGroupName": group(place), "InstanceIds": [first]}
    place.client.set_instance_protection(**asked, ProtectedFromScaleIn=True)
    report = place.deploy("0.12.1-dev")["api"]
    assert (report.outcome, report.serving) == ("failed", "0.12.0-dev")
    assert f"{first} is protected from scale-in" in report.reason
    place.client.set_instance_protection(**asked, ProtectedFromScaleIn=False)


def test_a_group_on_latest_can_be_seen_and_not_changed(place: Groups) -> None:
    number = place.launches(group(place))
    named = {"LaunchTemplateName": group(place), "Version": "$Latest"}
    place.client.update_auto_scaling_group(AutoScalingGroupName=group(place), LaunchTemplate=named)
    [unit] = place.connect().units()
    assert not unit.online
    assert "$Latest" in unit.problem
    assert place.connect().uncommitted("0.12.0-dev")
    named["Version"] = number
    place.client.update_auto_scaling_group(AutoScalingGroupName=group(place), LaunchTemplate=named)


def test_a_number_that_no_lease_led_to_holds_nobody_up(place: Groups) -> None:
    record = GroupRecord.of(place.change(place.publish("0.13.0-dev")), group(place), "", "1")
    forged = replace(record, fence=10**15)
    stored = place.app.store.get(place.key(group(place)))
    assert stored
    place.app.store.replace(place.key(group(place)), json.dumps(forged.as_data()).encode(), stored.etag)
    assert outcome(place, "0.13.1-dev")[0] == "healthy"


def test_a_bake_is_watched_and_taken_back_if_an_instance_fails_in_it() -> None:
    place = Groups.made(["api"], {"bake": 20})
    place.deploy("0.1.0-dev")
    change, target = place.change(place.publish("0.1.1-dev", "slow")), place.connect()
    ticks: list[str] = []
    reports: list[Report] = list(
        target.finish(target.start(change, target.units()), change, target.units(), ticks.append)
    )
    assert [report.outcome for report in reports] == ["healthy"]
    assert any("it is watched" in tick for tick in ticks)
    place.remove()


def test_what_is_found_again_is_what_a_dead_process_began(place: Groups) -> None:
    outcome(place, "0.14.0-dev")
    change = place.change(place.publish("0.14.1-dev"))
    target = place.connect()
    target._records.write(GroupRecord.of(change, group(place), "0.14.0-dev", place.launches(group(place))))
    assert [operation.units for operation in found(place, change.deployment_id)] == [(group(place),)]
    assert target.start(change, target.units())
    [report] = target.finish([], change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.14.1-dev")


def found(place: Groups, deployment: str) -> Any:
    return place.connect().operations(deployment, datetime.now(UTC) - timedelta(hours=1))


def test_the_calls_of_a_look_are_few(place: Groups) -> None:
    calls: list[str] = []
    client = place.app.aws.client("autoscaling")

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    client.meta.events.register("before-call.autoscaling", count)
    ticks: list[str] = []
    try:
        place.deploy("0.15.0-dev", ticks=ticks)
    finally:
        client.meta.events.unregister("before-call.autoscaling", count)
    described = [name for name in calls if name.startswith("Describe")]
    looks = calls.count("DescribeInstanceRefreshes")
    assert len(described) <= 2 * looks + 4
    assert strict_aws.world()


def test_an_instance_on_which_somebody_edited_files_is_named_and_replaced_by_the_same_version(place: Groups) -> None:
    outcome(place, "0.9.0-dev")
    name, number = group(place), place.launches(group(place))
    before = place.ids(name)
    host = strict_aws.world().machines[before[0]]
    assert isinstance(host, SimulatedHost)
    host.edited.append(".env")
    target = place.connect()
    [report] = target.observe(target.units(), lambda *_: None)
    assert (report.outcome, report.serving, report.edited) == ("healthy", "0.9.0-dev", (f"{before[0]}: .env",))
    assert outcome(place, "0.9.0-dev") == ("healthy", "0.9.0-dev", "0.9.0-dev")
    assert not set(before) & set(place.ids(name))
    assert place.launches(name) == number
    [report] = target.observe(target.units(), lambda *_: None)
    assert report.edited == ()
    assert outcome(place, "0.9.0-dev")[0] == "unchanged"
