"""Functions that callers are led to by steps, under the same faults: what is reported is so, and no share is left.

Two functions run 0.1.0-dev, and the next version gets 10 %, then 50 %, then all of the calls. The fault strikes a call
of Lambda of one function alone, or a look at alarms and errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.contract import strict_aws
from tests.contract.functions import Functions, switch
from tests.contract.place import HEALTH
from tests.faults.once import FAULTS, FaultOnce, calm, under
from tests.faults.test_functions import OLD, VERSIONS, true_and_agreed
from tests.kinds.test_gradual_functions import Hurried, alarm, shares

STEPS = {"alarms": ["errors"], "errors": 5, "steps": [{"percent": 10, "minutes": 1}, {"percent": 50, "minutes": 1}]}
CLAIM, FIRST, SECOND, MOVE = 1, 2, 3, 4  # the updates of one function's alias
CALLS = [
    *(FaultOnce("lambda", "UpdateAlias", number, "") for number in (CLAIM, FIRST, SECOND, MOVE)),
    *(FaultOnce("lambda", "GetAlias", number, "") for number in (2, 6)),
    FaultOnce("lambda", "Invoke", 2, ""),
    *(FaultOnce("cloudwatch", "DescribeAlarms", number, "") for number in (1, 4)),
    *(FaultOnce("cloudwatch", "GetMetricData", number, "") for number in (1, 4)),
]


@pytest.fixture(scope="module")
def place() -> Iterator[Functions]:
    strict_aws.aws().client("cloudwatch").put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="AWS/Lambda", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
    )  # fmt: skip
    made = Functions.made(["one", "two"], more=STEPS, health={**HEALTH, "cap": 1})
    made.app.clock = Hurried()  # type: ignore[assignment]
    made.publish(OLD)
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def _on_the_old_version(place: Functions) -> None:
    """Go back to 0.1.0-dev, which takes no steps."""
    switch(update=0, throttled=0, lost=0, failed_updates=0)
    alarm("OK")
    place.app.aws = calm(strict_aws.aws())
    reports = place.carry_out(place.change(place.artifact(OLD), "rollback"))
    assert {report.outcome for report in reports.values()} <= {"healthy", "unchanged"}
    assert left(place) == [{}, {}]


def left(place: Functions) -> list[dict[str, float]]:
    """What each alias sends elsewhere."""
    return [shares(place, name) for name in place.names]


def befalling(place: Functions, call: FaultOnce, kind: str, **changes: Any) -> FaultOnce:
    """That fault: of one function alone if Lambda is called."""
    of = place.names[1] if call.service == "lambda" else ""
    return replace(call, kind=kind, of=of, alive=[True], **changes)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_whatever_befalls_one_call_the_reports_are_true_and_no_share_is_left(
    place: Functions, call: FaultOnce, kind: str
) -> None:
    fault, version = befalling(place, call, kind), VERSIONS()
    reports = under(place, fault, place.publish(version))
    assert fault.struck == 1, f"a deployment makes no {call}"
    true_and_agreed(place, reports, version)
    assert left(place) == [{}, {}]


@pytest.mark.parametrize("kind", ["error before", "throttled", "no answer"])
@pytest.mark.parametrize("call", ["DescribeAlarms", "GetMetricData"])
def test_a_version_that_nobody_can_watch_gets_no_more_of_the_calls(place: Functions, call: str, kind: str) -> None:
    fault = befalling(place, FaultOnce("cloudwatch", call, 3, ""), kind, lasting=True)
    reports = under(place, fault, place.publish(VERSIONS()))
    assert {report.outcome for report in reports.values()} <= {"failed", "rolled-back"}
    assert (place.serving(), left(place)) == ([OLD, OLD], [{}, {}])


@pytest.mark.parametrize("kind", ["error before", "throttled"])
def test_a_share_that_cannot_be_taken_away_is_no_success(place: Functions, kind: str) -> None:
    """The second step of one function fails each time, and so does the way back from its first."""
    fault, version = befalling(place, FaultOnce("lambda", "UpdateAlias", SECOND, ""), kind, lasting=True), VERSIONS()
    reports = under(place, fault, place.publish(version))
    stuck, other = reports[place.names[1]], reports[place.names[0]]
    assert list(shares(place, place.names[1]).values()) == [0.1]
    assert (stuck.outcome, stuck.serving) == ("rollback-failed", "")
    assert "its alias still sends 10% of its calls to version" in stuck.reason
    assert (other.outcome, shares(place, place.names[0])) == ("rolled-back", {})
