"""notify: what came of the deployment, where people look."""

from __future__ import annotations

import pytest

from tagship.errors import DeployFailed, Refused
from tagship.ports.forge import Notice, Run, Step
from tagship.ports.repository import Tag
from tagship.verbs.deploy import deploy
from tagship.verbs.notify import notify
from tests.fakes.app import FakeApp
from tests.fakes.forge import FakeForge
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine
from tests.unit.release.test_telling import FakeBoard

V = "0.1.30-dev"


def app_with(*answers: str) -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1", "", *answers)]), given={"repository": FakeRepository()})
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
    assert text.startswith(f"### <code>{V} on dev: rolled-back</code>\n")
    cells = ("i-00000000000000001", "failed", "", "", "it answered 500 &#124; &#60;b&#62;")
    assert f"| {' | '.join(cell and f'<code>{cell}</code>' for cell in cells)} |" in text
    assert "    Traceback: boom" in text


def test_a_version_that_was_never_deployed_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        notify(app_with(), artifact=V)
    assert caught.value.what == f"The ledger knows no deployment of {V} to dev."


def test_a_run_that_failed_before_it_deployed_is_told_of_in_its_steps_words() -> None:
    app = app_with()
    app.ci.run, app.ci.run_url = "7", "https://github.com/acme/hello/actions/runs/7"
    said = [
        Notice("failure", "", "Process completed with exit code 8."),
        Notice("failure", "tagship exit 8", "The build failed: no space left; Nothing was changed"),
        Notice("failure", "tagship evidence", "COPY failed"),
    ]
    app.given["forge"] = FakeForge(Run("7", "https://x", "in_progress"), notices=said)
    told = notify(app, artifact=V)
    assert app.screen.lines[-1] == f"{V} was not deployed to dev. The build failed: no space left."
    assert app.ci.summary.startswith(f"### <code>{V} was not deployed to dev</code>\n")
    assert "    COPY failed" in app.ci.summary
    assert told.as_data()["state"] == "not-deployed"


def test_a_run_that_was_refused_tells_nothing_of_an_earlier_deployment_of_the_version() -> None:
    app = app_with()
    deploy(app, artifact=V)
    app.run_url = "https://github.com/acme/hello/actions/runs/7"
    board = in_ci(app, Step("ship: Deploy", "completed", "failure"))
    app.given["forge"].said = [Notice("failure", "tagship exit 3", "dev is frozen until Monday; Nothing was changed")]
    assert notify(app, artifact=V).as_data() == {"state": "not-deployed", "reason": "dev is frozen until Monday."}
    assert {(news.state, news.headline) for news in board.news} == {
        ("not-deployed", f"{V} was not deployed to dev. dev is frozen until Monday.")
    }


def test_a_run_that_found_the_version_running_tells_of_its_deployment() -> None:
    app = app_with()
    deploy(app, artifact=V)
    app.run_url = "https://github.com/acme/hello/actions/runs/7"
    board = in_ci(app, Step("ship: Deploy", "completed", "success"))
    notify(app, artifact=V)
    assert {news.state for news in board.news} == {"healthy"}


def test_a_run_whose_steps_said_nothing_is_told_of_by_the_step_that_failed() -> None:
    app = app_with()
    app.ci.run = "7"
    app.given["forge"] = FakeForge(
        Run("7", "https://x", "in_progress", steps=[Step("ship: Log in", "completed", "failure")])
    )
    notify(app, artifact=V)
    assert app.screen.lines[-1] == f"{V} was not deployed to dev. It failed at “ship: Log in”."


def test_a_forge_that_does_not_answer_leaves_the_address_of_the_run() -> None:
    app = app_with()
    app.ci.run, app.ci.run_url = "7", "https://github.com/acme/hello/actions/runs/7"
    app.given["forge"] = FakeForge()
    app.given["forge"].fails = 1
    notify(app, artifact=V)
    assert app.screen.lines[-1].endswith("actions/runs/7 (GitHub answered 502)")


def in_ci(app: FakeApp, *steps: Step) -> FakeBoard:
    """A run of another commit's, whose jobs ended so."""
    app.ci.run, app.ci.commit = "7", "d" * 40
    board = FakeBoard()
    app.given |= {"forge": FakeForge(Run("7", "https://x", "in_progress", steps=steps)), "board": board}
    return board


def test_news_is_of_the_versions_commit_whatever_the_run_is_of() -> None:
    app = app_with()
    deploy(app, artifact=V)
    board = in_ci(app)
    notify(app, artifact=V)
    assert {news.commit for news in board.news} == {"d" * 40}, "a clone without the tag knows the run's alone"
    app.given["repository"].local[V] = Tag(V, oid="f" * 40, commit="e" * 40)
    board.news.clear()
    notify(app, artifact=V)
    assert {news.commit for news in board.news} == {"e" * 40}


def test_each_job_of_the_run_that_ended_is_a_stage() -> None:
    app = app_with()
    deploy(app, artifact=V)
    board = in_ci(
        app,
        *(Step("build: Check out", "completed", "success"), Step("build: Build", "completed", "success")),
        *(Step("ship: Deploy", "completed", "failure"), Step("ship: Verify", "completed", "skipped")),
        *(Step("tested", "completed", "cancelled"), Step("approve", "completed", "skipped")),
        Step("notify: Notify", "in_progress"),
    )
    notify(app, artifact=V)
    assert [(stage.name, stage.conclusion) for stage in board.news[0].stages] == [
        *(("build", "success"), ("ship", "failure"), ("tested", "cancelled")),
    ]
