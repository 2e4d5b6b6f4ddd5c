"""notify: what came of the deployment, where people look."""

from __future__ import annotations

import pytest

from tagship.errors import DeployFailed, Refused
from tagship.verbs.deploy import deploy
from tagship.verbs.notify import notify
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine

V = "0.1.30-dev"


def app_with(*answers: str) -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1", "", *answers)]))
    app.publish(V)
    return app


def test_a_healthy_deployment_is_one_line() -> None:
    app = app_with()
    deploy(app, artifact=V)
    notify(app, artifact=V)
    expected = f"{V} on dev: healthy after 0.0 s (deploy by ada@laptop, 2026-11-20 12:00 UTC)"
    assert app.screen.lines[-1] == expected


def test_the_summary_page_has_each_host_and_the_evidence() -> None:
    app = app_with("failed")
    app.hosts.machines[0].reason = "it answered 500 | <b>"
    with pytest.raises(DeployFailed):
        deploy(app, artifact=V)
    notify(app, artifact=V)
    text = app.ci.summary
    assert text.startswith(f"### {V} on dev: rolled-back\n")
    assert "| i-00000000000000001 | failed |  |  | it answered 500 \\| &lt;b> |" in text
    assert "    Traceback: boom" in text


def test_a_version_that_was_never_deployed_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        notify(app_with(), artifact=V)
    assert caught.value.what == f"The ledger knows no deployment of {V} to dev."
