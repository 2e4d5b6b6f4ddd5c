"""lock and unlock: who holds an environment, and breaking what died."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.adapters.bucket.leases import StoredLeases
from tagship.domain.lease import LeaseUnreadable, Seen
from tagship.errors import LeaseLost, Refused, ServiceFailed, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.lock import lock
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.unlock import unlock
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine


def held() -> FakeApp:
    app = FakeApp()
    url = "https://github.com/o/r/actions/runs/4711"
    record = app.leases.take("dev", holder="run 4711 (octocat)", deployment_id="d-1", run_url=url, ttl=120)
    app.leases.renew(record, phase="deploy 0.1.30-dev: the hosts act", operations=["SSM command c-1"])
    app.clock.advance(30)
    return app


def test_a_free_environment_says_so() -> None:
    app = FakeApp()
    [found] = lock(app)
    assert found.state == "free"
    assert app.screen.lines == ["nobody holds dev"]


def test_a_lease_names_holder_run_phase_age_and_the_unlock_command() -> None:
    app = held()
    [found] = lock(app, env="dev")
    assert (found.state, found.deployment, found.operations) == ("held", "d-1", ("SSM command c-1",))
    assert app.screen.lines == [
        "run 4711 (octocat) has held dev since 2026-11-20 12:00 UTC",
        "  deploy 0.1.30-dev: the hosts act, last heartbeat 30 s ago, begun 30 s ago",
        "  deployment d-1, fencing number 1",
        "  SSM command c-1",
        "  https://github.com/o/r/actions/runs/4711",
        "  wait for it:    add --wait 10m to your deploy or rollback",
        "  if it is dead:  inv unlock --env dev --id d-1",
        "  fence it off:   inv rollback --env dev --preempt",
        "  (that cancels what it has in flight)",
    ]


def test_a_lease_whose_heartbeat_stopped_has_expired() -> None:
    app = held()
    app.clock.advance(100)
    [found] = lock(app)
    assert found.state == "expired"
    assert (
        app.screen.lines[0] == "run 4711 (octocat) has held dev since 2026-11-20 12:00 UTC; its heartbeat has stopped"
    )
    assert "  to free it:     inv unlock --env dev --id d-1" in app.screen.lines
    assert app.screen.lines[-1] == "  once its CI run has ended and no operation of it is in flight"
    assert "--resume" not in app.screen.text, "the ledger has no such deployment: there is nothing to end"


def test_of_a_laptop_no_ci_run_is_spoken_of() -> None:
    app = held()
    lease, etag = app.leases.records["dev"]
    app.leases.records["dev"] = (replace(lease, run_url=""), etag)
    app.clock.advance(100)
    lock(app)
    assert app.screen.lines[-1] == "  once no operation of it is in flight"


def test_unlock_frees_the_lease_it_names_and_stops_its_holder() -> None:
    app = held()
    record = app.leases.records["dev"][0]
    app.hosts.running = {"c-1": "d-1"}
    assert unlock(app, id="d-1", env="dev").state == "free"
    assert app.screen.warnings == ["SSM command c-1 still runs for it; anything it starts next is refused"]
    with pytest.raises(LeaseLost):
        app.leases.renew(record, phase="on")


def test_unlock_refuses_another_deployments_lease() -> None:
    app = held()
    with pytest.raises(Refused) as caught:
        unlock(app, id="d-2")
    assert caught.value.what.startswith("Deployment d-2 does not hold dev: run 4711 (octocat) has held dev")
    assert lock(app)[0].state == "held"


def test_unlock_of_a_free_environment_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        unlock(FakeApp(), id="d-1")
    assert caught.value.what == "Deployment d-1 does not hold dev: nobody holds dev."


def test_unlock_wants_the_deployment_named() -> None:
    with pytest.raises(UsageError) as caught:
        unlock(held(), id="")
    assert "inv lock --env dev" in caught.value.remedy


def test_a_dry_run_frees_nothing() -> None:
    app = held()
    unlock(app, id="d-1", dry_run=True)
    assert lock(app)[0].state == "held"


def test_a_broken_lease_keeps_its_fencing_number() -> None:
    app = held()
    unlock(app, id="d-1")
    assert app.leases.take("dev", holder="ada", deployment_id="d-2", run_url="", ttl=120).fence == 2


# -- an object that is no lease ----------------------------------------------------------------------------------------


@pytest.fixture
def spoilt() -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.leases = StoredLeases(app.store, "hello")  # type: ignore[assignment]
    app.publish("0.1.1-dev", "0.1.2-dev")
    deploy(app, artifact="0.1.1-dev")
    lease = app.store.objects["hello/_lease/dev.json"]
    app.store.replace("hello/_lease/dev.json", lease.body[:20], lease.etag)
    return app


def test_a_lease_that_cannot_be_read_is_shown_as_that_with_the_way_out(spoilt: FakeApp) -> None:
    [found] = lock(spoilt, env="dev")
    assert found.state == "unreadable"
    assert "The lease of dev cannot be read" in found.problem
    assert found.remedy.startswith("If nobody deploys to dev, write it again: inv unlock --env dev --id damaged-")
    assert found.remedy in spoilt.screen.text
    [looked] = status(spoilt, env="dev")
    assert looked.artifact == "0.1.1-dev"
    assert found.problem in spoilt.screen.text


def test_a_lease_that_cannot_be_read_is_nobodys_to_take_and_what_its_error_says_mends_it(spoilt: FakeApp) -> None:
    with pytest.raises(LeaseUnreadable) as caught:
        deploy(spoilt, artifact="0.1.2-dev")
    assert caught.value.exit_code == 8
    with pytest.raises(LeaseUnreadable):
        unlock(spoilt, env="dev", id="d-1")
    assert unlock(spoilt, env="dev", id=caught.value.id, dry_run=True).state == "unreadable"
    with pytest.raises(LeaseUnreadable):
        deploy(spoilt, artifact="0.1.2-dev")
    assert f"--id {caught.value.id}" in caught.value.remedy
    assert unlock(spoilt, env="dev", id=caught.value.id).state == "free"
    assert deploy(spoilt, artifact="0.1.2-dev").state == "healthy"
    fences = [one.first.fence for one in spoilt.ledger.deployments("dev")]
    assert fences == [1, 2], "the number goes on rising from what the ledger knows"


def test_a_rollback_is_told_of_the_way_over_a_damaged_lease_and_preempt_goes_it(spoilt: FakeApp) -> None:
    deploy_over(spoilt)
    with pytest.raises(LeaseUnreadable) as caught:
        rollback(spoilt, to="0.1.1-dev")
    assert caught.value.remedy.endswith(
        "\n       Or take it over from its holder: inv rollback --to 0.1.1-dev --env dev --preempt"
    )
    assert rollback(spoilt, to="0.1.1-dev", preempt=True).state == "healthy"
    assert "its holder and their operations in flight are unknown" in spoilt.screen.text
    fences = [one.first.fence for one in spoilt.ledger.deployments("dev")]
    assert fences == sorted(set(fences))


def test_a_later_tagships_lease_is_no_damage(spoilt: FakeApp) -> None:
    there = spoilt.store.objects["hello/_lease/dev.json"]
    spoilt.store.replace(there.key, b'{"schema": 2, "holder": "eve"}', there.etag)
    with pytest.raises(LeaseUnreadable) as caught:
        rollback(spoilt, to="0.1.1-dev", preempt=True)
    assert caught.value.remedy == "A later tagship wrote it; use that one: pip install --upgrade tagship"
    with pytest.raises(LeaseUnreadable):
        unlock(spoilt, env="dev", id="damaged-")


def deploy_over(app: FakeApp) -> None:
    """0.1.2-dev serves, and the lease is damaged again, its fencing number still there to be read."""
    [found] = lock(app, env="dev")
    unlock(app, env="dev", id=found.remedy.rpartition(" ")[2])
    deploy(app, artifact="0.1.2-dev")
    there = app.store.objects["hello/_lease/dev.json"]
    app.store.replace(there.key, there.body[:-20], there.etag)


def test_a_store_that_is_silent_once_the_lease_was_freed_does_not_unsay_it() -> None:
    app = held()
    break_, look = app.leases.break_, app.leases.look

    def silent(_: str) -> Seen | None:
        raise ServiceFailed("AWS does not answer.", remedy="Run the same command again")

    def freed(environment: str, deployment_id: str) -> None:
        break_(environment, deployment_id)
        app.leases.look = silent  # type: ignore[method-assign]

    app.leases.break_ = freed  # type: ignore[method-assign]
    assert unlock(app, env="dev", id="d-1").state == "free"
    assert app.screen.warnings[-1] == "can't ask who holds dev now: AWS does not answer."
    app.leases.look = look  # type: ignore[method-assign]
    assert lock(app)[0].state == "free"
