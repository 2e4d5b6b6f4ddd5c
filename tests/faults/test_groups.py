"""Each call of a deployment of Auto Scaling groups, and each way in which it can go wrong: what is reported is so.

Two groups run one version, and the next is deployed to both. The fault strikes a call of that number from the start of
the change on: of Auto Scaling, of EC2 (the template's versions), of S3 (the groups' records) and of SSM (the instances
that are asked).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from tagship.domain.units import Report
from tests.contract import strict_aws
from tests.contract.groups import Groups, switch
from tests.faults.once import FAULTS, FaultOnce, calm, under

DEPLOYED: Mapping[str, Mapping[str, Sequence[int]]] = {
    "autoscaling": {
        "DescribeAutoScalingGroups": (1, 2, 3),
        "DescribeInstanceRefreshes": (1, 3, 5),
        "StartInstanceRefresh": (1, 2),
    },
    "ec2": {"DescribeLaunchTemplateVersions": (1, 3), "CreateLaunchTemplateVersion": (1, 2)},
    "s3": {"GetObject": (1, 2, 5), "PutObject": (1, 2, 3, 4)},
    "ssm": {"SendCommand": (1, 2), "ListCommandInvocations": (1,)},
}
CALLS = [
    FaultOnce(service, name, number, "")
    for service, calls in DEPLOYED.items()
    for name, numbers in calls.items()
    for number in numbers
]
GOOD, BAD = {"healthy", "unchanged"}, {"failed", "rolled-back", "rollback-failed"}
VERSIONS: Callable[[], str] = iter(f"0.1.{number}-dev" for number in range(1, 1000)).__next__


@pytest.fixture(scope="module")
def place() -> Iterator[Groups]:
    made = Groups.made(["api", "web"])
    yield made
    made.remove()


@pytest.fixture
def old(place: Groups) -> str:
    """The version that both groups run at first."""
    switch(keeps_pointer=False, no_image=[])
    place.app.aws = calm(strict_aws.aws())
    place.app.store = replace(place.app.store, aws=place.app.aws)  # type: ignore[type-var]
    version = VERSIONS()
    assert {report.outcome for report in place.deploy(version).values()} == {"healthy"}
    assert place.serving() == [version, version]
    return version


def agree(place: Groups, reports: dict[str, Report]) -> dict[str, str]:
    """What each group's instances run; and every report that names a version names that one."""
    served = dict(zip(place.names, place.serving(), strict=True))
    assert reports.keys() == served.keys()
    for name, report in reports.items():
        assert report.serving in ("", served[name]), (report, served)
        assert report.serving or report.outcome in {"silent", "rollback-failed"}, report
    return served


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_whatever_befalls_one_call_the_reports_are_true(place: Groups, old: str, call: FaultOnce, kind: str) -> None:
    fault, version = replace(call, kind=kind, alive=[True]), VERSIONS()
    reports = under(place, fault, place.publish(version))
    assert fault.struck == 1, f"a deployment makes no {call}"
    served = agree(place, reports)
    for name, report in reports.items():
        assert served[name] in {old, version}, "instances of both are left behind"
        assert report.outcome in (GOOD if served[name] == version else BAD) | {"silent"}, report
        assert place.launches(name) == launched(place, name), "what scales out next would be another version"


def launched(place: Groups, name: str) -> str:
    """The version of the template that the group's instances were launched from."""
    [number] = {row["LaunchTemplate"]["Version"] for row in place.described(name)["Instances"]}
    return str(number)


@pytest.mark.parametrize("kind", ["error before", "error after", "no answer"])
@pytest.mark.parametrize(
    ("service", "call"),
    [("autoscaling", "DescribeInstanceRefreshes"), ("autoscaling", "StartInstanceRefresh"), ("ssm", "SendCommand")],
)
def test_a_version_that_fails_under_a_fault_is_never_called_healthy(
    place: Groups, old: str, service: str, call: str, kind: str
) -> None:
    fault = FaultOnce(service, call, 3, kind)
    reports = under(place, fault, place.publish(VERSIONS(), "error"))
    assert {report.outcome for report in reports.values()} <= BAD | {"silent"}
    assert set(agree(place, reports).values()) == {old}


@pytest.mark.parametrize("kind", ["error before", "throttled"])
def test_a_group_whose_refresh_nobody_could_start_runs_what_it_ran_and_says_so(
    place: Groups, old: str, kind: str
) -> None:
    fault = FaultOnce("autoscaling", "StartInstanceRefresh", 2, kind, lasting=True)
    reports = under(place, fault, place.publish(VERSIONS()))
    served = agree(place, reports)
    assert served[place.names[1]] == old
    assert not reports[place.names[1]].good


@pytest.mark.parametrize("kind", ["error after", "no answer"])
def test_a_refresh_whose_answer_is_lost_each_time_is_found_again(place: Groups, old: str, kind: str) -> None:
    version = VERSIONS()
    fault = FaultOnce("autoscaling", "StartInstanceRefresh", 1, kind, lasting=True)
    reports = under(place, fault, place.publish(version))
    served = agree(place, reports)
    assert {report.outcome for report in reports.values()} <= {"healthy", "silent"}
    assert set(served.values()) <= {old, version}


@pytest.fixture(scope="module")
def baking() -> Iterator[tuple[Groups, str]]:
    """A group whose refresh goes on for some seconds once every instance is new; and the version that it runs."""
    made, version = Groups.made(["api"], {"bake": 100}), VERSIONS()
    assert made.deploy(version)["api"].outcome == "healthy"
    yield made, version
    made.remove()


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_befalls_the_end_of_a_refresh_that_goes_on_the_reports_are_true(
    baking: tuple[Groups, str], kind: str
) -> None:
    place, before = baking
    place.app.aws = calm(strict_aws.aws())
    fault = FaultOnce("autoscaling", "RollbackInstanceRefresh", 1, kind)
    reports = under(place, fault, place.publish(VERSIONS(), "error"))
    assert fault.struck == 1, f"it makes no {fault}"
    assert {report.outcome for report in reports.values()} <= BAD | {"silent"}
    assert set(agree(place, reports).values()) == {before}
