"""The template with a dashboard and alarms, as cfn-lint and botocore's models read it; and the log, against moto.

moto makes no metric of a line, takes any dashboard, and lets anybody write anywhere: that lines are of the format is in
tests/unit/verbs/test_metrics.py, that names agree in tests/unit/domain/test_dashboard.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.aws.figures import CloudWatchLog
from tagship.adapters.aws.session import Aws
from tagship.domain.dashboard import WatchedFigures, resources, with_dashboard
from tagship.domain.foundation import LARGEST
from tagship.errors import Refused
from tests.contract import strict_aws

ROOT = Path(__file__).parents[2]
TOPIC = "arn:aws:sns:us-east-1:123456789012:oncall"
WATCHED = WatchedFigures("hello", ["dev", "pre-prod", "prod"], "tagship", TOPIC, 0.15)
AT = datetime.now(UTC)


@pytest.fixture
def aws() -> Aws:
    return strict_aws.aws()


@pytest.fixture
def group(request: pytest.FixtureRequest) -> str:
    """A log group of the test's own: all tests of a process share one AWS."""
    return f"/tagship/{request.node.name}"


def test_cfn_lint_finds_nothing_in_the_template(tmp_path: Path) -> None:
    made = with_dashboard((ROOT / "deploy/aws/foundation.yaml").read_text("utf-8"), WATCHED)
    assert len(made.encode()) < LARGEST
    file = tmp_path / "foundation.yaml"
    file.write_text(made, "utf-8")
    lint = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([lint, str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    # It does look: an alarm of no known comparison is found.
    file.write_text(made.replace("GreaterThanThreshold", "GreaterThanEver", 1), "utf-8")
    assert subprocess.run([lint, str(file)], capture_output=True, check=False).returncode != 0


def test_alarms_and_the_dashboard_are_what_the_api_takes(aws: Aws) -> None:
    """Properties of a template have the names and types of PutMetricAlarm; botocore refuses any other."""
    cloudwatch = aws.client("cloudwatch")
    made = [row for row in resources(WATCHED).values() if row["Type"] == "AWS::CloudWatch::Alarm"]
    for row in made:
        cloudwatch.put_metric_alarm(**row["Properties"])
    [page] = [page["MetricAlarms"] for page in cloudwatch.get_paginator("describe_alarms").paginate()]
    assert len(page) == len(made) == 12
    properties: dict[str, Any] = resources(WATCHED)["Dashboard"]["Properties"]
    body = properties["DashboardBody"]["Fn::Sub"]
    cloudwatch.put_dashboard(DashboardName="tagship-hello-us-east-1", DashboardBody=body)
    assert json.loads(cloudwatch.get_dashboard(DashboardName="tagship-hello-us-east-1")["DashboardBody"]) == json.loads(
        body
    )


def test_the_first_line_makes_its_stream(aws: Aws, group: str) -> None:
    aws.client("logs").create_log_group(logGroupName=group)
    log = CloudWatchLog(aws, group)
    for line in ("first", "second"):
        log.put("dev", AT, line)
    events = aws.client("logs").get_log_events(logGroupName=group, logStreamName="dev")["events"]
    assert [(event["message"], event["timestamp"]) for event in events] == [
        ("first", int(AT.timestamp() * 1000)),
        ("second", int(AT.timestamp() * 1000)),
    ]


def test_a_group_that_is_missing_is_refused_with_what_makes_it(aws: Aws, group: str) -> None:
    with pytest.raises(Refused, match=f"no log group {group}") as raised:
        CloudWatchLog(aws, group).put("dev", AT, "line")
    assert raised.value.remedy == "Make it: inv setup"


def test_a_line_that_cloudwatch_rejects_is_no_success(aws: Aws, group: str) -> None:
    """PutLogEvents answers 200 to a line of last year, and says beside it that it took none."""
    aws.client("logs").create_log_group(logGroupName=group)
    with pytest.raises(Refused, match="too old or too new"):
        CloudWatchLog(aws, group).put("dev", datetime(2020, 1, 1, tzinfo=UTC), "line")
