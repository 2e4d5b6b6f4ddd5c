"""verify: every host's own word, and the outside's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.domain.health import Sample
from tagship.errors import DeployFailed, Incomplete, Refused, RollbackFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.verify import verify
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine
from tests.fakes.web import FakeWeb

V = "0.1.30-dev"


def running(*answers: Sample) -> FakeApp:
    health = {"url": "https://hello.example/healthz", "attempts": 3, "passes": 1} if answers else {}
    app = FakeApp(
        settings=settings(environments=environments(health=health)),
        hosts=FakeTarget([machine("web-1"), machine("web-2")]),
        web=FakeWeb(*answers),
    )
    app.publish(V)
    deploy(app, artifact=V)
    return app


def test_every_host_that_names_the_version_is_enough_without_a_url() -> None:
    app = running()
    found = verify(app, artifact=V)
    assert (len(found.units), found.attempts) == (2, 0)
    assert app.screen.lines[-1] == f"{V} serves on all 2 hosts of dev"


def test_a_host_of_two_that_runs_something_else_leaves_it_incomplete() -> None:
    app = running()
    app.hosts.machines[1].serving = "0.1.7-dev"
    with pytest.raises(Incomplete) as caught:
        verify(app, artifact=V)
    assert caught.value.what == f"{V} does not serve on 1 of 2 hosts of dev (it runs 0.1.7-dev)."
    assert caught.value.state == f"{V} is serving on web-1, and 0.1.7-dev is serving on web-2."


def test_another_version_on_every_host_is_a_deployment_that_failed() -> None:
    app = running()
    for each in app.hosts.machines:
        each.serving = "0.1.7-dev"
    with pytest.raises(DeployFailed) as caught:
        verify(app, artifact=V)
    assert caught.value.state == "0.1.7-dev is serving."
    assert caught.value.remedy == "Compare with what was recorded: inv status --env dev"


@pytest.mark.parametrize("seen", ["failed", "silent"])
def test_nothing_that_is_seen_serving_wakes_somebody_and_names_the_way_back_first(seen: str) -> None:
    app = running()
    app.publish("0.1.29-dev", "0.1.28-dev")
    app.ledger.ran("0.1.29-dev")
    app.ledger.ran("0.1.28-dev")
    mark_bad(app, version="0.1.29-dev", reason="it is slow")
    for each in app.hosts.machines:
        each.serving, each.observed_as = "", seen
    with pytest.raises(RollbackFailed) as caught:
        verify(app, artifact=V)
    assert caught.value.exit_code == 7
    assert caught.value.remedy.splitlines() == [
        "Go back: inv rollback --to 0.1.28-dev --env dev",
        "       Compare with what was recorded: inv status --env dev",
    ]


def test_without_a_version_to_go_back_to_none_is_named() -> None:
    app = running()
    app.ledger.ran("0.1.29-dev")  # healthy once, and not stored any more
    app.hosts.machines[0].observed_as = app.hosts.machines[1].observed_as = "failed"
    with pytest.raises(RollbackFailed) as caught:
        verify(app, artifact=V)
    assert caught.value.remedy == "Compare with what was recorded: inv status --env dev"


def test_an_outside_that_answers_nothing_good_wakes_somebody() -> None:
    app = running(Sample(200, "0.1.29-dev"), Sample(503, "0.1.29-dev"))
    with pytest.raises(RollbackFailed) as caught:
        verify(app, artifact=V)
    assert "it answered 503" in caught.value.what
    assert caught.value.state == f"{V} is serving. The hosts serve it; what stands before them does not."


def test_a_host_that_cannot_be_reached_is_refused() -> None:
    app = running()
    app.hosts.machines[1] = machine("web-2", V, online=False)
    with pytest.raises(Refused):
        verify(app, artifact=V)


def test_the_outside_is_asked_until_it_shows_the_version() -> None:
    app = running(Sample(0, problem="refused"), Sample(200, "0.1.29-dev"), Sample(200, V))
    assert verify(app, artifact=V).attempts == 3
    assert app.web.asked == ["https://hello.example/healthz"] * 3
    assert app.clock.slept == [1.0, 2.0]


def test_an_outside_that_never_shows_it_fails_with_what_it_saw() -> None:
    app = running(Sample(200, "0.1.29-dev"))
    with pytest.raises(DeployFailed) as caught:
        verify(app, artifact=V)
    assert "it answered as 0.1.29-dev, not as 0.1.30-dev" in caught.value.what
    assert f"{V} is serving." in caught.value.state
    assert app.clock.slept == [1.0, 2.0]


def test_the_answer_is_data_as_well() -> None:
    assert replace(verify(running(), artifact=V)).as_data()["artifact"] == V
