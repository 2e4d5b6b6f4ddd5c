"""unlock --reset-fence: the way out where a fencing number blocks every deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.bucket.leases import StoredLeases
from tagship.domain import layout
from tagship.domain.fence import GENERATION, LEAP
from tagship.domain.lease import LeaseImplausible, LeaseRecord
from tagship.engine.fences import last_reset
from tagship.engine.holder import Holder
from tagship.errors import Held, LeaseLost, NotAuthentic, Refused, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.history import history
from tagship.verbs.lock import lock
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.unlock import unlock
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.signing import WordSigner
from tests.fakes.target import FakeTarget, machine

OLD, NEW = "0.1.1-dev", "0.1.2-dev"
KEY = layout.lease("hello", "dev")
HUGE = 999_999_999_999_998
WHY = "somebody wrote 999999999999998 to the lease"


def deployed(**changes: Any) -> FakeApp:
    """OLD runs; the lease is an object in the bucket."""
    app = FakeApp(settings(**changes), hosts=FakeTarget([machine("web-1")]))
    app.leases = StoredLeases(app.store, "hello", app.settings.lease_group)  # type: ignore[assignment]
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    return app


def reset(app: FakeApp, **flags: Any) -> Holder:
    """Reset the numbers of dev, a second after what was before."""
    app.clock.advance(1)
    return unlock(app, **{"id": "", "env": "dev", "reset_fence": True, "reason": WHY, **flags})


def poison(app: FakeApp, fence: int = HUGE, key: str = KEY) -> None:
    lease = app.store.objects[key]
    record = replace(LeaseRecord.from_json(lease.body), fence=fence)
    app.store.replace(key, record.to_json(), lease.etag)


def test_a_number_that_no_deployment_led_to_is_not_followed() -> None:
    app = deployed()
    poison(app)
    for act in (lambda: deploy(app, artifact=NEW), lambda: rollback(app, to=OLD, preempt=True)):
        with pytest.raises(LeaseImplausible) as caught:
            act()
        assert caught.value.what == (
            "The lease of dev carries the fencing number 999999999999998, and the highest in the ledger is 1: "
            "no deployment led there."
        )
        assert caught.value.remedy.endswith("inv unlock --env dev --reset-fence --reason '…'")
    assert app.hosts.machines[0].fence == 1


def test_the_reset_leads_out_and_says_who_and_why_and_what_comes_next() -> None:
    app = deployed()
    poison(app)
    assert reset(app).fence == GENERATION
    assert app.screen.lines[-3:] == [
        f"the fencing numbers of dev start again at 1000000000: {WHY}",
        "dev is free; whoever had a number before stops before the next action",
        "each host gets it with its next deploy or rollback",
    ]
    assert deploy(app, artifact=NEW).state == "healthy"
    assert [each.first.fence for each in app.ledger.deployments("dev")] == [1, GENERATION, GENERATION + 1]
    assert rollback(app, to=OLD).state == "healthy"
    assert app.hosts.machines[0].fence == GENERATION + 2


def test_the_ledger_keeps_who_and_why_and_counts_it_as_no_deployment() -> None:
    app = deployed()
    reset(app)
    entry = app.ledger.entries[-1]
    assert (entry.state, entry.who, entry.reason, entry.fence) == ("reset", "ada@laptop", WHY, GENERATION)
    app.screen.lines.clear()
    history(app)
    assert "ada@laptop" in app.screen.text
    assert WHY in app.screen.text
    [looked] = status(app)
    assert (looked.artifact, looked.unfinished, looked.drifted) == (OLD, "", False)


def test_a_deleted_lease_goes_on_from_the_ledger_before_and_after_a_reset() -> None:
    """A rule of the bucket's lifecycle deletes objects by their age."""
    app = deployed()
    del app.store.objects[KEY]
    deploy(app, artifact=NEW)
    reset(app)
    del app.store.objects[KEY]
    rollback(app, to=OLD)
    assert [each.first.fence for each in app.ledger.deployments("dev")] == [1, 2, GENERATION, GENERATION + 1]


def test_deleting_the_poisoned_lease_is_enough_where_nothing_followed_it() -> None:
    app = deployed()
    poison(app)
    del app.store.objects[KEY]
    assert deploy(app, artifact=NEW).state == "healthy"
    assert app.hosts.machines[0].fence == 2


def test_a_reset_needs_a_reason() -> None:
    with pytest.raises(UsageError) as caught:
        reset(deployed(), reason="")
    assert caught.value.what == "The reason for the reset is missing."
    assert "inv unlock --env dev --reset-fence --reason '…'" in caught.value.remedy


