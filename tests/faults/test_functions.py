"""Each call of a deployment of functions, and each way in which it can go wrong: what is reported is so.

Two functions run 0.1.0-dev, and 0.1.1-dev is deployed to both. The fault strikes one function's first call of a kind
(from the start of the change on, so that an alias is read and written before, at and after the move).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tagship.adapters.aws.session import Aws
from tagship.domain.units import Report
from tagship.errors import LeaseLost, ServiceFailed
from tests.contract.functions import PATIENT, Functions, switch

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
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
FAULTS = ("error before", "error after", "no answer", "throttled", "killed", "lease lost")
MOVE = ("UpdateAlias", 2)


class Killed(BaseException):
    """The process is gone: nothing that would catch an error runs."""


@dataclass
class Fault:
    """What befalls a call of one function; `lasting` befalls those after it too, until it is `over`."""

    function: str
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
                "before-send.lambda.*",
                lambda event_name, request, client=client, **_: self.befall(event_name, request, client),
            )

    def befall(self, event: str, request: Any, client: Any) -> Any:
        if self.over or not self._hits(event.rsplit(".", maxsplit=1)[-1], request.url):
            return None
        self.struck += 1
        return getattr(self, f"_{self.kind.replace(' ', '_')}")(request, client)

    def _hits(self, call: str, url: str) -> bool:
        if call != self.call or f"/functions/{self.function}" not in url.replace("?", "/"):
            return False
        self.seen += 1
        return self.seen == self.number or (self.lasting and self.seen > self.number)

    def _error_before(self, request: Any, _client: Any) -> Any:
        return _answer(request, 500, "ServiceException")

    def _throttled(self, request: Any, _client: Any) -> Any:
        return _answer(request, 429, "TooManyRequestsException")

    def _error_after(self, request: Any, client: Any) -> Any:
        client._endpoint.http_session.send(request)
        return _answer(request, 500, "ServiceException")

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


def _answer(request: Any, status: int, code: str) -> Any:
    from botocore.awsrequest import AWSResponse

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield b'{"message": "planned"}'

        def read(self, *_: Any) -> bytes:
            return b'{"message": "planned"}'

    return AWSResponse(request.url, status, {"x-amzn-ErrorType": code}, Raw())


@pytest.fixture(scope="module")
def place() -> Iterator[Functions]:
    made = Functions.made(["one", "two"], health=PATIENT)
    made.publish(OLD)
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _at_once(place: Functions) -> None:
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    place.app.aws = _calm(place.app.aws)
    assert {report.outcome for report in place.carry_out(place.change(place.artifact(OLD))).values()} <= {
        "healthy",
        "unchanged",
    }


def _calm(aws: Aws) -> Aws:
    """An Aws of its own, which sends a request twice in all."""
    return replace(aws, attempts=2, _sessions=[])


def _under(place: Functions, fault: Fault, version: str) -> dict[str, Report] | None:
    """Deploy under a fault; None if the process came to its end."""
    change, target = place.change(place.publish(version)), place.connect()
    fault.watch(place.app.aws.client("lambda"), place.app.aws.once("lambda"))
    try:
        units = target.units()
        reports = target.finish(target.start(change, units), change, units, fault.tick)
    except (Killed, LeaseLost, ServiceFailed):
        reports = _taken_up(place, fault, change)
    fault.over = True
    return {report.unit: report for report in reports}


def _taken_up(place: Functions, fault: Fault, change: Any) -> Any:
    """What the next process makes of it, under the next fencing number."""
    fault.over = True
    target, higher = place.connect(), replace(change, fence=next(place.fences))
    units = target.units()
    return target.finish(target.start(higher, units), higher, units, lambda _: None)


VERSIONS: Callable[[], str] = iter(f"0.1.{number}-dev" for number in range(1, 1000)).__next__


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("call", "number"), CALLS)
def test_whatever_befalls_one_call_the_reports_are_true_and_the_functions_agree(
    place: Functions, call: str, number: int, kind: str
) -> None:
    fault, version = Fault(place.names[1], call, number, kind), VERSIONS()
    reports = _under(place, fault, version)
    assert fault.struck == 1, f"a deployment makes no {call} number {number}"
    assert reports
    served = dict(zip(place.names, place.serving(), strict=True))
    assert {report.unit: report.serving for report in reports.values()} == served
    assert set(served.values()) in ({OLD}, {version})
    wanted = {"healthy", "unchanged"} if set(served.values()) == {version} else {"failed", "rolled-back"}
    assert {report.outcome for report in reports.values()} <= wanted


@pytest.mark.parametrize("kind", ["error before", "error after", "no answer", "throttled"])
def test_a_function_whose_alias_cannot_be_moved_keeps_the_others_from_changing(place: Functions, kind: str) -> None:
    """The move fails each time, whether it takes effect or not: the alias is read, and says which."""
    fault, version = Fault(place.names[1], *MOVE, kind, lasting=True), VERSIONS()
    reports = _under(place, fault, version)
    assert reports
    served = dict(zip(place.names, place.serving(), strict=True))
    assert {report.unit: report.serving for report in reports.values()} == served
    assert set(served.values()) == ({OLD} if kind in {"error before", "throttled"} else {version})


def test_a_function_that_cannot_be_put_back_says_what_it_serves(place: Functions) -> None:
    """The move takes effect; from then on neither the alias's moves nor its answers come through."""
    fault, version = Fault(place.names[1], "Invoke", 2, "error before", lasting=True), VERSIONS()
    stuck = Fault(place.names[1], "UpdateAlias", 3, "error before", lasting=True)
    stuck.watch(place.app.aws.client("lambda"))
    reports = _under(place, fault, version)
    assert reports
    stuck.over = True
    bad = reports[place.names[1]]
    assert (bad.outcome, bad.serving) == ("rollback-failed", version)
    assert (reports[place.names[0]].outcome, reports[place.names[0]].serving) == ("rolled-back", OLD)


def test_a_function_that_nobody_can_read_is_no_reason_to_leave_the_others_changed(place: Functions) -> None:
    """The move is not answered, and the alias cannot be read either: it may serve either version."""
    fault, version = Fault(place.names[1], *MOVE, "no answer", lasting=True), VERSIONS()
    unread = Fault(place.names[1], "GetAlias", 2, "error before", lasting=True)
    unread.watch(place.app.aws.client("lambda"))
    reports = _under(place, fault, version)
    assert reports
    unread.over = True
    bad = reports[place.names[1]]
    assert (bad.outcome, bad.serving) == ("rollback-failed", "")
    assert "its alias cannot be read" in bad.reason
    assert (reports[place.names[0]].outcome, reports[place.names[0]].serving) == ("rolled-back", OLD)


@pytest.mark.parametrize("kind", ["error after", "no answer"])
def test_a_rollback_whose_answer_got_lost_is_not_called_unchanged(place: Functions, kind: str) -> None:
    version = VERSIONS()
    place.carry_out(place.change(place.publish(version)))
    fault = Fault(place.names[1], "UpdateAlias", 1, kind)
    fault.watch(place.app.aws.client("lambda"))
    reports = place.carry_out(place.change(place.artifact(OLD), "rollback"))
    assert fault.struck
    assert {(report.outcome, report.previous) for report in reports.values()} == {("healthy", version)}
    assert place.serving() == [OLD, OLD]
