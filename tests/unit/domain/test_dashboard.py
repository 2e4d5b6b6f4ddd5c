"""The dashboard and the alarms: what they name is what is sent, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tagship.domain import emf
from tagship.domain.dashboard import ACROSS, WatchedFigures, log_group, resources, with_dashboard
from tagship.domain.deployment import Deployment, Entry
from tagship.domain.metrics import Metrics, Spread

TOPIC = "arn:aws:sns:us-east-1:123456789012:oncall"
WATCHED = WatchedFigures("hello", ["dev", "prod"], "Team/Ships", TOPIC, 0.2)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = Spread.of([1.0])
FULL = Metrics(
    "dev",
    "2026-10-21T12:00:00+00:00",
    AT.isoformat(),
    {"healthy": 1, "partial": 0, "failed": 1},
    success_rate=0.5,
    rollback_rate=0.0,
    duration=ONE,
    phases={"fetch": ONE, "switch-traffic": ONE},
    health_attempts=ONE,
    size=ONE,
    lead_time=ONE,
    change_failure_rate=0.5,
    recovery_time=ONE,
)


def deployment(state: str) -> Deployment:
    at = AT.isoformat()
    first = Entry("d-1", 1, "requested", at, "hello", "dev", "deploy", "0.1.0-dev", "ada@laptop", "")
    return Deployment((first, Entry("d-1", 2, state, at, "hello", "dev", "deploy", "0.1.0-dev", "ada@laptop", "")))


def sent() -> dict[str, dict[str, Any]]:
    """Every line that is ever sent, by what it is of."""
    look = emf.of_look(emf.Look(True, 2, 1), "dev", AT, "hello", "Team/Ships")
    ended = emf.of_deployment(FULL, deployment("failed"), "hello", "Team/Ships")
    return {"look": json.loads(look), "deployment": json.loads(ended)}


def names(line: dict[str, Any]) -> set[str]:
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Team/Ships"
    assert directive["Dimensions"] == [["App", "Environment"]]
    return {row["Name"] for row in directive["Metrics"]}


def body() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(resources(WATCHED)["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    return made


def graphs() -> list[list[Any]]:
    shown = [widget for widget in body()["widgets"] if widget["type"] == "metric"]
    return [metric for widget in shown for metric in widget["properties"]["metrics"]]


def test_the_dashboard_shows_every_metric_that_is_sent_and_no_other() -> None:
    given = {name for line in sent().values() for name in names(line)}
    phases = {name for name in given if name.startswith(emf.PHASE)}
    assert phases == {"PhaseFetchP50", "PhaseFetchP95", "PhaseSwitchTrafficP50", "PhaseSwitchTrafficP95"}
    drawn = {metric[1] for metric in graphs() if isinstance(metric[0], str)}
    assert drawn == given - phases
    [search] = [metric[0]["expression"] for metric in graphs() if not isinstance(metric[0], str)]
    assert search.startswith('SEARCH(\'{"Team/Ships",App,Environment} App="hello" Phase\'')


def test_each_metric_is_drawn_for_each_environment_with_its_dimensions() -> None:
    for metric in graphs():
        if isinstance(metric[0], str):
            assert metric[0] == "Team/Ships"
            assert [metric[2], metric[3], metric[4]] == ["App", "hello", "Environment"]
    assert {metric[5] for metric in graphs() if isinstance(metric[0], str)} == {"dev", "prod"}


def test_widgets_lie_beside_each_other() -> None:
    """No two of a place, and none sticks out of the 24 columns."""
    widgets = body()["widgets"]
    places = {(widget["x"], widget["y"]) for widget in widgets}
    assert len(places) == len(widgets)
    assert all(widget["x"] + widget["width"] <= ACROSS for widget in widgets)


def test_every_environment_has_four_alarms_over_metrics_that_are_sent() -> None:
    given = {name for line in sent().values() for name in names(line)}
    alarms = [made["Properties"] for made in resources(WATCHED).values() if made["Type"] == "AWS::CloudWatch::Alarm"]
    assert sorted(alarm["AlarmName"] for alarm in alarms) == sorted(
        f"tagship-hello-{environment}-{name}"
        for environment in ("dev", "prod")
        for name in ("drift", "failed", "failure-rate", "unhealthy")
    )
    assert all(alarm["MetricName"] in given and alarm["AlarmActions"] == [TOPIC] for alarm in alarms)
    shown = next(widget for widget in body()["widgets"] if widget["type"] == "alarm")["properties"]["alarms"]
    assert [arn.rpartition(":")[2] for arn in shown] == [alarm["AlarmName"] for alarm in alarms]


@pytest.mark.parametrize(
    ("state", "alarms"), [("failed", 1.0), ("rolled-back", 1.0), ("rollback-failed", 1.0), ("healthy", 0.0)]
)
def test_a_failed_deployment_is_counted(state: str, alarms: float) -> None:
    line = json.loads(emf.of_deployment(FULL, deployment(state), "hello", "tagship"))
    assert line[emf.DEPLOYMENT_FAILED] == alarms


def test_environments_whose_names_differ_by_a_hyphen_are_two() -> None:
    """Logical names have no hyphens."""
    named = ["pre-prod", "preprod", "x-1", "x1", "x--1"]
    made = resources(WatchedFigures("hello", named, "tagship", "", 0.15))
    assert len(made) == 2 + 4 * len(named)
    assert all(name.isalnum() for name in made)


def test_without_a_topic_alarms_alarm_nobody() -> None:
    made = resources(WatchedFigures("hello", ["dev"], "tagship", "", 0.15))
    assert {tuple(row["Properties"].get("AlarmActions", ())) for row in made.values()} == {()}


def test_the_template_keeps_all_that_it_had() -> None:
    before = "Resources:\n  A:\n    Type: B\n\nOutputs:\n  C: d\n"
    after = with_dashboard(before, WATCHED)
    assert after.startswith("Resources:\n  A:\n    Type: B\n")
    assert after.endswith("\nOutputs:\n  C: d\n")
    assert log_group("hello") in after
