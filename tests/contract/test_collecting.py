"""What is shown while hosts are waited for: one of them is asked now and then, and nothing depends on that.

Answers are played by hand. That a host says where it is: tests/program/test_host_settled.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.adapters.targets.ec2.collecting import ASK, Collecting, Glimpse
from tagship.adapters.targets.ec2.sending import Sent
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import ServiceFailed
from tests.fakes.clock import FakeClock

HOSTS = [Unit("i-1", "web-1", True, noun="host"), Unit("i-2", "web-2", True, noun="host")]
ASKING = "attempt 5 of 15: it answered 500; up to 483 s more"


@dataclass
class Played:
    """SSM: the change ends after `seconds`; a question is answered with `facts`."""

    clock: FakeClock
    seconds: float = 60
    facts: dict[str, Any] = field(default_factory=lambda: {"asking": ASKING})
    asked: list[str] = field(default_factory=list)
    calls: int = 0
    fails: bool = False

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    def ended(self, command: str, awaited: set[str]) -> dict[str, Report]:
        self.calls += 1
        if command.startswith("question"):
            if self.fails:
                raise ServiceFailed("SSM is away.", remedy="Wait")
            return {host: Report(host, "healthy", facts=self.facts) for host in awaited}
        over = (self.clock.now() - self.began).total_seconds() >= self.seconds
        return {host: Report(host, "failed", reason="it answered 500") for host in awaited} if over else {}

    def send(self, ids: Sequence[str]) -> Sent:
        self.asked += ids
        return Sent([Operation(f"question {len(self.asked)}", "", "status", "", tuple(ids))])


def collected(played: Played) -> list[str]:
    ticks: list[str] = []
    change = Operation("change", "SSM command change", "deploy", "0.1.0-dev", ("i-1", "i-2"))
    collecting = Collecting(played, played.clock, lambda: {"i-1", "i-2"}, Glimpse(played.send))  # type: ignore[arg-type]
    reports = collecting.collect(Sent([change]), HOSTS, 900, ticks.append)
    assert [report.outcome for report in reports] == ["failed", "failed"]
    return list(dict.fromkeys(ticks))


def test_after_a_while_one_host_is_asked_what_it_is_at() -> None:
    played = Played(FakeClock())
    assert collected(played) == ["waiting for 2 hosts", f"waiting for 2 hosts; {ASKING}", "2 of 2 hosts answered"]
    assert set(played.asked) == {"i-1"}
    assert 2 <= len(played.asked) <= 60 / ASK


def test_a_deployment_that_is_quick_asks_nothing_more() -> None:
    played = Played(FakeClock(), seconds=ASK - 5)
    assert collected(played) == ["waiting for 2 hosts", "2 of 2 hosts answered"]
    assert not played.asked


@pytest.mark.parametrize("facts", [{}, {"asking": 5}, {"asking": ""}])
def test_a_host_that_says_nothing_of_it_changes_nothing(facts: dict[str, Any]) -> None:
    assert collected(Played(FakeClock(), facts=facts)) == ["waiting for 2 hosts", "2 of 2 hosts answered"]


def test_a_question_that_fails_is_no_failure_of_the_deployment() -> None:
    played = Played(FakeClock(), fails=True)
    assert collected(played) == ["waiting for 2 hosts", "2 of 2 hosts answered"]
    assert len(played.asked) >= 1
