"""Figures of deployments in the sandbox's CloudWatch, through the command: the log, the dashboard, the alarms.

moto makes no metric of a line: that CloudWatch would, is the format's to say (tests/unit/verbs/test_metrics.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tagship.sandbox import lifecycle
from tests.journeys.test_setup import tagship
from tests.sandbox import shop
from tests.sandbox.conftest import client, start
from tests.sandbox.shop import Shop


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = shop.make(tmp_path_factory.mktemp("shop"), ["dev", "prod"])
    with (root / "tagship.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[metrics]\nemf = true\n")
    running = start(root)
    yield Shop(root, running, "dev")
    lifecycle.down(root)


def test_a_deployment_writes_its_figures_into_what_setup_made(here: Shop) -> None:
    first = tagship(here, "setup", "--json")
    assert first.returncode == 0, first.stderr
    again = json.loads(tagship(here, "setup", "--json").stdout)
    assert {row["change"] for row in again["changes"]} == {"keep"}
    assert len(client(here.running, "cloudwatch").describe_alarms()["MetricAlarms"]) == 8
    dashboard = client(here.running, "cloudwatch").get_dashboard(DashboardName="tagship-hello-us-east-1")
    assert json.loads(dashboard["DashboardBody"])["widgets"]
    ran = tagship(here, "deploy", "--artifact", here.publish("0.1.0"), "--env", "dev")
    assert ran.returncode == 0, ran.stderr
    assert "no figures" not in ran.stdout + ran.stderr
    assert tagship(here, "watch", "--env", "dev", "--rounds", "1").returncode == 0
    events = client(here.running, "logs").get_log_events(logGroupName="/tagship/hello", logStreamName="dev")["events"]
    ended, look = (json.loads(event["message"]) for event in events)
    assert (ended["Environment"], ended["Deployments"], ended["DeploymentFailed"]) == ("dev", 1, 0)
    assert (look["Drift"], look["UnhealthyUnits"]) == (0, 0)
