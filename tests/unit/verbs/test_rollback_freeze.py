"""rollback --freeze: the environment is frozen before its hosts act, and stays so whatever becomes of the rollback."""

from __future__ import annotations

import pytest

from tagship.adapters.bucket.freezes import StoredFreezes
from tagship.errors import DeployFailed, Held, Refused, ServiceFailed, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.prompt import FakePrompt
from tests.unit.verbs.test_rollback import ONE, THREE, TWO, after

TOLD = "dev is frozen until 2026-11-20 20:02 UTC by ada@laptop"


def of(app: FakeApp) -> tuple[str, str]:
    """Who froze dev, and why."""
    found = app.freezes.look("dev")
    assert found is not None
    return found.freeze.who, found.freeze.reason


def frozen_by_grace(app: FakeApp, until: str) -> None:
    app.who = "grace@desk"
    freeze(app, until=until, reason="the sale")
    app.who = "ada@laptop"


def test_it_is_frozen_before_any_host_acts_with_a_reason_of_its_own() -> None:
    app = after(ONE, TWO)
    seen: list[bool] = []
    app.hosts.asking = lambda change: seen.append("dev" in app.freezes.there) if change.action == "rollback" else None
    assert rollback(app, to=ONE, freeze="8h").state == "healthy"
    assert seen == [True]
    assert of(app) == ("ada@laptop", f"rollback to {ONE}")
    assert f"{TOLD}: rollback to {ONE}" in app.screen.lines
    with pytest.raises(Held, match="dev is frozen until"):
        deploy(app, artifact=TWO, allow_bad=True)


def test_a_reason_may_be_given() -> None:
    app = after(ONE, TWO)
    rollback(app, to=ONE, freeze="8h", reason="it sends\nevery mail twice")
    assert of(app) == ("ada@laptop", "it sends every mail twice")


def test_a_deployment_that_waits_in_ci_is_refused_by_it_when_its_turn_comes() -> None:
    app = after(ONE, TWO)
    app.publish(THREE)
    record = app.leases.take("dev", holder="eve@desk", run_url="", ttl=600, deployment_id="theirs")

    def go_back(slept: float) -> None:
        if slept and "theirs" in str(app.leases.records):
            app.leases.release(record)
            rollback(app, to=ONE, freeze="8h")

    app.clock.during = go_back
    with pytest.raises(Held, match="dev is frozen until"):
        deploy(app, artifact=THREE, wait="10m")
    assert app.hosts.serving == {"web-1": ONE}


def test_it_stays_when_the_rollback_fails_which_is_said() -> None:
    app = after(ONE, TWO)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed) as caught:
        rollback(app, to=ONE, freeze="8h")
    stays = f"{TOLD}: rollback to {ONE}; that stays (to end it: inv thaw --env dev)."
    assert caught.value.state == f"{TWO} is serving. {stays}"
    assert "dev" in app.freezes.there


def test_it_stays_when_somebody_else_holds_the_environment_and_nothing_else_was_changed() -> None:
    app = after(ONE, TWO)
    app.leases.take("dev", holder="eve@desk", run_url="", ttl=120, deployment_id="theirs")
    with pytest.raises(Held) as caught:
        rollback(app, to=ONE, freeze="8h")
    stays = f"{TOLD}: rollback to {ONE}; that stays (to end it: inv thaw --env dev)."
    assert caught.value.state == f"{stays} Nothing else was changed."
    assert f"inv rollback --to {ONE} --env dev --wait 10m" in caught.value.remedy


def test_a_dry_run_shows_it_and_freezes_nothing() -> None:
    app = after(ONE, TWO)
    rollback(app, to=ONE, freeze="8h", dry_run=True)
    assert f"freeze dev until 2026-11-20 20:02 UTC, in 8 h: rollback to {ONE}" in app.screen.lines
    assert app.freezes.there == {}
    assert app.screen.lines[-1] == "Nothing was changed."


@pytest.mark.parametrize(
    ("flags", "what", "mended"),
    [
        ({"freeze": "soon"}, "Invalid --freeze 'soon'", "--freeze 8h"),
        ({"freeze": "0h"}, "has passed", "--freeze 8h"),
        ({"freeze": "0h", "reason": "it is slow"}, "has passed", "--freeze 8h --reason 'it is slow'"),
        ({"freeze": "0h", "wait": "5m", "yes": True}, "has passed", "--wait 5m --freeze 8h --yes"),
        ({"freeze": "0h", "dry_run": True}, "has passed", "--freeze 8h --dry-run"),
        ({"freeze": "2d", "reason": "x" * 201}, "is longer than 200 characters", "--freeze 2d --reason '…'"),
        ({"reason": "it is slow"}, "is the reason for the freeze", "--freeze 8h --reason 'it is slow'"),
    ],
)
def test_a_wrong_end_or_reason_is_refused_before_anything_and_the_rest_of_the_command_kept(
    flags: dict[str, str], what: str, mended: str
) -> None:
    app = after(ONE, TWO)
    with pytest.raises(UsageError) as caught:
        rollback(app, to=ONE, **flags)  # type: ignore[arg-type]
    assert what in caught.value.what
    assert caught.value.remedy.endswith(f": inv rollback --to {ONE} --env dev {mended}")
    assert (app.hosts.asked, app.freezes.there) == ([], {})


