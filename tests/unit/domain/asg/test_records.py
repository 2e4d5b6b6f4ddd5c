"""What is written of groups and read back, and what AWS's descriptions of them say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tagship.domain.asg.group import GroupFacts, group_of
from tagship.domain.asg.record import GroupRecord, VersionLabel
from tagship.domain.asg.refresh import Preferences, refresh_of
from tagship.domain.change import Change

SHA = "0" * 64
CHANGE = Change("deploy", "hello", "dev", "0.1.2-dev", SHA, "20261120-120000-000000-abcdef", 7)
PREFERENCES = Preferences(90, 100, -1, (), 10, 0, "refuse", "refuse", ())


def row(**more: Any) -> dict[str, Any]:
    template = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "Version": "3"}
    member = {"InstanceId": "i-1", "LifecycleState": "InService", "LaunchTemplate": template}
    return {
        "AutoScalingGroupName": "web",
        "DesiredCapacity": 1,
        "LaunchTemplate": template,
        "Instances": [member],
        **more,
    }


def test_a_label_is_read_back_and_fits_into_a_description() -> None:
    label = VersionLabel("v" * 64, SHA, CHANGE.deployment_id)
    assert VersionLabel.read(label.text()) == label
    assert len(label.text()) <= 255
    assert label.same(replace(label, deployment="another"))
    assert not label.same(replace(label, artifact="0.1.3-dev"))


@pytest.mark.parametrize("text", ["", "web servers of spring", "tagship", "tagship 0.1.2-dev"])
def test_a_description_of_somebody_elses_is_no_label(text: str) -> None:
    assert VersionLabel.read(text) is None


def test_a_record_is_read_back_and_is_of_one_group() -> None:
    record = GroupRecord.of(CHANGE, "web", "0.1.1-dev", "3")
    assert GroupRecord.read(record.as_data(), "hello", "dev", "web") == record
    assert record.belongs_to(CHANGE)
    assert not record.belongs_to(replace(CHANGE, action="rollback"))
    for place in (("hello", "dev", "api"), ("hello", "prod", "web"), ("bye", "dev", "web")):
        assert GroupRecord.read(record.as_data(), *place) is None


@pytest.mark.parametrize("change", [{"fence": "7"}, {"kind": "pointer"}, {"more": 1}, {"previous": None}])
def test_a_record_that_somebody_wrote_is_none(change: dict[str, Any]) -> None:
    values = {**GroupRecord.of(CHANGE, "web", "", "3").as_data(), **change}
    assert GroupRecord.read(values, "hello", "dev", "web") is None


def test_a_refresh_leads_to_the_groups_own_configuration_at_another_version() -> None:
    assert group_of(row()).desired_configuration("4") == {
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "4"}
    }
    policy: dict[str, Any] = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "3"},
            "Overrides": [{"InstanceType": "t3.small"}],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 1},
    }
    mixed = group_of({**row(), "LaunchTemplate": None, "MixedInstancesPolicy": policy})
    assert mixed.version == "3"
    wanted = mixed.desired_configuration("4")["MixedInstancesPolicy"]
    assert wanted["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] == "4"
    assert wanted["LaunchTemplate"]["Overrides"] == [{"InstanceType": "t3.small"}]
    assert wanted["InstancesDistribution"] == {"OnDemandBaseCapacity": 1}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "$Latest"}}, "the version $Latest"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}, "the version $Default"),
        ({"LaunchTemplate": {}}, "launch configuration"),
        ({"Status": "Delete in progress"}, "being deleted"),
        (
            {
                "MixedInstancesPolicy": {
                    "LaunchTemplate": {
                        "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "3"},
                        "Overrides": [{"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-2"}}],
                    }
                }
            },
            "overrides the launch template",
        ),
    ],
)
def test_a_group_that_no_refresh_can_bring_back_is_unfit(more: dict[str, Any], reason: str) -> None:
    assert reason in group_of(row(**more)).unfit
    assert group_of(row()).unfit == ""
    latest = row(LaunchTemplate={"LaunchTemplateId": "lt-1", "Version": "$Latest"})
    assert "--profile acme" in group_of(latest, "acme").unfit


def held(**states: Any) -> GroupFacts:
    members = [
        {"InstanceId": "i-1", "LifecycleState": "InService", **states},
        {"InstanceId": "i-2", "LifecycleState": "InService"},
    ]
    return group_of(row(Instances=members))


def test_instances_that_a_refresh_would_wait_for_are_named_before() -> None:
    assert held(ProtectedFromScaleIn=True).in_the_way("refuse", "refuse") == "i-1 is protected from scale-in"
    assert held(LifecycleState="Standby").in_the_way("refuse", "refuse") == "i-1 is in standby"
    assert held(ProtectedFromScaleIn=True).in_the_way("replace", "refuse") == ""
    assert held(LifecycleState="Standby").in_the_way("refuse", "wait") == ""
    assert held().in_the_way("refuse", "refuse") == ""


def test_instances_that_leave_are_not_counted() -> None:
    assert [member.id for member in held(LifecycleState="Terminating:Wait").present] == ["i-2"]


def test_a_refresh_says_how_far_it_is_and_why_it_ended() -> None:
    base = {"InstanceRefreshId": "r-1", "Status": "InProgress", "PercentageComplete": 50, "InstancesToUpdate": 2}
    wanted = {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "4"}}
    refresh = refresh_of({**base, "DesiredConfiguration": wanted})
    assert (refresh.version, refresh.under_way, refresh.progress) == ("4", True, "50 %, 2 to replace")
    back = refresh_of({**base, "Status": "RollbackSuccessful", "RollbackDetails": {"RollbackReason": "An alarm."}})
    assert (back.under_way, back.returns, back.why) == (
        False,
        True,
        "the instance refresh ended RollbackSuccessful: An alarm",
    )


def test_no_empty_list_of_checkpoints_is_sent_and_delays_are_minutes() -> None:
    """terraform-provider-aws #21656: with an empty list, a refresh stays Pending for ever."""
    assert "CheckpointPercentages" not in PREFERENCES.request()
    asked = replace(PREFERENCES, checkpoints=(50, 100), bake=3).request()
    assert (asked["CheckpointDelay"], asked["BakeTime"], asked["AutoRollback"]) == (600, 180, True)


def test_on_the_way_back_nothing_waits_and_what_is_right_stays() -> None:
    asked = replace(PREFERENCES, checkpoints=(50, 100), bake=3, protected="replace", standby="replace").request(
        back=True
    )
    assert not {"CheckpointDelay", "BakeTime", "AutoRollback"} & asked.keys()
    assert (asked["SkipMatching"], asked["ScaleInProtectedInstances"], asked["StandbyInstances"]) == (
        True, "Refresh", "Terminate",
    )  # fmt: skip
