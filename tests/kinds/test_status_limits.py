"""What `status` asks of functions stays whole under Lambda's limit of requests, which is played here.

15 requests a second of the control plane, all functions of an account and region together; GetFunction, GetPolicy and
invocations have limits of their own (Lambda Developer Guide, "Lambda quotas"). What is over it is answered as Lambda
answers it, before it is sent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from tagship.domain.units import Report
from tests.contract import strict_aws
from tests.contract.functions import Functions

A_SECOND = 15
APART = {"Invoke", "GetFunction", "GetPolicy"}
BODY = b'{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}'


@dataclass
class Limit:
    """A bucket of tokens, refilled by time; counts what was asked and what was refused."""

    left: float = A_SECOND
    at: float = field(default_factory=time.monotonic)
    asked: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, request: Any, event_name: str, **_more: Any) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        with self.lock:
            self.asked[operation] += 1
            now = time.monotonic()
            self.left, self.at = min(A_SECOND, self.left + (now - self.at) * A_SECOND), now
            if operation in APART or self.left >= 1:
                self.left -= operation not in APART
                return None
            self.refused += 1
        return AWSResponse(request.url, 429, {"x-amzn-errortype": "TooManyRequestsException"}, Raw(BODY))


class Raw:
    """The body of an answer, as urllib3 has it."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_more: Any) -> Iterator[bytes]:
        yield self.body


@pytest.fixture(scope="module")
def places() -> Iterator[list[Functions]]:
    """Five environments of ten functions each."""
    made = [Functions.made([f"f{number}" for number in range(10)]) for _ in range(5)]
    for place in made:
        place.deploy("0.1.0-dev")
    yield made
    for place in made:
        place.remove()


def test_fifty_functions_are_asked_at_once_and_none_is_unknown(places: list[Functions]) -> None:
    limit, events = Limit(), strict_aws.aws().client("lambda").meta.events
    events.register("before-send.lambda", limit.judge)
    try:
        with ThreadPoolExecutor(len(places)) as pool:
            reports: list[Report] = [report for each in pool.map(observed, places) for report in each]
    finally:
        events.unregister("before-send.lambda", limit.judge)
    assert [(report.outcome, report.serving) for report in reports] == [("healthy", "0.1.0-dev")] * 50
    assert limit.refused, "the limit was met"


def observed(place: Functions) -> list[Report]:
    target = place.connect()
    return list(target.observe(target.units(), lambda _: None))
