"""A fault that befalls one call of an AWS service: before it, after it, or in place of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tagship.adapters.aws.session import Aws
from tagship.domain.change import Change
from tagship.domain.units import Report
from tagship.errors import LeaseLost, ServiceFailed
from tests.contract.answers import answer

FAULTS = ("error before", "error after", "no answer", "throttled", "killed", "lease lost")
CODES = {  # what each service calls an error of its own, and too many requests
    "ecs": ((500, "ServerException"), (400, "ThrottlingException")),
    "lambda": ((500, "ServiceException"), (429, "TooManyRequestsException")),
    "autoscaling": ((500, "InternalFailure"), (400, "Throttling")),
    "ec2": ((500, "InternalError"), (503, "RequestLimitExceeded")),
    "ssm": ((500, "InternalServerError"), (400, "ThrottlingException")),
    "cloudwatch": ((500, "InternalServiceFault"), (400, "Throttling")),
    "s3": ((500, "InternalError"), (503, "SlowDown")),
}


class Killed(BaseException):
    """The process is gone: nothing that would catch an error runs."""


@dataclass
class FaultOnce:
    """What befalls the `number`th call of a name; a `lasting` one befalls those after it too, until it is `over`.

    `of` is in the URL of each call that counts; "" counts all.
    """

    service: str
    call: str
    number: int
    kind: str
    of: str = ""
    lasting: bool = False
    seen: int = 0
    struck: int = 0
    over: bool = False
    alive: list[bool] = field(default_factory=lambda: [True])

    def __str__(self) -> str:
        return f"{self.call} {self.number}"

    def watch(self, aws: Aws) -> None:
        """Befall the calls of both clients of the service."""
        for client in (aws.client(self.service), aws.once(self.service)):
            client.meta.events.register(
                f"before-send.{self.service}.{self.call}",
                lambda request, client=client, **_: self._befall(request, client),
            )

    def _befall(self, request: Any, client: Any) -> Any:
        if self.over or not self._hits(request.url):
            return None
        self.struck += 1
        return getattr(self, f"_{self.kind.replace(' ', '_')}")(request, client)

    def _hits(self, url: str) -> bool:
        if self.of and self.of not in url.replace("?", "/").split("/"):
            return False
        self.seen += 1
        return self.seen == self.number or (self.lasting and self.seen > self.number)

    def _error_before(self, request: Any, client: Any) -> Any:
        return self._error(request, client, 0)

    def _throttled(self, request: Any, client: Any) -> Any:
        return self._error(request, client, 1)

    def _error_after(self, request: Any, client: Any) -> Any:
        client._endpoint.http_session.send(request)
        return self._error(request, client, 0)

    def _error(self, request: Any, client: Any, which: int) -> Any:
        model = client.meta.service_model
        return answer(request, *CODES[self.service][which], model.resolved_protocol)

    def _no_answer(self, request: Any, client: Any) -> Any:
        from botocore.exceptions import ReadTimeoutError

        client._endpoint.http_session.send(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    def _killed(self, _request: Any, _client: Any) -> Any:
        raise Killed

    def _lease_lost(self, _request: Any, _client: Any) -> Any:
        self.alive[0] = False  # the next heartbeat hears of it

    def tick(self, _phase: str) -> None:
        """What finish is given: it raises once the lease is lost."""
        if not self.alive[0]:
            raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")


class Place(Protocol):
    """An environment whose units a fault may befall."""

    app: Any
    fences: Iterator[int]

    def connect(self) -> Any: ...

    def change(self, artifact: tuple[str, str], action: str = "deploy", fence: int = 0) -> Change: ...


def calm(aws: Aws) -> Aws:
    """An Aws of its own, which sends a request twice in all."""
    return replace(aws, attempts=2, _sessions=[])


def under(place: Place, fault: FaultOnce, artifact: tuple[str, str], action: str = "deploy") -> dict[str, Report]:
    """Carry a change out under a fault; if the process comes to its end, the next one takes it up."""
    change, target = place.change(artifact, action), place.connect()
    fault.watch(place.app.aws)
    try:
        units = target.units()
        reports = target.finish(target.start(change, units), change, units, fault.tick)
    except (Killed, LeaseLost, ServiceFailed):
        fault.over = True
        reports = taken_up(place, change)
    fault.over = True
    return {report.unit: report for report in reports}


def taken_up(place: Place, change: Change) -> Sequence[Report]:
    """What the next process makes of it, under the next fencing number."""
    target, higher = place.connect(), replace(change, fence=next(place.fences))
    units = target.units()
    reports: Sequence[Report] = target.finish(target.start(higher, units), higher, units, lambda _: None)
    return reports
