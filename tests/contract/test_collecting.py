"""What is shown while hosts are waited for: one of them is asked now and then, and nothing depends on that.

Answers are played by hand. That a host says where it is: tests/program/test_host_settled.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.adapters.targets.ec2.collecting import ASK, Collecting, Glimpse
from tagship.adapters.targets.ec2.lookout import FIRST, NEXT, Lookout
from tagship.adapters.targets.ec2.sending import GONE, Sent
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused, ServiceFailed, TagshipError
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
    lookout = Lookout(lambda: HOSTS, at_once)
    collecting = Collecting(played, played.clock, lookout, Glimpse(played.send))  # type: ignore[arg-type]
    reports = collecting.collect(Sent([change]), HOSTS, 900, ticks.append)
    assert [report.outcome for report in reports] == ["failed", "failed"]
    return list(dict.fromkeys(ticks))


def at_once(look: Callable[[], None]) -> None:
    """In place of a thread."""
    look()


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


# -- hosts that leave --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [HOSTS[:1], Refused("No instance runs.", remedy="Start one.")], ids=["one", "all"])
def test_a_host_that_left_is_waited_for_no_longer(answer: Sequence[Unit] | TagshipError) -> None:
    played = Played(FakeClock(), seconds=10_000)
    collecting = Collecting(played, played.clock, Lookout(lambda: found(answer), at_once))  # type: ignore[arg-type]
    change = Operation("change", "SSM command change", "deploy", "0.1.0-dev", ("i-1", "i-2"))
    reports = collecting.collect(Sent([change]), HOSTS, 900, lambda _: None)
    assert (reports[1].outcome, reports[1].reason) == ("silent", GONE)
    assert (reports[0].reason == GONE) == isinstance(answer, Refused)


def found(answer: Sequence[Unit] | TagshipError) -> Sequence[Unit]:
    if isinstance(answer, TagshipError):
        raise answer
    return answer


def test_a_look_that_fails_says_nothing_of_any_host() -> None:
    lookout = Lookout(lambda: found(ServiceFailed("AWS throttles.", remedy="Wait.")), at_once)
    lookout.keep_looking(FIRST)
    assert (lookout.seen, lookout.left({"i-1"})) == (None, set())


def test_a_look_waits_for_its_time_and_for_the_look_before() -> None:
    began: list[Callable[[], None]] = []
    lookout = Lookout(lambda: HOSTS, began.append)
    for age in (0, FIRST - 0.1, FIRST, FIRST + 1, FIRST + NEXT, FIRST + 3 * NEXT):
        lookout.keep_looking(age)
    assert len(began) == 1, "the first has not ended"
    began.pop()()
    assert lookout.seen == HOSTS
    for age in (FIRST + 3 * NEXT, FIRST + 3 * NEXT + 1):
        lookout.keep_looking(age)
    assert len(began) == 1


def test_polls_go_on_while_hosts_are_looked_for() -> None:
    answered, looking = threading.Event(), threading.Event()

    def look() -> Sequence[Unit]:
        looking.set()
        answered.wait(10)
        return HOSTS

    lookout = Lookout(look)
    lookout.keep_looking(FIRST)
    assert looking.wait(10)
    assert lookout.seen is None
    answered.set()