@pytest.mark.parametrize(("until", "ends_before"), [("16h", False), ("1h", True)])
def test_somebody_elses_freeze_stays_and_holds_no_rollback_up(until: str, ends_before: bool) -> None:
    app = after(ONE, TWO)
    frozen_by_grace(app, until)
    assert rollback(app, to=ONE, freeze="8h").state == "healthy"
    assert of(app) == ("grace@desk", "the sale")
    assert any(line.endswith("by grace@desk: the sale (it stays as it is)") for line in app.screen.lines)
    assert any("is grace@desk's to change" in line for line in app.screen.warnings) == ends_before


def test_ones_own_freeze_is_made_longer_and_never_shorter() -> None:
    app = after(ONE, TWO)
    freeze(app, until="16h", reason="the sale")
    rollback(app, to=ONE, freeze="8h")
    assert of(app) == ("ada@laptop", "the sale")
    rollback(app, to=TWO, freeze="2d", allow_bad=True)
    assert of(app) == ("ada@laptop", f"rollback to {TWO}")


def test_one_that_nobody_can_read_is_written_anew() -> None:
    app = after(ONE, TWO)
    app.freezes = StoredFreezes(app.store, "hello")  # type: ignore[assignment]
    app.store.create("hello/_freeze/dev.json", b'{"sch')
    assert rollback(app, to=ONE, freeze="8h").state == "healthy"
    assert of(app) == ("ada@laptop", f"rollback to {ONE}")


def test_if_it_cannot_be_set_nothing_is_changed_and_the_way_without_is_named() -> None:
    app = after(ONE, TWO)

    def denied(*_: object) -> None:
        raise ServiceFailed("Access denied.", remedy="Log in.")

    app.freezes.write = denied  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed) as caught:
        rollback(app, to=ONE, freeze="8h")
    assert caught.value.what == "dev could not be frozen: Access denied."
    assert caught.value.state == "Nothing was changed."
    assert caught.value.remedy == f"Go on without the freeze: inv rollback --to {ONE} --env dev"
    assert app.hosts.asked == []


def test_what_runs_already_is_frozen_by_the_command_that_is_named() -> None:
    app = after(ONE, TWO)
    with pytest.raises(Refused) as caught:
        rollback(app, to=TWO, freeze="8h")
    assert caught.value.remedy == f"Freeze it: inv freeze --env dev --until 8h --reason 'rollback to {TWO}'"
    assert app.freezes.there == {}


def test_without_a_terminal_the_command_that_is_named_freezes_too() -> None:
    app = after(ONE, TWO)
    with pytest.raises(UsageError) as caught:
        rollback(app, freeze="8h", reason="it is slow")
    assert caught.value.remedy.endswith(f"inv rollback --to {ONE} --env dev --freeze 8h --reason 'it is slow'")


def test_the_command_to_a_version_that_is_marked_bad_freezes_too() -> None:
    app = after(ONE, TWO, THREE)
    rollback(app, to=TWO)
    with pytest.raises(Refused) as caught:
        rollback(app, to=THREE, freeze="8h")
    assert f"anyway: inv rollback --to {THREE} --env dev --freeze 8h --allow-bad\n" in caught.value.remedy


def test_a_person_who_is_asked_again_after_a_change_freezes_with_the_version_taken_then() -> None:
    app = after(ONE, TWO)
    app.prompt = FakePrompt(ONE, TWO)
    app.publish(THREE)
    freezes = app.freezes.write
    written: list[str] = []

    def write(wanted: object, over: str) -> None:
        written.append(over)
        freezes(wanted, over)  # type: ignore[arg-type]
        if len(written) == 1:  # somebody was between the gate and the lease when it was frozen
            app.freezes.there.clear()
            deploy(app, artifact=THREE)
            app.freezes.there.clear()

    app.freezes.write = write  # type: ignore[method-assign]
    assert rollback(app, freeze="8h").plan.artifact_id == TWO
    assert written == ["", ""]
    assert of(app)[1] == f"rollback to {TWO}"
