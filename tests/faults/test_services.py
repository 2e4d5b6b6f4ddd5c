"""Each call of a deployment of services, and each way in which it can go wrong: what is reported is so.

Two services run 0.1.0-dev, and 0.1.1-dev is deployed to both. The fault strikes the second call of a kind, or the first
if there is one alone, from the start of the change on: reads and writes of either service, before and after the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tagship.domain.units import Report
from tests.contract.services import Services, switch
from tests.faults.once import FAULTS, FaultOnce, calm, under

OLD = "0.1.0-dev"
DEPLOYED = {
    "DescribeServices": (1, 2),
    "DescribeTaskDefinition": (1, 3),
    "RegisterTaskDefinition": (1, 2),
    "UpdateService": (1, 2),
    "ListServiceDeployments": (1, 2),
    "DescribeServiceDeployments": (1,),
    "ListTasks": (1,),
    "DescribeTasks": (1,),
}
CALLS = [(name, number) for name, numbers in DEPLOYED.items() for number in numbers]


@pytest.fixture(scope="module")
def place() -> Iterator[Services]:
    made = Services.made(["one", "two"], url=False)
    made.publish(OLD)
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _begins_with_the_old_one(place: Services) -> None:
    switch(throttled=0, step=0.02)
    place.app.aws = calm(place.app.aws)
    reports = place.carry_out(place.change(place.artifact(OLD), "rollback")).values()
    assert {report.outcome for report in reports} <= {"healthy", "unchanged"}
    assert place.serving() == [OLD, OLD]


VERSIONS: Callable[[], str] = iter(f"0.1.{number}-dev" for number in range(1, 1000)).__next__


def agree(place: Services, reports: dict[str, Report]) -> dict[str, str]:
    """What each service's tasks run, by digest; and every report that names a version names that one."""
    served = dict(zip(place.names, place.serving(), strict=True))
    assert reports.keys() == served.keys()
    for name, report in reports.items():
        assert report.serving in ("", served[name]), (report, served)
        assert report.serving or report.outcome == "silent", report
    return served


def require_true(reports: dict[str, Report], served: dict[str, str], version: str, otherwise: set[str]) -> None:
    """Good is said of what serves that version; of another, one of the other outcomes. Silence is no claim."""
    for name, report in reports.items():
        good = {"healthy", "unchanged", "silent"}
        assert report.outcome in (good if served[name] == version else otherwise), (report, served)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whatever_befalls_one_call_the_reports_are_true(place: Services, call: str, number: int, kind: str) -> None:
    fault, version = FaultOnce("ecs", call, number, kind), VERSIONS()
    reports = under(place, fault, place.publish(version))
    assert fault.struck == 1, f"a deployment makes no {call} number {number}"
    require_true(reports, agree(place, reports), version, {"failed", "rolled-back", "silent"})


@pytest.mark.parametrize("kind", ["error before", "error after", "no answer"])
@pytest.mark.parametrize("call", ["DescribeServices", "ListTasks", "UpdateService"])
def test_a_version_that_fails_under_a_fault_is_never_called_healthy(place: Services, call: str, kind: str) -> None:
    reports = under(place, FaultOnce("ecs", call, 2, kind), place.publish(VERSIONS(), "crash"))
    assert {report.outcome for report in reports.values()} <= {"failed", "rolled-back", "silent", "rollback-failed"}
    assert set(agree(place, reports).values()) == {OLD}


@pytest.mark.parametrize("kind", ["error before", "throttled"])
def test_a_service_that_nobody_could_update_runs_what_it_ran_and_says_so(place: Services, kind: str) -> None:
    fault = FaultOnce("ecs", "UpdateService", 2, kind, lasting=True)
    reports = under(place, fault, place.publish(VERSIONS()))
    served = agree(place, reports)
    assert served["two"] == OLD
    assert not reports["two"].good


@pytest.mark.parametrize("kind", ["error after", "no answer"])
def test_an_update_whose_answer_is_lost_each_time_is_not_called_unchanged(place: Services, kind: str) -> None:
    fault = FaultOnce("ecs", "UpdateService", 1, kind, lasting=True)
    reports = under(place, fault, place.publish(VERSIONS()))
    served = agree(place, reports)
    for name, report in reports.items():
        assert report.outcome == "healthy" or served[name] == OLD or report.outcome == "silent", (report, served)


# -- side effects of other ways ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("number", [1, 2])
def test_whatever_befalls_the_record_of_a_rollback_the_reports_are_true(
    place: Services, number: int, kind: str
) -> None:
    """A rollback registers nothing: it writes tags on the revision that ran."""
    version = VERSIONS()
    place.carry_out(place.change(place.publish(version)))
    assert place.serving() == [version, version]
    fault = FaultOnce("ecs", "TagResource", number, kind)
    reports = under(place, fault, place.artifact(OLD), "rollback")
    assert fault.struck == 1, f"a rollback makes no {fault}"
    require_true(reports, agree(place, reports), OLD, {"failed", "silent"})


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_befalls_the_stop_of_what_never_settles_it_goes_back(kind: str) -> None:
    """No breaker ends it: StopServiceDeployment does, when its time is up."""
    stuck = Services.made(["api"], url=False, service={"deploymentConfiguration": {}}, timeout=5)
    stuck.carry_out(stuck.change(stuck.publish(OLD)))
    stuck.app.aws = calm(stuck.app.aws)
    fault = FaultOnce("ecs", "StopServiceDeployment", 1, kind)
    reports = under(stuck, fault, stuck.publish("0.1.1-dev", "stuck"))
    assert fault.struck == 1, f"it makes no {fault}"
    assert {report.outcome for report in reports.values()} <= {"rolled-back", "failed", "silent"}
    assert set(agree(stuck, reports).values()) == {OLD}
    stuck.remove()
