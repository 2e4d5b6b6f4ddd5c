"""A host that was stopped: every verb that speaks of the others names it, and none ends otherwise for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.domain.absent import Gone
from tagship.domain.deployment import Entry
from tagship.errors import ServiceFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine

OLD, NEW, NEXT = "0.1.29-dev", "0.1.30-dev", "0.1.31-dev"
ID = "i-00000000000000002"
GONE = (
    f"web-2 ({ID}) was in an earlier deployment and is not among the hosts of dev now (stopped or untagged; "
    "once terminated, it is forgotten); if it returns, bring it: inv heal --env dev"
)


def running() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2"), machine("web-3")]))
    for version in (OLD, NEW):
        app.publish(version)
        deploy(app, artifact=version)
        app.clock.advance(60)
    app.publish(NEXT)
    app.screen.lines.clear()
    return app


def one_stopped() -> FakeApp:
    app = running()
    del app.hosts.machines[1]
    return app


def test_status_names_it_and_its_json_has_it() -> None:
    app = one_stopped()
    [found] = status(app)
    assert app.screen.warnings == [GONE]
    assert not found.drifted
    assert found.gone == (Gone(ID, "web-2"),)
    assert found.as_data()["gone"] == ({"unit": ID, "name": "web-2"},)


def test_verify_names_it_and_is_as_content_as_before() -> None:
    app = one_stopped()
    assert len(verify(app, artifact=NEW).units) == 2
    assert app.screen.warnings == [GONE]


def test_verify_needs_no_ledger_and_says_what_it_cannot_tell() -> None:
    app = one_stopped()

    def down(*_: object) -> None:
        raise ServiceFailed("The store does not answer.", remedy="Wait.")

    app.ledger.deployments = down  # type: ignore[assignment,method-assign]
    assert len(verify(app, artifact=NEW).units) == 2
    assert app.screen.warnings == ["can't tell if hosts of earlier deployments are missing: The store does not answer."]


def test_a_heal_names_it_though_there_is_nothing_to_heal() -> None:
    app = one_stopped()
    assert heal(app).state == "healthy"
    assert app.screen.warnings == [GONE]


def test_the_plans_of_a_heal_a_rollback_and_a_deployment_name_it() -> None:
    app = one_stopped()
    rollback(app, to=OLD, dry_run=True)
    deploy(app, artifact=NEXT, dry_run=True)
    app.hosts.machines[0].serving = OLD
    heal(app, dry_run=True)
    assert app.screen.warnings == [GONE] * 3


def test_nobody_is_named_while_all_are_there() -> None:
    app = running()
    status(app)
    verify(app, artifact=NEW)
    heal(app)
    rollback(app, to=OLD, dry_run=True)
    assert app.screen.warnings == []


def test_one_that_returned_with_another_version_is_healed() -> None:
    app = running()
    stopped = app.hosts.machines.pop(1)
    rollback(app, to=OLD)
    app.hosts.machines.append(stopped)
    assert heal(app).state == "healthy"
    assert stopped.serving == OLD


def last(app: FakeApp) -> Entry:
    return app.ledger.entries[-1]


@pytest.mark.parametrize("host", ["web-1", "web-2", "web-3"])
def test_the_ledger_has_the_name_of_each_host(host: str) -> None:
    assert host in last(running()).details["names"].values()


def test_one_is_remembered_over_any_number_of_deployments_until_it_is_back() -> None:
    app = one_stopped()
    stopped = machine("web-2", OLD)
    for version in ("0.1.32-dev", "0.1.33-dev", "0.1.34-dev"):
        app.publish(version)
        app.clock.advance(60)
        deploy(app, artifact=version)
    assert app.screen.warnings == [GONE] * 3
    app.hosts.machines.insert(1, replace(stopped, unit=replace(stopped.unit, id=ID)))
    assert [unit.drift for unit in status(app)[0].units if unit.id == ID] != [""]
    assert status(app)[0].gone == ()


def test_one_that_was_terminated_is_forgotten() -> None:
    app = one_stopped()
    app.hosts.terminated.add(ID)
    assert status(app)[0].gone == ()
    deploy(app, artifact=NEXT)
    assert "absent" not in last(app).details
    assert app.screen.warnings == []


def test_if_nobody_can_tell_whether_it_was_terminated_it_is_named() -> None:
    app = one_stopped()

    def down(_: object) -> set[str]:
        raise ServiceFailed("EC2 does not answer.", remedy="Wait.")

    app.hosts.ended = down  # type: ignore[method-assign]
    assert status(app)[0].gone == (Gone(ID, "web-2"),)
