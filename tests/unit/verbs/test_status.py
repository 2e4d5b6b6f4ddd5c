"""status: the ledger's word, each host's own, and where they differ."""

from __future__ import annotations

import pytest

from tagship.domain.units import Report
from tagship.engine import drift, lease_session
from tagship.errors import DeployFailed, Incomplete, Interrupted, NotAllowed
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.status import Status, status
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, machine

V = "0.1.30-dev"


def running() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")]))
    app.publish(V)
    deploy(app, artifact=V)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def only(app: FakeApp) -> Status:
    [found] = status(app)
    return found


def test_hosts_that_run_what_was_recorded_have_not_drifted() -> None:
    app = running()
    found = only(app)
    assert (found.artifact, found.drifted) == (V, False)
    assert app.screen.lines[-4:] == [
        f"dev: {V}, healthy since 2026-11-20 12:00 UTC, by ada@laptop",
        "HOST  ID  RUNS  ",
        f"web-1  i-00000000000000001  {V}  as recorded",
        f"web-2  i-00000000000000002  {V}  as recorded",
    ]


def test_it_takes_no_lease_and_changes_nothing() -> None:
    app = running()
    before = dict(app.leases.records)
    only(app)
    assert app.leases.records == before
    assert {order.action for order, _ in app.hosts.asked} == {"status"}
    assert {order.fence for order, _ in app.hosts.asked} == {0}


def test_a_host_that_runs_another_version_has_drifted() -> None:
    app = running()
    app.hosts.machines[1].serving = "0.1.7-dev"
    found = only(app)
    assert found.drifted
    assert found.units[1].drift == f"the ledger says {V}"
    assert f"web-2  i-00000000000000002  0.1.7-dev  drift: the ledger says {V}" in app.screen.lines


def test_a_host_whose_app_is_not_healthy_has_drifted() -> None:
    app = running()
    app.hosts.machines[0].observed_as = "failed"
    assert only(app).units[0].drift == "it does not answer"


def test_files_that_somebody_edited_are_named_and_a_heal_writes_them_anew() -> None:
    app = running()
    app.hosts.machines[1].edited = (".env", "hello@blue.service")
    found = only(app)
    assert found.drifted
    assert found.units[1].drift == "edited by hand since it was deployed: .env, hello@blue.service"
    assert app.screen.lines[-1] == "to have these files as they were deployed: inv heal --env dev"
    assert not any("no host serves" in line for line in app.screen.lines)
    result = heal(app)
    assert [report.outcome for report in result.reports if report.unit == app.hosts.machines[1].unit.id] == ["healthy"]
    assert not only(app).drifted


def test_edits_on_every_host_are_no_outage() -> None:
    app = running()
    for each in app.hosts.machines:
        each.edited = (".env",)
    found = only(app)
    assert found.drifted
    assert all(unit.healthy for unit in found.units)
    assert not any("no host serves" in line for line in app.screen.lines)


def test_a_version_that_answers_nowhere_has_the_rollback_named_beside_the_heal() -> None:
    app = running()
    app.publish("0.1.29-dev")
    app.ledger.ran("0.1.29-dev")
    for each in app.hosts.machines:
        each.serving = ""
    assert only(app).back == "0.1.29-dev"
    assert app.screen.lines[-3:] == [
        f"warning: no host serves {V} now; it was healthy when it was deployed",
        f"to bring them to {V}: inv heal --env dev",
        "or to go back to what was good: inv rollback --to 0.1.29-dev --env dev",
    ]


def test_one_host_that_serves_or_none_that_can_be_asked_is_no_reason_to_go_back() -> None:
    app = running()
    app.publish("0.1.29-dev")
    app.ledger.ran("0.1.29-dev")
    app.hosts.machines[0].serving = ""
    assert only(app).back == ""
    app.hosts.machines[:] = [machine("web-1", V, online=False), machine("web-2", V, online=False)]
    assert only(app).back == ""
    assert app.screen.lines[-1] == f"once every host can be asked, to see that it runs {V}: inv heal --env dev"


def test_a_version_that_only_failed_is_not_said_to_be_marked() -> None:
    app = FakeApp(settings=settings(environments=environments(ec2={"rollout": {"max_errors": 1}})))
    app.hosts = FakeTarget([machine("web-1", "", "failed"), machine("web-2", "", "failed")])
    app.publish(V)
    with pytest.raises(DeployFailed):
        deploy(app, artifact=V)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(Incomplete):
        deploy(app, artifact=V)
    assert not only(app).marked
    assert any(line.startswith(f"{V} counts as bad: it failed on") for line in app.screen.warnings)


def test_a_host_that_is_offline_is_named_and_the_others_are_asked() -> None:
    app = running()
    app.hosts.machines[1] = machine("web-2", V, online=False)
    found = only(app)
    assert found.units[1].runs == "not known"
    assert "ConnectionLost" in found.units[1].drift
    assert [names for _, _, names in app.hosts.sent] == [["web-1"]]


def test_an_environment_without_hosts_says_so_and_the_ledger_still_speaks() -> None:
    app = running()
    app.hosts.machines.clear()
    found = only(app)
    assert found.artifact == V
    assert found.problem.startswith("No running instance")


def test_an_environment_to_which_nothing_was_ever_deployed_has_not_drifted() -> None:
    app = FakeApp()
    found = only(app)
    assert (found.artifact, found.drifted) == ("", False)
    assert found.units[0].runs == "nothing"
    assert "dev: nothing was ever healthy here" in app.screen.lines


def test_a_deployment_that_nobody_watches_any_more_is_shown_with_its_lease() -> None:
    app = running()
    app.publish("0.1.31-dev")

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    app.hosts.during = interrupt
    with pytest.raises(Interrupted):
        deploy(app, artifact="0.1.31-dev")
    app.hosts.during = lambda _: None
    found = only(app)
    assert found.unfinished.startswith("deploy of 0.1.31-dev by ada@laptop, started 2026-11-20 12:00 UTC")
    assert (found.lease.state, found.resume) == ("expired", "inv resume --env dev")
    assert found.units[0].drift == f"the ledger says {V}"


def test_the_answer_is_data_as_well() -> None:
    app = running()
    app.screen.data([one.as_data() for one in status(app, env="dev")])
    found = app.screen.documents[0][0]  # type: ignore[index]
    assert found["drifted"] is False
    assert found["units"][0]["runs"] == V


OTHER = "Access denied: the AWS identity in use may not ssm:SendCommand (sending status to 1 host)."


def of_two(monkeypatch: pytest.MonkeyPatch) -> FakeApp:
    """dev, whose hosts this identity may ask, and prod."""
    both = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = FakeApp(settings(environments=both))

    def ask(app: FakeApp, environment: str, units: object) -> list[Report]:
        if environment == "prod":
            raise NotAllowed(OTHER, remedy="Allow it")
        return list(asked(app, environment, units))  # type: ignore[arg-type]

    asked = lease_session.ask
    monkeypatch.setattr(drift, "ask", ask)
    return app


def test_an_environment_whose_units_one_may_not_ask_keeps_nobody_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = of_two(monkeypatch)
    dev, prod = status(app)
    assert isinstance(prod, Status)
    assert (dev.problem, prod.units) == ("", [])  # type: ignore[union-attr]
    assert prod.problem == f"what prod runs was not asked: {OTHER}"
    assert f"warning: {prod.problem}" in app.screen.lines


def test_an_environment_that_is_named_and_may_not_be_asked_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotAllowed):
        status(of_two(monkeypatch), env="prod")
