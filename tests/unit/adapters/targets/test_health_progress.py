"""While a service, a function or a group answers badly: what is asked, at which attempt, and when it is given up.

Hosts say the same by their own program: tests/program/test_host_settled.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from tagship.adapters.targets.asg.proof import InstanceProof
from tagship.adapters.targets.ecs.proof import Command, Proof
from tagship.adapters.targets.lambda_.asking import Asking, Query
from tagship.adapters.targets.lambda_.calls import Calls
from tagship.adapters.targets.lambda_.together import together
from tagship.domain.asg.group import GroupMember
from tagship.domain.health import Sample
from tagship.domain.hook import HookOutcome
from tagship.domain.units import Report, Unit
from tagship.settings.ecs import ServiceTable
from tagship.settings.health import Health
from tagship.settings.lambda_ import Function
from tests.fakes.clock import FakeClock
from tests.fakes.hooks import FakeHookRunner
from tests.fakes.web import FakeWeb

V = "0.1.0-dev"
HEALTH = Health(attempts=15, settled=7)
MINUTE = 1 + 2 + 4 + 8 + 16 + 32  # seconds between seven attempts

# -- services ----------------------------------------------------------------------------------------------------------


def asked(check: dict[str, Any], *answers: Sample, hooks: FakeHookRunner | None = None) -> tuple[str, list[str], float]:
    """Why it does not answer, what was said meanwhile, and how many seconds that took."""
    clock, said = FakeClock(), list[str]()
    table = ServiceTable.model_validate_json(json.dumps({"containers": ["app"], "health": check}))
    runner = hooks or FakeHookRunner()
    proof = Proof(
        cast(Any, None), FakeWeb(*answers), HEALTH, {"api": table}, clock.sleep, Command(lambda: runner, "dev")
    )
    why = proof.why_not_answering("api", V, HEALTH.attempts, HEALTH.passes, said.append)
    return why, said, sum(clock.slept)


def test_a_service_says_what_is_asked_and_the_last_bad_answer_and_is_given_up_after_a_minute() -> None:
    why, said, seconds = asked({"url": "http://api/healthz"}, *[Sample(500)] * 15)
    assert why == "it answered 500 (7 times in a row)"
    assert said[0] == "asking http://api/healthz"
    assert said[1] == "asking http://api/healthz, attempt 1 of 15: it answered 500; up to 543 s more"
    assert len(said) == 7
    assert seconds == MINUTE


def test_a_service_that_is_not_ready_has_all_its_attempts() -> None:
    why, said, seconds = asked({"url": "http://api/healthz"}, *[Sample(503)] * 15)
    assert why == "it answered 503"
    assert said[-1] == "asking http://api/healthz, attempt 14 of 15: it answered 503; up to 60 s more"
    assert seconds == 543


def test_a_service_that_answers_well_says_nothing_of_attempts() -> None:
    assert asked({"url": "http://api/healthz"}, *[Sample(200)] * 2)[:2] == ("", ["asking http://api/healthz"])


def test_a_command_that_ends_alike_is_given_up_after_a_minute_and_a_port_that_takes_nothing_is_not() -> None:
    hooks = FakeHookRunner()
    hooks.outcomes.extend([HookOutcome("it ended with exit code 1")] * 15)
    why, said, seconds = asked({"kind": "command", "command": ["sh", "check.sh"]}, hooks=hooks)
    assert why == "sh check.sh: it ended with exit code 1 (7 times in a row)"
    assert said[0] == "asking sh check.sh"
    assert seconds == MINUTE
    closed = Sample(0, problem="api:5432 takes no connection: refused")
    why, _, seconds = asked({"kind": "tcp", "address": "api:5432"}, *[closed] * 15)
    assert (why, seconds) == (closed.problem, 543)


def test_many_good_answers_in_a_row_are_no_bad_one_however_many_are_wanted() -> None:
    clock = FakeClock()
    table = ServiceTable.model_validate_json(
        json.dumps({"containers": ["app"], "health": {"url": "http://api/healthz"}})
    )
    health = Health(attempts=15, passes=10, settled=7)
    web = FakeWeb(*[Sample(200)] * 10)
    proof = Proof(cast(Any, None), web, health, {"api": table}, clock.sleep, cast(Command, None))
    assert proof.why_not_answering("api", V, health.attempts, health.passes) == ""


# -- functions ---------------------------------------------------------------------------------------------------------


@dataclass
class Invoked:
    version: str
    error: str
    payload: bytes
    log: str = ""


@dataclass
class PlayedCalls:
    """A function that fails each time, with a message of its own."""

    errors: Iterator[tuple[str, str]]
    function: str = "hello"
    seen: list[str] = field(default_factory=list)
    asking: Asking | None = None

    def invoke(self, qualifier: str, event: str) -> Invoked:
        assert self.asking
        self.seen.append(self.asking.progress.get(self.function, ""))
        kind, message = next(self.errors)
        return Invoked("3", "Unhandled", json.dumps({"errorType": kind, "errorMessage": message}).encode())


def invoked(errors: Sequence[tuple[str, str]]) -> tuple[str, list[str], float]:
    clock = FakeClock()
    asking = Asking(HEALTH, clock.sleep, {"hello": "{}"})
    calls = PlayedCalls(iter(errors), asking=asking)
    question = Query(cast(Calls, calls), Function(), "3", "3", V)
    answered = asking.ask(question, HEALTH.attempts, HEALTH.passes)
    assert not answered.verdict.healthy
    assert asking.progress == {}, "it ended"
    return answered.verdict.reason, calls.seen, sum(clock.slept)


def test_a_function_that_fails_alike_says_so_and_is_given_up_after_a_minute() -> None:
    why, seen, seconds = invoked([("KeyError", f"request {number}") for number in range(15)])
    assert why == "it failed with KeyError: request 6 (7 times in a row)"
    assert seen[:2] == ["", "attempt 1 of 15: it failed with KeyError: request 0; up to 543 s more"]
    assert (len(seen), seconds) == (7, MINUTE)


def test_a_function_that_fails_in_many_ways_has_all_its_attempts() -> None:
    why, seen, seconds = invoked([(f"Error{number}", "no") for number in range(15)])
    assert why == "it failed with Error14: no"
    assert (len(seen), seconds) == (15, 543)


def test_a_tick_says_how_far_those_functions_are_that_answer_badly() -> None:
    ticks: list[str] = []
    slow, progress = threading.Event(), {"b": "attempt 2 of 15: it failed; up to 542 s more", "a": "done already"}

    def tick(words: str) -> None:
        ticks.append(words)
        if words.startswith("asking: 1 of 2"):
            slow.set()

    together(
        {"a": 0.0, "b": 1.0},
        lambda wait: slow.wait(10) if wait else None,
        tick=tick,
        doing="asking",
        stop=threading.Event(),
        progress=progress,
    )
    assert "asking: 1 of 2 functions; b: attempt 2 of 15: it failed; up to 542 s more" in ticks


# -- groups ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"asking": "attempt 5 of 15: it answered 500; up to 528 s more"},
            "i-1: attempt 5 of 15: it answered 500; up to 528 s more",
        ),
        ({}, ""),
        ({"asking": 5}, ""),
    ],
)
def test_a_group_says_at_which_attempt_an_instance_of_it_is(facts: dict[str, Any], words: str) -> None:
    def ask(units: Sequence[Unit], _tick: object) -> list[Report]:
        return [Report(unit.id, "empty", facts=facts) for unit in units]

    proof = InstanceProof(V, timedelta(minutes=10), ask, FakeClock().now)
    members = [GroupMember("i-1", "InService", "lt-1", "3")]
    proof.look(members, lambda _: None)
    assert proof.attempts(members) == words
