"""CloudWatch Logs: what a group holds is read whole, in pages, by time; the sandbox answers in botocore's shapes.

What the sandbox can't show: that AWS's pages are the same. That a page may be empty and the next one not, it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tagship.adapters.aws.logs import LogGroup
from tagship.adapters.targets.ec2.logs import sent_lines
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.logs import ServiceLogs
from tagship.domain.logs import TimeRange
from tagship.domain.units import Unit
from tagship.errors import Refused
from tagship.settings.logs import Logs
from tests.contract import strict_aws
from tests.contract.test_ecs_service import AT, GOOD, ecs, follow, switch
from tests.contract.test_ecs_targets import definition

__all__ = ["ecs"]

NAME = "/hello/dev"
START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
HOSTS = ("i-0a", "i-0b", "i-0c")


@pytest.fixture
def logs() -> Iterator[Any]:
    """A group into which three hosts write by turns, a line a second."""
    client = strict_aws.aws().client("logs")
    client.create_log_group(logGroupName=NAME)
    for number, host in enumerate(HOSTS):
        client.create_log_stream(logGroupName=NAME, logStreamName=f"{host}/app")
        rows = [
            {
                "timestamp": int((START + timedelta(seconds=3 * line + number)).timestamp() * 1000),
                "message": f"{host} {line}",
            }
            for line in range(20)
        ]
        client.put_log_events(logGroupName=NAME, logStreamName=f"{host}/app", logEvents=rows)
    yield client
    client.delete_log_group(logGroupName=NAME)


def group(name: str = NAME) -> LogGroup:
    return LogGroup(strict_aws.aws(), name, "Make it")


def test_the_lines_of_all_streams_come_by_time(logs: Any) -> None:
    events = list(group().events(TimeRange(START)))
    assert [event.text for event in events] == [f"{host} {line}" for line in range(20) for host in HOSTS]
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert len({event.id for event in events}) == 60


def test_a_window_and_a_prefix_choose(logs: Any) -> None:
    window = TimeRange(START + timedelta(seconds=10), START + timedelta(seconds=20))
    assert {event.text.split()[0] for event in group().events(window, "i-0b")} == {"i-0b"}
    assert [event.text for event in group().events(window, "i-0b")] == ["i-0b 3", "i-0b 4", "i-0b 5", "i-0b 6"]


def test_a_page_may_be_empty_and_is_not_the_end(logs: Any) -> None:
    answer = logs.filter_log_events(logGroupName=NAME, logStreamNamePrefix="i-0b")
    assert (answer["events"], bool(answer["nextToken"])) == ([], True)
    assert len(list(group().events(TimeRange(START), "i-0b"))) == 20


def test_many_units_cost_one_request_a_page(logs: Any) -> None:
    calls: list[str] = []
    client = strict_aws.aws().client("logs")
    note = lambda model, **_: calls.append(model.name)  # noqa: E731
    client.meta.events.register("before-call.cloudwatch-logs", note)
    try:
        assert len(list(group().events(TimeRange(START)))) == 60
    finally:
        client.meta.events.unregister("before-call.cloudwatch-logs", note)
    assert calls == ["FilterLogEvents"]


def test_lines_of_one_millisecond_keep_the_order_in_which_they_were_written(logs: Any) -> None:
    at = int((START + timedelta(minutes=5)).timestamp() * 1000)
    logs.create_log_stream(logGroupName=NAME, logStreamName="i-0d/app")
    rows = [{"timestamp": at, "message": f"line {number}"} for number in range(1_200)]
    logs.put_log_events(logGroupName=NAME, logStreamName="i-0d/app", logEvents=rows)
    events = group().events(TimeRange(START), "i-0d")
    assert [event.text for event in events] == [f"line {number}" for number in range(1_200)]


def test_pages_hold_together(logs: Any) -> None:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=NAME, PaginationConfig={"PageSize": 7})
    rows = [page["events"] for page in pages]
    assert [len(page) for page in rows] == [7] * 8 + [4]
    assert len({row["eventId"] for page in rows for row in page}) == 60


def test_a_group_that_is_not_there_is_said(logs: Any) -> None:
    with pytest.raises(Refused, match="There is no log group /nobody") as refused:
        list(group("/nobody").events(TimeRange(START)))
    assert refused.value.remedy == "Make it"


@pytest.mark.parametrize(
    "given", [{"logStreamNames": ["i-0a/app"], "logStreamNamePrefix": "i"}, {"limit": 10_001}, {"limit": 0}]
)
def test_the_sandbox_refuses_what_cloudwatch_refuses(logs: Any, given: dict[str, Any]) -> None:
    with pytest.raises((ClientError, ParamValidationError), match=r"InvalidParameter|Parameter validation"):
        logs.filter_log_events(logGroupName=NAME, **given)


# -- as a kind of target reads it --------------------------------------------------------------------------------------


def test_the_agents_streams_are_the_hosts_by_their_ids_and_what_is_nobody_s_is_left_out(logs: Any) -> None:
    units = [Unit("i-0a", "web-1", True), Unit("i-0c", "web-3", True)]
    lines = list(sent_lines(strict_aws.aws(), "dev", Logs(group=NAME), units, TimeRange(START)))
    assert {line.unit for line in lines} == {"web-1", "web-3"}
    assert len(lines) == 40
    [*only] = sent_lines(strict_aws.aws(), "dev", Logs(group=NAME), units[:1], TimeRange(START))
    assert {line.unit for line in only} == {"web-1"}
    with pytest.raises(Refused) as refused:
        list(sent_lines(strict_aws.aws(), "dev", Logs(group="/nobody"), units, TimeRange(START)))
    assert refused.value.remedy == "Correct environments.dev.logs.group in tagship.toml"


def test_the_tasks_of_services_are_read_where_their_definition_says(ecs: Any) -> None:
    client = strict_aws.aws().client("logs")
    client.create_log_group(logGroupName="/hello")
    switch(lines={GOOD: ["listening", "GET /"]})
    ecs.update_service(**AT, taskDefinition=definition(ecs, GOOD))
    follow(ecs)
    said: list[str] = []
    reader = ServiceLogs(strict_aws.aws(), EcsCalls(strict_aws.aws(), "hello"))
    lines = list(reader.lines([Unit("web", "web", True)], TimeRange(START), said.append))
    assert {line.text for line in lines} == {"listening", "GET /"}
    assert {line.unit.split()[0] for line in lines} == {"web"}
    assert said == []
    plain = ecs.register_task_definition(
        family="mute", containerDefinitions=[{"name": "app", "image": f"hello@{GOOD}"}]
    )
    ecs.update_service(**AT, taskDefinition=plain["taskDefinition"]["taskDefinitionArn"])
    follow(ecs)
    assert list(reader.lines([Unit("web", "web", True)], TimeRange(START), said.append)) == []
    assert said == ["web does not write to CloudWatch Logs: its task definition names no awslogs group and prefix"]
    client.delete_log_group(logGroupName="/hello")
