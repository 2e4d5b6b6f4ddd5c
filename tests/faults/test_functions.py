"""Each call of a deployment of functions, and each way in which it can go wrong: what is reported is so.

Two functions run 0.1.0-dev, and 0.1.1-dev is deployed to both. The fault strikes one function's first call of a kind
(from the start of the change on, so that an alias is read and written before, at and after the move).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from tagship.domain.units import Report
from tests.contract.functions import PATIENT, Functions, switch
from tests.faults.once import FAULTS, FaultOnce, calm, under

OLD = "0.1.0-dev"
DEPLOYED = {
    "GetAlias": (1,),
    "GetFunctionConfiguration": (1, 4),
    "ListVersionsByFunction": (1,),
    "UpdateFunctionCode": (1,),
    "UpdateFunctionConfiguration": (1,),
    "PublishVersion": (1,),
    "GetProvisionedConcurrencyConfig": (1,),
    "Invoke": (1, 2),
    "UpdateAlias": (1, 2),
}
CALLS = [(name, number) for name, numbers in DEPLOYED.items() for number in numbers]
MOVE = ("UpdateAlias", 2)


@pytest.fixture(scope="module")
def place() -> Iterator[Functions]:
    made = Functions.made(["one", "two"], health=PATIENT)
    made.publish(OLD)
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _at_once(place: Functions) -> None:
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    place.app.aws = calm(place.app.aws)
    assert {report.outcome for report in place.carry_out(place.change(place.artifact(OLD))).values()} <= {
        "healthy",
        "unchanged",
    }


def fault_on(name: str, call: str, number: int, kind: str, *, lasting: bool = False) -> FaultOnce:
    """A fault of a call of that function alone."""
    return FaultOnce("lambda", call, number, kind, of=name, lasting=lasting)


VERSIONS: Callable[[], str] = iter(f"0.1.{number}-dev" for number in range(1, 1000)).__next__


def true_and_agreed(place: Functions, reports: Mapping[str, Report], version: str) -> None:
    """Each report is so, and the functions serve one version, old or new."""
    served = dict(zip(place.names, place.serving(), strict=True))
    assert {report.unit: report.serving for report in reports.values()} == served
    assert set(served.values()) in ({OLD}, {version})
    wanted = {"healthy", "unchanged"} if set(served.values()) == {version} else {"failed", "rolled-back"}
    assert {report.outcome for report in reports.values()} <= wanted


def told_truly(place: Functions, call: str, number: int, kind: str) -> None:
    """Deploy a new version while one call of the second function goes wrong."""
    fault, version = fault_on(place.names[1], call, number, kind), VERSIONS()
    reports = under(place, fault, place.publish(version))
    assert fault.struck == 1, f"a deployment makes no {call} number {number}"
    true_and_agreed(place, reports, version)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whatever_befalls_one_call_the_reports_are_true_and_the_functions_agree(
    place: Functions, call: str, number: int, kind: str
) -> None:
    told_truly(place, call, number, kind)


@pytest.mark.parametrize("kind", ["error before", "error after", "no answer", "throttled"])
def test_a_function_whose_alias_cannot_be_moved_keeps_the_others_from_changing(place: Functions, kind: str) -> None:
    """The move fails each time, whether it takes effect or not: the alias is read, and says which."""
    fault, version = fault_on(place.names[1], *MOVE, kind, lasting=True), VERSIONS()
    reports = under(place, fault, place.publish(version))
    true_and_agreed(place, reports, version)
    assert set(place.serving()) == ({OLD} if kind in {"error before", "throttled"} else {version})


def test_a_function_that_cannot_be_put_back_says_what_it_serves(place: Functions) -> None:
    """The move takes effect; from then on neither the alias's moves nor its answers come through."""
    fault, version = fault_on(place.names[1], "Invoke", 2, "error before", lasting=True), VERSIONS()
    stuck = fault_on(place.names[1], "UpdateAlias", 3, "error before", lasting=True)
    stuck.watch(place.app.aws)
    reports = under(place, fault, place.publish(version))
    stuck.over = True
    bad = reports[place.names[1]]
    assert (bad.outcome, bad.serving) == ("rollback-failed", version)
    assert (reports[place.names[0]].outcome, reports[place.names[0]].serving) == ("rolled-back", OLD)


def test_a_function_that_nobody_can_read_is_no_reason_to_leave_the_others_changed(place: Functions) -> None:
    """The move is not answered, and the alias cannot be read either: it may serve either version."""
    fault, version = fault_on(place.names[1], *MOVE, "no answer", lasting=True), VERSIONS()
    unread = fault_on(place.names[1], "GetAlias", 2, "error before", lasting=True)
    unread.watch(place.app.aws)
    reports = under(place, fault, place.publish(version))
    unread.over = True
    bad = reports[place.names[1]]
    assert (bad.outcome, bad.serving) == ("rollback-failed", "")
    assert "its alias cannot be read" in bad.reason
    assert (reports[place.names[0]].outcome, reports[place.names[0]].serving) == ("rolled-back", OLD)


@pytest.mark.parametrize("kind", ["error after", "no answer"])
def test_a_rollback_whose_answer_got_lost_is_not_called_unchanged(place: Functions, kind: str) -> None:
    version = VERSIONS()
    place.carry_out(place.change(place.publish(version)))
    fault = fault_on(place.names[1], "UpdateAlias", 1, kind)
    fault.watch(place.app.aws)
    reports = place.carry_out(place.change(place.artifact(OLD), "rollback"))
    assert fault.struck
    assert {(report.outcome, report.previous) for report in reports.values()} == {("healthy", version)}
    assert place.serving() == [OLD, OLD]


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_befalls_the_making_of_an_alias_the_reports_are_true(kind: str) -> None:
    """Of a first deployment: until then callers get what infrastructure made."""
    fresh = Functions.made(["one", "two"], health=PATIENT)
    fresh.app.aws = calm(fresh.app.aws)
    fault = fault_on(fresh.names[1], "CreateAlias", 1, kind)
    reports = under(fresh, fault, fresh.publish(OLD))
    assert fault.struck == 1, "a first deployment makes no alias"
    served = {name: answered(fresh, name) for name in fresh.names}
    assert {report.unit: report.serving for report in reports.values()} == served
    for report in reports.values():
        good = {"healthy", "unchanged"} if report.serving == OLD else {"failed", "rolled-back", "silent"}
        assert report.outcome in good, report
    fresh.remove()


def answered(place: Functions, name: str) -> str:
    """The version that callers of an alias get; "" if infrastructure's answers, or there is none yet."""
    try:
        return str(place.answer(name).get("version", ""))
    except place.client.exceptions.ResourceNotFoundException:
        return ""
