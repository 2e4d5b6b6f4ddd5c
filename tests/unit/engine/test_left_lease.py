"""A lease that its runner could not give back: the printed remedy waits for it, and leads out as it is typed."""

from __future__ import annotations

import shlex

import pytest

from tagship.domain.lease import LeaseRecord
from tagship.errors import Interrupted, ServiceFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.unit.engine.fleet import NEW, OLD, expired, fleet

VERBS = {"resume": resume, "deploy": deploy, "rollback": rollback}
RENAMED = {"version": "artifact"}


def away(app: FakeApp) -> None:
    """The credentials have expired: the lease can't be written either."""

    def refused(_: LeaseRecord) -> None:
        expired()

    app.leases.release = app.leases.let_go = refused  # type: ignore[method-assign]


def renewed(app: FakeApp) -> None:
    del app.leases.release, app.leases.let_go
    app.hosts.during = lambda _: None
    app.ledger.before = lambda _: None


def typed(app: FakeApp, remedy: str, verb: str) -> str:
    """Run the verb's command of a remedy as its flags say; return how it ended."""
    [command] = [line.partition(": ")[2] for line in remedy.splitlines() if f"inv {verb} " in line]
    names, values = shlex.split(command)[2::2], shlex.split(command)[3::2]
    flags = {name.removeprefix("--"): value for name, value in zip(names, values, strict=True)}
    return VERBS[verb](app, **{RENAMED.get(name, name): value for name, value in flags.items()}).state


def test_after_credentials_that_expired_while_hosts_act_the_printed_command_ends_it() -> None:
    app = fleet(1)
    app.hosts.during = lambda _: expired()
    away(app)
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert "End it: inv resume --env dev --wait 10m" in caught.value.remedy
    renewed(app)
    assert typed(app, caught.value.remedy, "resume") == "healthy"
    assert sum(app.clock.slept) <= 120 + 5


def test_after_credentials_that_expired_before_the_last_entry_the_printed_command_records_it() -> None:
    app = fleet(1)
    app.ledger.before = lambda entry: expired() if entry.state == "healthy" else None
    away(app)
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert f"inv deploy --version {NEW} --env dev --wait 10m" in caught.value.remedy
    renewed(app)
    assert typed(app, caught.value.remedy, "deploy") in {"healthy", "unchanged"}
    assert app.ledger.states[-1] == "healthy"


def test_a_lease_that_is_longer_is_waited_for_longer() -> None:
    app = fleet(1)
    app.settings = settings(environments=environments(lease_ttl=3600))
    app.hosts.during = lambda _: expired()
    away(app)
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert "inv resume --env dev --wait 62m" in caught.value.remedy


def test_a_lease_that_was_given_back_is_not_waited_for() -> None:
    app = fleet(1)
    app.hosts.during = lambda _: expired()
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert "End it: inv resume --env dev\n" in caught.value.remedy


def test_a_rollback_that_is_interrupted_where_its_lease_stays_names_the_command_that_waits() -> None:
    app = fleet(2)
    deploy(app, artifact=NEW)
    app.hosts.asking = lambda change: (_ for _ in ()).throw(KeyboardInterrupt) if change.action == "rollback" else None
    away(app)
    with pytest.raises(Interrupted) as caught:
        rollback(app, to=OLD)
    assert " --wait 10m" in caught.value.remedy
    assert " --wait 10m --wait" not in caught.value.remedy
