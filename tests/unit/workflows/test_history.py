"""history: who shipped what, when, and what came of it."""

from __future__ import annotations

import pytest

from tagship.errors import DeployFailed, SettingsError, UsageError
from tagship.workflows.deploy import deploy
from tagship.workflows.history import as_data, history
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine


def told() -> FakeApp:
    """0.1.1-dev healthy, then 0.1.2-dev failed; a minute each."""
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish("0.1.1-dev", "0.1.2-dev")
    app.hosts.during = lambda _: app.clock.advance(12)
    deploy(app, artifact="0.1.1-dev")
    app.clock.advance(60)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.2-dev")
    return app


def test_the_newest_comes_first_with_who_what_and_how_long() -> None:
    app = told()
    history(app)
    columns, rows = app.screen.tables[-1]
    assert columns == ["WHEN (UTC)", "WHAT", "BY", "TOOK", "OUTCOME"]
    assert rows == [
        ["2026-11-20 12:01", "deploy 0.1.2-dev on dev", "ada@laptop", "12 s", "rolled-back"],
        ["", "  it answered 500", "", "", ""],
        ["2026-11-20 12:00", "deploy 0.1.1-dev on dev", "ada@laptop", "12 s", "healthy"],
    ]


def test_a_ci_run_is_told_by_whose_push_it_was_and_a_long_reason_keeps_to_the_column() -> None:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]), who="run 17951931757 (grace)")
    app.publish("0.1.1-dev")
    app.hosts.machines[0].answers.append("failed")
    app.hosts.machines[0].reason = "it answered as " + "x" * 80
    with pytest.raises(DeployFailed):
        deploy(app, artifact="0.1.1-dev")
    history(app)
    _, rows = app.screen.tables[-1]
    assert rows[0][2] == "grace, CI"
    assert len(rows[1][1]) == 36
    assert rows[1][1].endswith("…")


def test_a_limit_keeps_the_newest() -> None:
    assert [one.artifact_id for one in history(told(), limit=1)] == ["0.1.2-dev"]


def test_zero_is_no_limit() -> None:
    assert len(history(told(), limit=0)) == 2


def test_a_negative_limit_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        history(told(), limit=-1)


def test_nothing_deployed_says_what_to_do() -> None:
    app = FakeApp()
    assert history(app) == []
    assert "inv deploy-dev" in app.screen.text


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(SettingsError):
        history(FakeApp(), env="prod")


def test_the_data_holds_every_entry() -> None:
    app = told()
    app.screen.data(as_data(history(app)))
    found = app.screen.documents[-1]
    assert [entry["state"] for entry in found[0]["entries"]] == [  # type: ignore[index]
        "requested",
        "started",
        "failed",
        "rolled-back",
    ]
    assert found[1]["seconds"] == 12.0  # type: ignore[index]


def test_an_entry_that_cannot_be_read_is_named() -> None:
    app = told()
    app.ledger.cannot_read = ["hello/_ledger/dev/x/9-healthy.json"]
    history(app)
    assert "hello/_ledger/dev/x/9-healthy.json" in app.screen.warnings[-1]
