"""One clock for everything that is recorded: the store's. This machine's may be an hour off."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from tagship.domain.deployment import begun
from tagship.domain.standing import bad_versions
from tagship.release.ledger import follow_in_the_ledger
from tagship.release.remedies import Remedies
from tagship.release.serving import Following
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.history import history
from tagship.verbs.lock import lock
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp
from tests.fakes.clock import FakeClock
from tests.fakes.freezes import FakeFreezes
from tests.fakes.leases import FakeLeases
from tests.fakes.store import MemoryStore

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
TRUE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OFF = [timedelta(hours=1), timedelta(hours=-1)]
ahead = pytest.mark.parametrize("off", OFF, ids=["ahead", "behind"])


def laptop(off: timedelta) -> FakeApp:
    """An app whose own clock is off, on a store whose clock is right; OLD and NEW are published."""
    store = FakeClock(TRUE)
    app = FakeApp(
        clock=FakeClock(TRUE + off),
        store=MemoryStore(clock=store),
        leases=FakeLeases(store, {"dev": "dev"}),
        freezes=FakeFreezes(store),
    )
    app.publish(OLD, NEW)
    return app


@ahead
def test_an_entry_has_the_stores_time(off: timedelta) -> None:
    app = laptop(off)
    deploy(app, artifact=NEW)
    assert {entry.at for entry in app.ledger.entries} == {"2026-11-20T12:00:00.000+00:00"}
    assert {begun(entry.deployment_id) for entry in app.ledger.entries} == {TRUE}


@ahead
def test_what_was_rolled_back_from_stays_marked_until_somebody_says_otherwise(off: timedelta) -> None:
    app = laptop(off)
    deploy(app, artifact=OLD)
    deploy(app, artifact=NEW)
    rollback(app, to=OLD)
    bad = bad_versions(app.ledger.deployments("dev"))
    assert bad[NEW].why == f"ada@laptop rolled back from it on 2026-11-20 12:00 UTC, to {OLD}"
    mark_good(app, version=NEW, reason="it was the network")
    assert bad_versions(app.ledger.deployments("dev"), app.ledger.marks("dev")) == {}


@ahead
def test_a_mark_comes_after_the_deployment_that_it_judges(off: timedelta) -> None:
    app = laptop(off)
    deploy(app, artifact=NEW)
    mark_bad(app, version=NEW, reason="it leaks")
    assert app.ledger.marked[0].at == "2026-11-20T12:00:00+00:00"
    assert bad_versions(app.ledger.deployments("dev"), app.ledger.marks("dev"))[NEW].how == "marked"


@ahead
def test_a_freeze_ends_by_the_stores_clock(off: timedelta) -> None:
    app = laptop(off)
    freeze(app, env="dev", until="8h", reason="the sale")
    frozen = app.freezes.there["dev"].freeze
    assert datetime.fromisoformat(frozen.until) == TRUE + timedelta(hours=8)


@ahead
def test_lock_and_status_say_since_when_and_how_long_by_the_stores_clock(off: timedelta) -> None:
    app = laptop(off)
    app.leases.take("dev", holder="ada@laptop", run_url="", ttl=120)
    app.leases.clock.advance(60)
    lock(app, env="dev")
    status(app, env="dev")
    text = app.screen.text
    assert text.count("ada@laptop has held dev since 2026-11-20 12:00 UTC") == 2
    assert text.count("last heartbeat 60 s ago, begun 60 s ago") == 2
    assert not re.search(r"1[13]:\d\d UTC", text)


@ahead
def test_history_of_the_last_minutes_has_what_was_just_deployed(off: timedelta) -> None:
    app = laptop(off)
    deploy(app, artifact=NEW)
    assert [one.artifact_id for one in history(app, env="dev", since="30m").deployments] == [NEW]


@ahead
def test_a_deployment_that_has_just_begun_is_found_in_the_ledger(off: timedelta) -> None:
    app = laptop(off)
    app.signed_in = True
    deploy(app, artifact=NEW)
    remedies = cast(Remedies, SimpleNamespace(plan=SimpleNamespace(environment="dev", version=NEW)))
    assert follow_in_the_ledger(app, Following(remedies, app.clock.now())) == "healthy"
