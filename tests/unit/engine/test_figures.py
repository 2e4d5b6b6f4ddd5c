"""Figures for CloudWatch: one line at each deployment's end and each monitor's look, and no outcome ever changes."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain import emf
from tagship.errors import Refused, TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.watch import watch
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.repository import FakeRepository

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def an_app(**chosen: Any) -> FakeApp:
    app = FakeApp(settings=settings(metrics={"emf": True, **chosen}))
    app.publish(OLD, NEW)
    return app


def test_each_deployments_end_sends_a_line_with_its_own_figures() -> None:
    app = an_app()
    for version in (OLD, NEW):
        deploy(app, artifact=version)
        app.clock.advance(60)
    rollback(app, to=OLD)
    assert [stream for stream, _ in app.figures.rows] == ["dev"] * 3
    lines = [line for _, line in app.figures.rows]
    assert [line["Deployments"] for line in lines] == [1, 2, 2]
    assert [line["Rollbacks"] for line in lines] == [0, 0, 1]
    assert {line[emf.DEPLOYMENT_FAILED] for line in lines} == {0}


def test_a_deployment_that_failed_is_counted_as_failed() -> None:
    app = an_app()
    deploy(app, artifact=OLD)
    app.hosts.faults = {NEW: "error"}
    with pytest.raises(TagshipError):
        deploy(app, artifact=NEW)
    [_, (_, line)] = app.figures.rows
    assert (line[emf.DEPLOYMENT_FAILED], line[emf.FAILURE_RATE]) == (1, 0.5)


def test_what_was_refused_before_it_began_sends_nothing() -> None:
    app = an_app()
    app.given["repository"] = FakeRepository()
    with pytest.raises(TagshipError):
        deploy(app, artifact="0.9.9-dev")
    assert not app.figures.rows


@pytest.mark.parametrize("chosen", [[], ["prod"]])
def test_nothing_is_sent_unless_the_settings_want_it(chosen: list[str]) -> None:
    dev = VALUES["environments"]["dev"]
    both = {"dev": dev, "prod": {**dev, "branch": "prod"}}
    app = FakeApp(settings=settings(metrics={"emf": bool(chosen), "environments": chosen}, environments=both))
    app.publish(OLD)
    deploy(app, artifact=OLD, env="dev")
    watch(app, env="dev", rounds=1)
    assert not app.figures.rows


def test_a_log_that_takes_nothing_is_a_warning_and_the_deployment_is_healthy() -> None:
    app = an_app()
    app.figures.problem = Refused("There is no log group /tagship/hello.", remedy="Make it: inv setup")
    assert deploy(app, artifact=OLD).state == "healthy"
    assert "no figures were sent to CloudWatch: There is no log group /tagship/hello. Make it: inv setup" in " ".join(
        app.screen.warnings
    )


def test_a_look_of_a_monitor_says_how_many_units_drifted() -> None:
    app = an_app()
    deploy(app, artifact=OLD)
    deploy(app, artifact=NEW)
    app.figures.rows.clear()
    watch(app, env="dev", rounds=1)
    app.hosts.machines[0].serving = OLD
    watch(app, env="dev", rounds=1)
    status(app, env="dev")
    quiet, drifted = (line for _, line in app.figures.rows)
    assert [quiet[name] for name in (emf.DRIFT, emf.DRIFTED, emf.UNHEALTHY)] == [0, 0, 0]
    assert [drifted[name] for name in (emf.DRIFT, emf.DRIFTED)] == [1, 1]


def test_a_check_of_status_is_a_look_too() -> None:
    app = an_app()
    app.given["repository"] = FakeRepository()
    deploy(app, artifact=OLD)
    status(app, env="dev", check=True)
    assert emf.DRIFT in app.figures.rows[-1][1]
