"""What is gathered of a service that failed, before ECS takes it away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract import strict_aws
from tests.contract.answers import answer
from tests.contract.services import PLACEHOLDER, Services, switch
from tests.contract.test_ecs_targets import LOGS, groups

__all__ = ["groups"]

GROUP = "/hello"


@pytest.fixture
def logs() -> Iterator[None]:
    client = strict_aws.aws().client("logs")
    client.create_log_group(logGroupName=GROUP)
    yield
    client.delete_log_group(logGroupName=GROUP)


def made(**service: Any) -> Services:
    """A service whose container logs to CloudWatch, on its first version."""
    place = Services.made(["api"], url=False, service=service)
    container = {"name": "app", "image": PLACEHOLDER, "logConfiguration": LOGS}
    place.client.register_task_definition(family=f"{place.cluster}-api", containerDefinitions=[container])
    assert place.deploy("0.1.0-dev")["api"].good
    return place


def digest_of(place: Services, version: str) -> str:
    return next(digest for digest, (name, _) in place.images.items() if name == version)


def test_the_last_lines_of_a_task_that_exited_are_quoted_under_its_name(logs: None) -> None:
    place = made()
    artifact = place.publish("0.1.1-dev", "crash")
    switch(lines={digest_of(place, "0.1.1-dev"): ["connecting", "no database: giving up"]})
    report = place.carry_out(place.change(artifact))["api"]
    assert report.outcome == "rolled-back"
    assert report.evidence.startswith("2 of 2 failures\ntask ")
    assert "app exited with 1" in report.evidence
    assert "log of app, task " in report.evidence
    assert report.evidence.endswith(":\n  connecting\n  no database: giving up")
    place.remove()


def test_a_log_that_cannot_be_read_is_named_and_hides_nothing_else(logs: None) -> None:
    place = made()
    events = place.app.aws.client("logs").meta.events

    def refused(request: Any, **_: Any) -> Any:
        return answer(request, 400, "AccessDeniedException")

    events.register("before-send.logs.GetLogEvents", refused)
    try:
        report = place.deploy("0.1.1-dev", "crash")["api"]
    finally:
        events.unregister("before-send.logs.GetLogEvents", refused)
    assert "app exited with 1" in report.evidence
    assert "\nnot seen: Access denied: the AWS identity in use may not logs:GetLogEvents" in report.evidence
    place.remove()


def test_a_container_that_wrote_nothing_has_no_log_and_that_is_no_problem() -> None:
    place = made()
    report = place.deploy("0.1.1-dev", "crash")["api"]
    assert "app exited with 1" in report.evidence
    assert "not seen" not in report.evidence
    place.remove()


def test_a_target_that_never_got_healthy_is_seen_before_ecs_takes_it_away(groups: list[str], logs: None) -> None:
    balancer = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    place = made(loadBalancers=[balancer])
    switch(step=0.5)  # it is unhealthy for one step: long enough for a look on a busy machine
    report = place.deploy("0.1.1-dev", "stuck")["api"]
    assert report.outcome == "rolled-back"
    assert "Task failed ELB health checks in (target-group" in report.evidence
    assert "is unhealthy (Target.Timeout: Request timed out)" in report.evidence
    place.remove()


def test_the_alarm_that_ended_it_gives_its_reason(logs: None) -> None:
    alarm = {"alarmNames": ["api-5xx"], "enable": True, "rollback": True}
    cloudwatch = strict_aws.aws().client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="api-5xx", MetricName="5xx", Namespace="hello", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    place = made(deploymentConfiguration={"alarms": alarm})
    change, target = place.change(place.publish("0.1.1-dev", "stuck")), place.connect()
    units = target.units()
    started = target.start(change, units)
    cloudwatch.set_alarm_state(AlarmName="api-5xx", StateValue="ALARM", StateReason="9 answers were 5xx")
    [report] = target.finish(started, change, units, lambda _: None)
    assert (report.outcome, report.serving) == ("rolled-back", "0.1.0-dev")
    assert report.reason == "the alarm api-5xx ended it"
    assert "alarm api-5xx: 9 answers were 5xx" in report.evidence
    cloudwatch.delete_alarms(AlarmNames=["api-5xx"])
    place.remove()


def test_a_version_that_does_not_answer_after_going_back_is_no_rollback_that_went_well() -> None:
    """Its tasks run, all of them; what they need is down."""
    place = Services.made(["api"])
    assert place.deploy("0.1.0-dev")["api"].good
    place.images[digest_of(place, "0.1.0-dev")] = ("0.1.0-dev", "error")
    report = place.deploy("0.1.1-dev", "error")["api"]
    assert (report.outcome, report.serving) == ("rollback-failed", "0.1.0-dev")
    assert report.reason == "it answered 500; after going back, it answered 500"
    place.remove()


def test_a_version_that_answers_badly_is_quoted_from_a_task_that_runs(logs: None) -> None:
    place = Services.made(["api"], service={})
    assert place.deploy("0.1.0-dev")["api"].good
    report = place.deploy("0.1.1-dev", "error")["api"]
    assert report.evidence.startswith("http://api: it answered 500\n")
    place.remove()
