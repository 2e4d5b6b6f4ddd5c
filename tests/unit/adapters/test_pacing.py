"""Requests are spread once one was refused for their number, and no others wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.adapters.aws.pacing import LASTS, Pacing


@dataclass
class Answer:
    status_code: int


@dataclass
class Operation:
    name: str


@dataclass
class Time:
    at: float = 100.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))


def made() -> tuple[Pacing, Time]:
    clock = Time()
    return Pacing(10.0, clock.now, clock.wait), clock


def send(pacing: Pacing, times: int = 1, operation: str = "GetAlias") -> None:
    for _ in range(times):
        pacing._wait(event_name=f"before-send.lambda.{operation}", request=None)


def answer(pacing: Pacing, status: int | None, operation: str = "GetAlias") -> None:
    response: Any = (Answer(status), {}) if status else None
    pacing._note(response=response, operation=Operation(operation), caught_exception=None)


def test_nothing_waits_before_one_was_refused() -> None:
    pacing, clock = made()
    send(pacing, 50)
    for status in (200, 500, None):
        answer(pacing, status)
    send(pacing)
    assert clock.waits == []


def test_requests_are_spread_after_one_was_refused_and_for_a_while() -> None:
    pacing, clock = made()
    answer(pacing, 429)
    send(pacing, 4)
    assert clock.waits == [0.0, 0.1, 0.2, 0.3]
    clock.at += LASTS + 1
    send(pacing, 4)
    assert len(clock.waits) == 4


@pytest.mark.parametrize("operation", ["Invoke", "GetFunction", "GetPolicy"])
def test_what_has_a_limit_of_its_own_neither_waits_nor_makes_others_wait(operation: str) -> None:
    pacing, clock = made()
    answer(pacing, 429, operation)
    send(pacing)
    assert clock.waits == []
    answer(pacing, 429)
    send(pacing, 3, operation)
    assert clock.waits == []
