"""metrics: what a deployment leaves in the ledger is what is counted."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tagship.errors import UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.metrics import metrics
from tagship.verbs.rollback import rollback
from tests.fakes.app import COMMITTED, FakeApp

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def shipped() -> FakeApp:
    app = FakeApp()
    app.publish(OLD, NEW)
    for version in (OLD, NEW):
        deploy(app, artifact=version)
        app.clock.advance(3600)
    rollback(app, to=OLD)
    app.clock.advance(3600)
    return app


def test_two_deployments_and_a_rollback_are_counted() -> None:
    app = shipped()
    [dev] = metrics(app).environments
    assert dev.outcomes == {"healthy": 2, "partial": 0, "failed": 0}
    assert (dev.rollbacks, dev.success_rate, dev.change_failure_rate) == (1, 1.0, 0.5)
    assert dev.recovery_time.p50 == 3600
    assert dev.size.p50 == len(f"the bundle of {NEW}")
    shipped_last = app.ledger.deployments("dev")[1].last.at
    lead = datetime.fromisoformat(shipped_last) - datetime.fromisoformat(COMMITTED)
    assert (dev.lead_time.count, dev.lead_time.p95) == (2, lead.total_seconds())


def test_what_began_before_the_period_is_not_counted() -> None:
    app = shipped()
    app.clock.advance(40 * 86400)
    [dev] = metrics(app).environments
    assert (dev.changes, dev.rollbacks) == (0, 0)
    assert metrics(app, since="90d").environments[0].changes == 2


def test_the_text_is_a_table_or_openmetrics() -> None:
    app = shipped()
    assert metrics(app).text.startswith("dev, ")
    assert metrics(app, openmetrics=True).text.endswith("# EOF\n")


def test_a_damaged_entry_is_named() -> None:
    app = shipped()
    app.ledger.cannot_read = ["hello/_ledger/dev/x/1-healthy.json"]
    metrics(app)
    assert "can't be read" in app.screen.warnings[0]


@pytest.mark.parametrize("since", ["soon", "2099-01-01"])
def test_a_period_that_is_none_is_refused(since: str) -> None:
    with pytest.raises(UsageError, match=since):
        metrics(shipped(), since=since)


def test_lines_for_cloudwatch_have_the_figures_and_name_every_metric() -> None:
    """By the specification: what `Metrics` names is a member at the top, and so is each dimension."""
    app = shipped()
    result = metrics(app, emf=True)
    [line] = [json.loads(text) for text in result.text.splitlines()]
    [directive] = line["_aws"]["CloudWatchMetrics"]
    named = {row["Name"]: row["Unit"] for row in directive["Metrics"]}
    assert all(isinstance(line[name], int | float) for name in named)
    assert [line[name] for name in directive["Dimensions"][0]] == ["hello", "dev"]
    [dev] = result.environments
    figures = (line["Deployments"], line["Rollbacks"], line["SuccessRate"])
    assert figures == (dev.changes, dev.rollbacks, dev.success_rate)
    assert (line["DurationP95"], named["DurationP95"]) == (dev.duration.p95, "Seconds")
    assert len(named) <= 100, "CloudWatch takes no more in one line"
    assert line["_aws"]["Timestamp"] == datetime.fromisoformat(dev.until).timestamp() * 1000


def test_one_format_at_a_time() -> None:
    with pytest.raises(UsageError, match="--openmetrics and --emf"):
        metrics(FakeApp(), openmetrics=True, emf=True)
