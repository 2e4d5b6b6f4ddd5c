"""A deployment ends with whether it could be rolled back; with require_rollback, one that could not is refused."""

from __future__ import annotations

import pytest

from tagship.domain import layout
from tagship.errors import Refused, ServiceFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings

OLD, NEW, NEXT = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"


def running(*versions: str, **changes: object) -> FakeApp:
    app = FakeApp(settings=settings(environments=environments(**changes)))
    app.publish(OLD, NEW, NEXT)
    for version in versions:
        app.hosts.during = lambda _: app.clock.advance(3)
        deploy(app, artifact=version)
        app.clock.advance(60)
    return app


def test_the_first_deployment_has_nothing_to_go_back_to_and_says_so() -> None:
    app = running(OLD)
    assert app.screen.lines[-1] == "no rollback ready: no other version was healthy on dev"


def test_the_version_before_is_ready_by_the_time_of_deployments_and_then_of_rollbacks() -> None:
    app = running(OLD, NEW)
    assert (
        app.screen.lines[-1] == f"rollback ready: {OLD}, about 3.0 s by the last deployments: inv rollback --to {OLD}"
    )
    app.hosts.during = lambda _: app.clock.advance(1)
    rollback(app, to=OLD, drill=True)
    result = deploy(app, artifact=NEXT)
    assert app.screen.lines[-1].endswith(f"about 1.0 s by the last rollbacks: inv rollback --to {OLD}")
    assert result.as_data()["rollback"] == {"ready": True, "version": OLD, "seconds": 1.0, "problem": ""}


def test_a_version_that_is_bad_or_altered_is_passed_over() -> None:
    app = running(OLD, NEW)
    mark_bad(app, version=NEW, reason="it sends mail twice")
    deploy(app, artifact=NEXT)
    assert app.screen.lines[-1].startswith(f"rollback ready: {OLD}")
    app = running(OLD, NEW)
    app.remove(NEW)
    deploy(app, artifact=NEXT)
    assert app.screen.lines[-1].startswith(f"rollback ready: {OLD}")


def test_what_can_t_be_looked_at_fails_nothing() -> None:
    app = running(OLD)
    app.hosts.during = lambda change: setattr(app.ledger, "deployments", unheard) if change.action == "deploy" else None
    assert deploy(app, artifact=NEW).state == "healthy"
    assert app.screen.warnings[-1] == "no rollback ready: not known: S3 is silent"
    assert app.screen.lines[-1] == "  inv drill --env dev"


def unheard(*_: object) -> None:
    raise ServiceFailed("S3 is silent.", remedy="Wait.")


def test_the_settings_may_demand_it() -> None:
    app = running(OLD, NEW, require_rollback=True)
    app.remove(OLD)
    mark_bad(app, version=NEW, reason="it sends mail twice")
    entries = len(app.ledger.deployments("dev"))
    with pytest.raises(Refused, match=r"^0\.1\.3-dev could not be rolled back from on dev") as refused:
        deploy(app, artifact=NEXT)
    assert (refused.value.remedy, len(app.ledger.deployments("dev"))) == ("inv drill --env dev", entries)


def test_an_altered_manifest_is_no_way_back() -> None:
    app = running(OLD, NEW)
    for version in (OLD, NEW):
        key = layout.artifact("hello", "dev", version, layout.SIGNATURE)
        del app.store.objects[key]
    deploy(app, artifact=NEXT)
    assert app.screen.lines[-1] == "no rollback ready: no other version was healthy on dev"
