"""freeze and thaw: a person's hold on an environment, and what it holds up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagship.adapters.bucket.freezes import StoredFreezes
from tagship.domain.freeze import FreezeUnreadable
from tagship.errors import Held, Interrupted, Refused, UsageError
from tagship.ports.account import Window
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.lock import lock
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.thaw import thaw
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.prompt import FakePrompt

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def an_app(**changes: object) -> FakeApp:
    app = FakeApp(**changes)  # type: ignore[arg-type]
    app.publish(OLD, NEW)
    return app


def frozen(app: FakeApp, who: str = "grace@desk") -> None:
    mine, app.who = app.who, who
    freeze(app, until="8h", reason="the sale")
    app.who = mine
    app.screen.lines.clear()


def test_a_freeze_holds_deploys_up_and_says_who_until_when_and_why() -> None:
    app = an_app()
    frozen(app)
    with pytest.raises(Held) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == "dev is frozen until 2026-11-20 20:00 UTC by grace@desk: the sale."
    assert "inv thaw --env dev" in caught.value.remedy
    assert caught.value.exit_code == 4
    assert app.hosts.asked == []


def test_a_freeze_over_ones_own_says_which_one_it_replaces() -> None:
    app = an_app()
    frozen(app, who=app.who)
    freeze(app, until="2h", reason="a launch")
    assert "in place of your freeze until 2026-11-20 20:00 UTC: the sale" in app.screen.lines
    app.clock.time += timedelta(hours=3)
    app.screen.lines.clear()
    freeze(app, until="2h", reason="a launch")
    assert "in place of" not in app.screen.text, "one that has ended is not replaced"


def test_a_freeze_never_holds_a_rollback_up_and_a_deploy_never_takes_it_away() -> None:
    app = an_app()
    deploy(app, artifact=OLD)
    deploy(app, artifact=NEW, allow_bad=True)
    frozen(app)
    assert rollback(app, to=OLD).state == "healthy"
    with pytest.raises(Held):
        deploy(app, artifact=NEW, allow_bad=True)
    app.clock.time += timedelta(hours=9)
    assert deploy(app, artifact=NEW, allow_bad=True).state == "healthy"
    assert app.freezes.look("dev") is not None, "what has ended is a person's still"


def test_somebody_who_freezes_while_a_deploy_waits_holds_it_up() -> None:
    app = an_app()
    record = app.leases.take("dev", holder="run 1", run_url="", ttl=120)

    def freeze_and_give_back(slept: float) -> None:
        if slept and not app.freezes.there:
            frozen(app)
            app.leases.release(record)

    app.clock.during = freeze_and_give_back
    with pytest.raises(Held) as caught:
        deploy(app, artifact=NEW, wait="10m")
    assert "frozen" in caught.value.what
    assert app.hosts.asked == []


def test_status_and_lock_show_it() -> None:
    app = an_app()
    frozen(app)
    [shown] = lock(app)
    [seen] = status(app)
    told = "dev is frozen until 2026-11-20 20:00 UTC by grace@desk: the sale"
    assert shown.frozen == seen.lease.frozen == told
    assert f"  {told}" in app.screen.lines
    assert told in app.screen.lines


def test_ones_own_freeze_is_changed_and_another_persons_is_not() -> None:
    app = an_app()
    freeze(app, until="8h", reason="the sale")
    freeze(app, until="16h", reason="the sale goes on")
    assert app.freezes.there["dev"].freeze.reason == "the sale goes on"
    app.who = "eve@desk"
    with pytest.raises(Held) as caught:
        freeze(app, until="1m", reason="shorter")
    assert "ada@laptop" in caught.value.what
    app.clock.time += timedelta(hours=17)
    assert freeze(app, until="1h", reason="mine now").who == "eve@desk"


@pytest.mark.parametrize(
    ("until", "reason", "what"),
    [
        ("", "a launch", "No end is given"),
        ("soon", "a launch", "Invalid --until 'soon'"),
        ("2020-01-01", "a\nlaunch", "has passed"),
        ("2126-01-01", "a launch", "more than a year away"),
    ],
)
def test_a_wrong_end_is_replaced_in_the_remedy_and_the_reason_kept(until: str, reason: str, what: str) -> None:
    app = an_app()
    with pytest.raises(UsageError) as caught:
        freeze(app, until=until, reason=reason)
    assert what in caught.value.what
    assert caught.value.remedy.endswith(": inv freeze --env dev --until 8h --reason 'a launch'")
    assert app.freezes.there == {}


def test_no_reason_is_made_up_beside_a_wrong_end() -> None:
    with pytest.raises(UsageError) as caught:
        freeze(an_app(), until="soon", reason="", dry_run=True)
    assert caught.value.remedy.endswith(": inv freeze --env dev --until 8h --reason '…' --dry-run")


@pytest.mark.parametrize(
    ("until", "reason", "what"),
    [
        ("2d", "", "The reason for the freeze is missing"),
        ("2d", "…", "The reason for the freeze is missing"),
        ("2d", " ... ", "The reason for the freeze is missing"),
        ("2d", "x" * 201, "longer than 200"),
        ("2d", "a\x1b[31mb", "has control characters"),
    ],
)
def test_a_wrong_reason_is_left_blank_in_the_remedy_and_the_end_kept(until: str, reason: str, what: str) -> None:
    app = an_app()
    with pytest.raises(UsageError) as caught:
        freeze(app, until=until, reason=reason)
    assert what in caught.value.what
    assert caught.value.remedy == "Say why, in one line: inv freeze --env dev --until 2d --reason '…'"
    assert app.freezes.there == {}


def test_a_freeze_that_cannot_be_read_holds_and_is_written_anew() -> None:
    app = an_app()
    deploy(app, artifact=OLD)
    app.freezes = StoredFreezes(app.store, "hello")  # type: ignore[assignment]
    app.store.create("hello/_freeze/dev.json", b'{"sch')
    with pytest.raises(FreezeUnreadable) as caught:
        deploy(app, artifact=NEW)
    assert "inv freeze --env dev --until 8h --reason '" in caught.value.remedy
    [shown], [looked] = lock(app, env="dev"), status(app, env="dev")
    assert shown.frozen == looked.lease.frozen
    assert "The freeze of dev cannot be read" in shown.frozen
    freeze(app, until="8h", reason="the one before could not be read")
    assert thaw(app)
    assert deploy(app, artifact=NEW).state == "healthy"


def test_a_dry_run_freezes_and_thaws_nothing() -> None:
    app = an_app()
    freeze(app, until="8h", reason="the sale", dry_run=True)
    assert "  until then deploys are refused, and rollbacks are not" in app.screen.lines
    assert app.freezes.there == {}
    frozen(app)
    thaw(app, dry_run=True)
    assert app.freezes.there


def test_thawing_ones_own_asks_nothing_and_twice_is_once() -> None:
    app = an_app()
    freeze(app, until="8h", reason="the sale")
    assert thaw(app)
    assert thaw(app) is None
    assert app.screen.lines[-1] == "dev is not frozen"
    assert deploy(app, artifact=NEW).state == "healthy"


def test_thawing_another_persons_is_asked_for_or_said() -> None:
    app = an_app()
    frozen(app)
    with pytest.raises(Refused) as caught:
        thaw(app)
    assert "inv thaw --env dev --yes" in caught.value.remedy
    app.prompt = FakePrompt(False)
    with pytest.raises(Interrupted):
        thaw(app)
    assert app.freezes.there
    assert thaw(app, yes=True)
    assert not app.freezes.there


# -- the change calendar -----------------------------------------------------------------------------------------------


def with_calendar(**windows: Window) -> FakeApp:
    app = an_app(settings=settings(environments=environments(change_calendar="office-hours")))
    app.calendar.windows = {name.replace("_", "-"): window for name, window in windows.items()}
    return app


def test_a_closed_change_calendar_holds_a_deploy_up_and_no_rollback() -> None:
    app = with_calendar(office_hours=Window(open=True))
    deploy(app, artifact=OLD)
    deploy(app, artifact=NEW)
    app.calendar.windows["office-hours"] = Window(open=False, changes=app.clock.now() + timedelta(hours=10))
    with pytest.raises(Held) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == "The change calendar office-hours is closed for dev until 2026-11-20 22:00 UTC."
    assert rollback(app, to=OLD).state == "healthy"


def test_a_change_calendar_that_cannot_be_asked_is_no_permission() -> None:
    app = with_calendar()
    with pytest.raises(Refused):
        deploy(app, artifact=NEW)
    assert app.hosts.asked == []
