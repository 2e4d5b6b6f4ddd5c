"""New versions that get a share of the calls first, and more of them only while nothing is wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tagship.errors import LeaseLost
from tests.contract import strict_aws
from tests.contract.functions import Functions, switch
from tests.contract.place import HEALTH

OLD, NEW, NEXT = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
STEPS = [{"percent": 10, "minutes": 5}, {"percent": 50, "minutes": 2}]


@dataclass
class Hurried:
    """A clock whose waits take no time; `during` is called at each of them."""

    waited: float = 0.0
    during: Callable[[], None] = field(default=lambda: None)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        time.sleep(0.001)
        self.during()


@pytest.fixture
def place() -> Iterator[Functions]:
    """One function that runs 0.1.0-dev, and is led over by steps."""
    strict_aws.aws().client("cloudwatch").put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="AWS/Lambda", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip
    alarm("OK")
    yield from made(["one"])


@pytest.fixture
def pair() -> Iterator[Functions]:
    yield from made(["one", "two"], alarms=[], errors=5)


def made(names: list[str], **changes: Any) -> Iterator[Functions]:
    table = {"alarms": ["errors"], "steps": STEPS, **changes}
    functions = Functions.made(names, more=table, health={**HEALTH, "cap": 1})
    functions.app.clock = Hurried()  # type: ignore[assignment]
    assert {report.outcome for report in functions.deploy(OLD).values()} == {"healthy"}
    yield functions
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    functions.remove()


def alarm(state: str) -> None:
    strict_aws.aws().client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue=state, StateReason="a test")


def shares(place: Functions, name: str = "") -> dict[str, float]:
    """What the alias sends elsewhere."""
    alias = place.client.get_alias(FunctionName=name or place.names[0], Name="live")
    weights: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return weights


def at(place: Functions, share: float, act: Callable[[], None]) -> None:
    """Act once, when callers get that share of the new version."""
    free = threading.Semaphore()  # each function waits in a thread of its own

    def during() -> None:
        if share in shares(place).values() and free.acquire(blocking=False):
            act()

    place.app.clock.during = during  # type: ignore[attr-defined]


def clock(place: Functions) -> Hurried:
    hurried = place.app.clock
    assert isinstance(hurried, Hurried)
    return hurried


def test_each_step_lasts_as_long_as_the_settings_say_and_no_share_is_left_behind(place: Functions) -> None:
    seen: list[float] = []
    clock(place).during = lambda: seen.extend(share for share in shares(place).values() if share not in seen)
    before = clock(place).now()
    reports = place.deploy(NEW)
    assert [report.outcome for report in reports.values()] == ["healthy"]
    assert seen == [0.1, 0.5]
    assert timedelta(minutes=7) <= clock(place).now() - before
    assert (shares(place), place.serving()) == ({}, [NEW])


def test_while_callers_are_led_over_both_versions_answer_and_lambda_names_them(place: Functions) -> None:
    answered: set[str] = set()

    def call() -> None:
        for _ in range(40):
            answer = place.client.invoke(FunctionName=place.names[0], Qualifier="live", Payload=b"{}")
            answered.add(answer["ExecutedVersion"] + " " + json.loads(json.load(answer["Payload"])["body"])["version"])

    at(place, 0.5, call)
    place.deploy(NEW)
    assert answered == {f"2 {OLD}", f"3 {NEW}"}


def test_an_alarm_in_the_middle_takes_the_share_away_and_asks_what_served_before(place: Functions) -> None:
    at(place, 0.1, lambda: alarm("ALARM"))
    reports = place.deploy(NEW)
    assert (reports["one"].outcome, reports["one"].serving) == ("rolled-back", OLD)
    assert reports["one"].reason == "errors in ALARM, with 10% of the calls"
    assert (shares(place), place.serving()) == ({}, [OLD])


def test_an_alarm_that_fires_before_anything_is_changed_is_told_then(place: Functions) -> None:
    alarm("ALARM")
    reports = place.deploy(NEW)
    assert (reports["one"].outcome, reports["one"].reason) == ("failed", "errors in ALARM")
    assert shares(place) == {}


def test_an_alarm_that_is_not_there_is_no_alarm_that_is_quiet(place: Functions) -> None:
    strict_aws.aws().client("cloudwatch").delete_alarms(AlarmNames=["errors"])
    reports = place.deploy(NEW)
    assert (reports["one"].outcome, reports["one"].reason) == ("failed", "no such alarm: errors")


def test_one_functions_errors_put_all_functions_back(pair: Functions) -> None:
    """Callers send what the second function's new version can't take."""
    bad = pair.names[1]

    def call() -> None:
        number = next(iter(shares(pair, bad)))
        metrics = [("Invocations", 20.0), ("Errors", 2.0)]
        dimensions = [
            {"Name": "FunctionName", "Value": bad},
            {"Name": "Resource", "Value": f"{bad}:live"},
            {"Name": "ExecutedVersion", "Value": number},
        ]
        strict_aws.aws().client("cloudwatch").put_metric_data(
            Namespace="AWS/Lambda",
            MetricData=[
                {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": clock(pair).now()}
                for name, value in metrics
            ],
        )

    at(pair, 0.1, call)
    reports = pair.deploy(NEW)
    assert {name: report.outcome for name, report in reports.items()} == {"one": "rolled-back", "two": "rolled-back"}
    assert reports["two"].reason == "2 of 20 invocations of version 3 failed, with 10% of the calls"
    assert [shares(pair, name) for name in pair.names] == [{}, {}]
    assert pair.serving() == [OLD, OLD]


def test_an_alias_that_somebody_moves_in_the_middle_is_left_to_them(place: Functions) -> None:
    name = place.names[0]
    mine = {"AdditionalVersionWeights": {"1": 0.25}}
    at(place, 0.1, lambda: place.client.update_alias(FunctionName=name, Name="live", RoutingConfig=mine))
    reports = place.deploy(NEW)
    assert reports["one"].outcome == "superseded"
    assert shares(place) == {"1": 0.25}


def interrupted(place: Functions, share: float) -> tuple[Any, Any]:
    """Deploy, and lose the lease when callers get that share; returns the change and its operations."""
    change, target = place.change(place.publish(NEW)), place.connect()
    units = target.units()

    def tick(_phase: str) -> None:
        if share in shares(place).values():
            raise LeaseLost("Another deployment took the lease.", remedy="Look: inv lock")

    operations = target.start(change, units)
    with pytest.raises(LeaseLost):
        target.finish(operations, change, units, tick)
    assert list(shares(place).values()) == [share], "nothing goes on by itself"
    return change, operations


def test_whoever_takes_over_goes_on_at_the_step_that_it_finds(place: Functions) -> None:
    change, _ = interrupted(place, 0.5)
    seen: list[float] = []
    clock(place).during = lambda: seen.extend(share for share in shares(place).values() if share not in seen)
    clock(place).waited = 0
    reports = place.carry_out(replace(change, fence=next(place.fences)))
    assert [report.outcome for report in reports.values()] == ["healthy"]
    assert seen == [0.5], "callers are not given less again"
    assert clock(place).waited < 3 * 60
    assert (shares(place), place.serving()) == ({}, [NEW])


def test_a_rollback_after_an_interruption_takes_the_share_away(place: Functions) -> None:
    interrupted(place, 0.1)
    back = place.change(place.artifact(OLD), "rollback")
    assert {report.outcome for report in place.carry_out(back).values()} == {"unchanged"}
    assert (shares(place), place.serving()) == ({}, [OLD])


def test_another_deployment_takes_a_dead_ones_share_away_before_it_begins(place: Functions) -> None:
    interrupted(place, 0.1)
    alarm("ALARM")
    assert {report.outcome for report in place.deploy(NEXT).values()} == {"failed"}
    assert shares(place) == {}


def test_a_rollback_and_a_heal_take_no_steps(place: Functions) -> None:
    place.deploy(NEW)
    clock(place).waited = 0
    back = place.change(place.artifact(OLD), "rollback")
    assert {report.outcome for report in place.carry_out(back).values()} == {"healthy"}
    heal = replace(place.change(place.artifact(NEW)), keeps=True)
    assert {report.outcome for report in place.carry_out(heal).values()} == {"healthy"}
    assert clock(place).waited < 60