def test_a_dry_run_resets_nothing() -> None:
    app = deployed()
    before = dict(app.store.objects)
    reset(app, dry_run=True)
    assert app.store.objects == before
    assert len(app.ledger.deployments("dev")) == 1


def test_a_living_holder_is_named_and_fenced_off_only_if_a_person_names_it() -> None:
    app = deployed()
    record = app.leases.take("dev", holder="eve@desk", run_url="", ttl=600, deployment_id="d-9")
    with pytest.raises(Held) as caught:
        reset(app, reason="stuck")
    assert caught.value.what.startswith("eve@desk has held dev since")
    assert caught.value.remedy.endswith("inv unlock --env dev --id d-9 --reset-fence --reason stuck")
    reset(app, id="d-9", reason="stuck")
    with pytest.raises(LeaseLost):
        app.leases.renew(record, phase="on")


def test_a_lease_that_changes_meanwhile_is_not_written_over() -> None:
    app = deployed()
    app.ledger.before = lambda _: app.leases.take("dev", holder="eve@desk", run_url="", ttl=600)
    with pytest.raises(Refused, match="eve@desk"):
        reset(app)
    assert lock(app)[0].holder == "eve@desk"


def test_a_damaged_lease_is_written_anew() -> None:
    app = deployed()
    lease = app.store.objects[KEY]
    app.store.replace(KEY, lease.body[:30], lease.etag)
    reset(app)
    assert deploy(app, artifact=NEW).state == "healthy"


def test_a_forged_entry_of_the_ledger_neither_blocks_nor_counts() -> None:
    app = deployed()
    first = app.ledger.entries[0]
    forged = replace(first, deployment_id="20261121-000000-000001-abcdef", artifact_id=NEW, fence=HUGE, state="healthy")
    app.ledger.entries.append(forged)
    app.ledger.entries.append(replace(first, number=9, state="abandoned", fence=HUGE))
    [looked] = status(app)
    assert (looked.artifact, looked.unfinished) == (OLD, "")
    assert any("fencing number 999999999999998, after 1): they are ignored" in line for line in app.screen.warnings)
    deploy(app, artifact=NEW)
    assert app.hosts.machines[0].fence == 2


def test_who_has_no_key_cannot_reset() -> None:
    app = deployed()
    reset(app)
    app.verifier = WordSigner("another")
    with pytest.raises(NotAuthentic):
        last_reset(app, "dev")
    app.screen.warnings.clear()
    with pytest.raises(LeaseImplausible):
        deploy_unverified(app)


def deploy_unverified(app: FakeApp) -> None:
    """Take the lease as `deploy` does: the artifacts would not verify either."""
    from tagship.engine.plan import facts

    above = facts(app, "dev").fence
    assert above == 1
    app.leases.take("dev", holder="ada@laptop", run_url="", ttl=60, above=above)


def test_a_reset_of_another_environment_is_none() -> None:
    app = deployed(environments=two())
    reset(app)
    raw = app.store.objects[layout.fence("hello", "dev")].body
    app.store.create(layout.fence("hello", "qa"), raw)
    with pytest.raises(NotAuthentic, match="is not a reset of qa"):
        last_reset(app, "qa")


def two() -> dict[str, Any]:
    dev = environments(lease_group="shared")["dev"]
    return {"dev": dev, "qa": dev}


def test_environments_of_one_lease_group_end_in_one_range() -> None:
    app = deployed(environments=two())
    key = layout.lease("hello", "shared")
    app.publish(OLD, environment="qa")
    app.hosts.machines[0].fence = 0
    deploy(app, artifact=OLD, env="qa")
    poison(app, key=key)
    reset(app)
    deploy(app, artifact=NEW, env="dev")
    with pytest.raises(LeaseImplausible):
        deploy(app, artifact=OLD, env="qa", allow_older=True)
    reset(app, env="qa")
    ours = last_reset(app, "qa")
    assert ours
    assert ours.fence == GENERATION
    lease = app.leases.look("qa")
    assert lease
    assert lease.record.fence == GENERATION + 1, "what dev has had since is not given twice"


@pytest.mark.parametrize("fence", [2 + LEAP, GENERATION, -5])
def test_the_numbers_of_a_lease_that_cannot_have_come_of_leases(fence: int) -> None:
    app = deployed()
    poison(app, fence)
    with pytest.raises(LeaseImplausible):
        deploy(app, artifact=NEW)
