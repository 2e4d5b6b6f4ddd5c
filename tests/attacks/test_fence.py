"""Whoever can write to the bucket, or has an old number, can't block an environment nor act on its hosts for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tagship.adapters.bucket.leases import StoredLeases
from tagship.domain import layout
from tagship.domain.fence import GENERATION, LEAP
from tagship.domain.lease import LeaseImplausible, LeaseRecord
from tagship.domain.sealed import canonical
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.unlock import unlock
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine
from tests.sandbox.bundles import make
from tests.sandbox.machine import Machine
from tests.sandbox.machine import machine as host_machine
from tests.sandbox.records import EVIL, put_reset, reset, sealed

OLD, NEW = "0.1.1-dev", "0.1.2-dev"
HUGE = 999_999_999_999_998


@pytest.fixture
def app() -> FakeApp:
    """OLD runs on one host; the lease is an object in the bucket."""
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.leases = StoredLeases(app.store, "hello")  # type: ignore[assignment]
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    app.clock.advance(1)
    return app


def poison(app: FakeApp) -> None:
    key = layout.lease("hello", "dev")
    lease = app.store.objects[key]
    app.store.replace(key, replace(LeaseRecord.from_json(lease.body), fence=HUGE).to_json(), lease.etag)


def test_a_huge_number_in_the_lease_is_not_followed(app: FakeApp) -> None:
    poison(app)
    for act in (lambda: deploy(app, artifact=NEW), lambda: rollback(app, to=OLD, preempt=True)):
        with pytest.raises(LeaseImplausible) as caught:
            act()
        assert "inv unlock --env dev --reset-fence" in caught.value.remedy
    assert app.hosts.machines[0].fence == 1


def test_the_reset_leads_out_of_it_and_is_recorded(app: FakeApp) -> None:
    poison(app)
    unlock(app, id="", env="dev", reset_fence=True, reason="somebody wrote to the lease")
    entry = app.ledger.entries[-1]
    assert (entry.state, entry.who, entry.reason) == ("reset", "ada@laptop", "somebody wrote to the lease")
    app.clock.advance(1)
    assert deploy(app, artifact=NEW).state == "healthy"
    assert rollback(app, to=OLD).state == "healthy"


def test_a_forged_entry_of_the_ledger_moves_no_number_and_is_no_deployment(app: FakeApp) -> None:
    first = app.ledger.entries[0]
    id_ = "20261121-000000-000001-abcdef"
    app.ledger.entries.append(replace(first, deployment_id=id_, artifact_id=NEW, fence=HUGE, state="healthy"))
    assert status(app)[0].artifact == OLD
    assert any("they are ignored" in warning for warning in app.screen.warnings)
    deploy(app, artifact=NEW)
    assert app.hosts.machines[0].fence == 2


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with host_machine(tmp_path_factory.mktemp("fence")) as one:
        good = make(OLD)
        good.put(one.bucket)
        assert one.deploy(good, fence=7).outcome == "healthy"
        yield one


@pytest.fixture
def host(deployed: Machine) -> Machine:
    """A real host program; it has heard of 7."""
    (deployed.base / "fence").write_text("7\n")
    put_reset(deployed.bucket, b"")
    return deployed


def ordered(host: Machine, fence: int) -> str:
    return str(host.deploy(make(OLD), fence=fence).outcome)


def number(host: Machine) -> int:
    return int((host.base / "fence").read_text().split()[0])


def test_a_host_takes_no_number_that_leaps(host: Machine) -> None:
    assert [ordered(host, fence) for fence in (8 + LEAP, HUGE)] == ["refused", "refused"]
    assert number(host) == 7


def test_a_host_that_has_stored_the_huge_number_is_led_out(host: Machine) -> None:
    (host.base / "fence").write_text(f"{HUGE + 1}\n")
    assert ordered(host, 8) == "held"
    put_reset(host.bucket, sealed(reset(GENERATION)))
    assert ordered(host, GENERATION + 1) == "unchanged"
    assert number(host) == GENERATION + 1


def test_the_old_runner_stays_fenced_off_after_a_reset(host: Machine) -> None:
    put_reset(host.bucket, sealed(reset(GENERATION)))
    assert ordered(host, GENERATION + 1) == "unchanged"
    assert [ordered(host, fence) for fence in (7, 8, GENERATION)] == ["held"] * 3
    assert [ordered(host, fence) for fence in (HUGE, HUGE + 1)] == ["refused"] * 2


def test_nobody_resets_a_host_without_the_key(host: Machine) -> None:
    for forged in (canonical(reset(GENERATION)), sealed(reset(GENERATION), EVIL)):
        put_reset(host.bucket, forged)
        assert ordered(host, GENERATION + 1) == "refused"
    put_reset(host.bucket, sealed(reset(GENERATION, environment="prod")))
    assert ordered(host, GENERATION + 1) == "refused"
    assert number(host) == 7


def test_an_old_reset_that_is_put_back_sets_no_host_back(host: Machine) -> None:
    put_reset(host.bucket, sealed(reset(2 * GENERATION)))
    assert ordered(host, 2 * GENERATION + 1) == "unchanged"
    put_reset(host.bucket, sealed(reset(GENERATION)))
    assert ordered(host, GENERATION + 9) == "held"
    assert number(host) == 2 * GENERATION + 1


def test_an_old_artifact_is_not_deployed_over_a_newer_one(host: Machine) -> None:
    old = make("0.1.0-dev")
    old.put(host.bucket)
    answer = host.deploy(old, fence=8)
    assert (answer.outcome, answer.serving) == ("refused", OLD)
    assert "older than 0.1.1-dev, which ran here" in answer.reason
