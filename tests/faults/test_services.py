"""Each call of a deployment of services, and each way in which it can go wrong: what is reported is so.

Two services run 0.1.0-dev, and 0.1.1-dev is deployed to both. The fault strikes the second call of a kind, or the first
if there is one alone, from the start of the change on: reads and writes of either service, before and after the update.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tagship.adapters.aws.session import Aws
from tagship.domain.units import Report
from tagship.errors import LeaseLost, ServiceFailed
from tests.contract.answers import answer
from tests.contract.services import Services, switch

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
FAULTS = ("error before", "error after", "no answer", "throttled", "killed", "lease lost")


class Killed(BaseException):
    """The process is gone: nothing that would catch an error runs."""


@dataclass
class Fault:
    """What befalls a call; `lasting` befalls those after it too, until it is `over`."""

    call: str
    number: int
    kind: str
    lasting: bool = False
    seen: int = 0
    struck: int = 0
    over: bool = False
    alive: list[bool] = field(default_factory=lambda: [True])

    def watch(self, *clients: Any) -> None:
        for client in clients:
            client.meta.events.register(
                "before-send.ecs.*",
                lambda event_name, request, client=client, **_: self.befall(event_name, request, client),
            )

    def befall(self, event: str, request: Any, client: Any) -> Any:
        if self.over or not self._hits(event.rsplit(".", maxsplit=1)[-1]):
            return None
        self.struck += 1
        return getattr(self, f"_{self.kind.replace(' ', '_')}")(request, client)

    def _hits(self, call: str) -> bool:
        if call != self.call:
            return False
        self.seen += 1
        return self.seen == self.number or (self.lasting and self.seen > self.number)

    def _error_before(self, request: Any, _client: Any) -> Any:
        return answer(request, 500, "ServerException")

    def _throttled(self, request: Any, _client: Any) -> Any:
        return answer(request, 400, "ThrottlingException")

    def _error_after(self, request: Any, client: Any) -> Any:
        client._endpoint.http_session.send(request)
        return answer(request, 500, "ServerException")

    def _no_answer(self, request: Any, client: Any) -> Any:
        from botocore.exceptions import ReadTimeoutError

        client._endpoint.http_session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    def _killed(self, _request: Any, _client: Any) -> Any:
        raise Killed

    def _lease_lost(self, _request: Any, _client: Any) -> Any:
        self.alive[0] = False  # the next heartbeat hears of it

    def tick(self, _phase: str) -> None:
        if not self.alive[0]:
            raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")


@pytest.fixture(scope="module")
def place() -> Iterator[Services]:
    made = Services.made(["one", "two"], url=False)
    made.publish(OLD)
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _begins_with_the_old_one(place: Services) -> None:
    switch(throttled=0, step=0.02)
    place.app.aws = _calm(place.app.aws)
    reports = place.carry_out(place.change(place.artifact(OLD), "rollback")).values()
    assert {report.outcome for report in reports} <= {"healthy", "unchanged"}
    assert place.serving() == [OLD, OLD]


def _calm(aws: Aws) -> Aws:
    """An Aws of its own, which sends a request twice in all."""
    return replace(aws, attempts=2, _sessions=[])


def _under(place: Services, fault: Fault, version: str, broken: str = "") -> dict[str, Report]:
    """Deploy under a fault; if the process comes to its end, the next one takes it up."""
    change, target = place.change(place.publish(version, broken)), place.connect()
    fault.watch(place.app.aws.client("ecs"), place.app.aws.once("ecs"))
    try:
        units = target.units()
        reports = target.finish(target.start(change, units), change, units, fault.tick)
    except (Killed, LeaseLost, ServiceFailed):
        reports = _taken_up(place, fault, change)
    fault.over = True
    return {report.unit: report for report in reports}


def _taken_up(place: Services, fault: Fault, change: Any) -> Any:
    """What the next process makes of it, under the next fencing number."""
    fault.over = True
    target, higher = place.connect(), replace(change, fence=next(place.fences))
    units = target.units()
    return target.finish(target.start(higher, units), higher, units, lambda _: None)


VERSIONS: Callable[[], str] = iter(f"0.1.{number}-dev" for number in range(1, 1000)).__next__


def agree(place: Services, reports: dict[str, Report]) -> dict[str, str]:
    """What each service's tasks run, by digest; and every report that names a version names that one."""
    served = dict(zip(place.names, place.serving(), strict=True))
    assert reports.keys() == served.keys()
    for name, report in reports.items():
        assert report.serving in ("", served[name]), (report, served)
        assert report.serving or report.outcome == "silent", report
    return served


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whatever_befalls_one_call_the_reports_are_true(place: Services, call: str, number: int, kind: str) -> None:
    fault, version = Fault(call, number, kind), VERSIONS()
    reports = _under(place, fault, version)
    assert fault.struck == 1, f"a deployment makes no {call} number {number}"
    served = agree(place, reports)
    for name, report in reports.items():
        if served[name] == version:
            assert report.outcome in {"healthy", "unchanged", "silent"}, report
        else:
            assert report.outcome in {"failed", "rolled-back", "silent"}, report


@pytest.mark.parametrize("kind", ["error before", "error after", "no answer"])
@pytest.mark.parametrize("call", ["DescribeServices", "ListTasks", "UpdateService"])
def test_a_version_that_fails_under_a_fault_is_never_called_healthy(place: Services, call: str, kind: str) -> None:
    fault = Fault(call, 2, kind)
    reports = _under(place, fault, VERSIONS(), "crash")
    assert {report.outcome for report in reports.values()} <= {"failed", "rolled-back", "silent", "rollback-failed"}
    assert set(agree(place, reports).values()) == {OLD}


@pytest.mark.parametrize("kind", ["error before", "throttled"])
def test_a_service_that_nobody_could_update_runs_what_it_ran_and_says_so(place: Services, kind: str) -> None:
    fault = Fault("UpdateService", 2, kind, lasting=True)
    reports = _under(place, fault, VERSIONS())
    served = agree(place, reports)
    assert served["two"] == OLD
    assert not reports["two"].good


@pytest.mark.parametrize("kind", ["error after", "no answer"])
def test_an_update_whose_answer_is_lost_each_time_is_not_called_unchanged(place: Services, kind: str) -> None:
    version = VERSIONS()
    reports = _under(place, Fault("UpdateService", 1, kind, lasting=True), version)
    served = agree(place, reports)
    for name, report in reports.items():
        assert report.outcome == "healthy" or served[name] == OLD or report.outcome == "silent", (report, served)
