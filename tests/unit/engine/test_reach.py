"""A sick host blocks nobody: a rollback goes to every host that can be reached, and names the others."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import pytest

from tagship.domain.standing import marked_bad
from tagship.errors import (
    ArtifactError,
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    Refused,
    RollbackFailed,
    TagshipError,
    UsageError,
)
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.history import history
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp
from tests.fakes.target import machine
from tests.unit.engine.fleet import NEW, OLD, fleet, last_state, set_online, told

AWAY = "web-3 (i-00000000000000003): its SSM agent doesn't answer (ConnectionLost)"


def broken(*names: str, size: int = 3, **rules: object) -> FakeApp:
    """So many hosts that run NEW after OLD; those named can't be reached any more."""
    app = fleet(size, **rules)
    deploy(app, artifact=NEW)
    away(app, *names)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def away(app: FakeApp, *names: str) -> None:
    for each in app.hosts.machines:
        if each.unit.name in names:
            set_online(each, False)


def back(app: FakeApp) -> None:
    for each in app.hosts.machines:
        set_online(each, True)


def answer(app: FakeApp, name: str, *outcomes: str) -> None:
    next(each for each in app.hosts.machines if each.unit.name == name).answers.extend(outcomes)


# -- a host that can't be reached --------------------------------------------------------------------------------------


def test_a_rollback_goes_to_every_host_that_can_be_reached_and_names_the_other() -> None:
    app = broken("web-3")
    with pytest.raises(Incomplete) as caught:
        rollback(app, to=OLD)
    assert caught.value.exit_code == 9
    assert caught.value.what == f"{OLD} serves on 2 of 3 hosts of dev; not on {AWAY}."
    assert caught.value.state == f"{OLD} is serving on web-1, web-2, and what is serving is unknown on web-3."
    assert caught.value.remedy.endswith("inv heal --env dev")
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD, "web-3": NEW}
    assert told(app, "rollback") == [["web-1", "web-2"]]


def test_what_was_left_for_a_host_that_is_away_counts_as_a_rollback() -> None:
    app = broken("web-3")
    with pytest.raises(Incomplete):
        rollback(app, to=OLD)
    last = app.ledger.entries[-1]
    assert (last.state, last.replaced, last.reason) == ("partial", NEW, "it is missing on 1 of 3 hosts: web-3")
    assert marked_bad(app.ledger.deployments("dev")) == {NEW}
    assert app.hosts.commits[-1].artifact_id == OLD  # a host that boots runs it


def test_the_plan_shows_which_host_cannot_be_reached() -> None:
    app = broken("web-3")
    rollback(app, to=OLD, dry_run=True)
    assert ["web-3", "i-00000000000000003", NEW, "can't be reached"] in app.screen.tables[-1][1]
    assert f"1 of 3 hosts of dev cannot be reached: {AWAY}" in app.screen.warnings
    assert "it goes to the others; once those can be reached: inv heal --env dev" in app.screen.warnings


def test_heal_brings_the_host_that_was_away_once_it_is_back() -> None:
    app = broken("web-3")
    with pytest.raises(Incomplete):
        rollback(app, to=OLD)
    back(app)
    app.hosts.asked.clear()
    assert heal(app).state == "healthy"
    assert told(app) == [["web-3"]]
    assert set(app.hosts.serving.values()) == {OLD}
    assert marked_bad(app.ledger.deployments("dev")) == {NEW}


def test_a_rollback_that_is_run_again_asks_only_those_that_can_answer_and_ends_the_same() -> None:
    app = broken("web-3")
    for _ in range(2):
        with pytest.raises(Incomplete):
            rollback(app, to=OLD)
    assert all("web-3" not in names for _, names in app.hosts.asked)
    assert last_state(app) == "partial"


def test_where_no_host_can_be_reached_nothing_is_begun() -> None:
    app = broken("web-1", "web-2", "web-3")
    with pytest.raises(Refused, match="3 of 3 hosts of dev cannot be reached"):
        rollback(app, to=OLD)
    assert app.hosts.asked == []


def test_all_or_nothing_refuses_with_a_host_away_and_names_the_way_without_it() -> None:
    app = broken("web-3", max_errors=1)
    with pytest.raises(Refused) as caught:
        rollback(app, to=OLD, all_or_nothing=True)
    assert caught.value.what == f"1 of 3 hosts of dev cannot be reached: {AWAY}."
    assert f"inv rollback --to {OLD} --env dev" in caught.value.remedy
    assert "--all-or-nothing" not in caught.value.remedy
    assert app.hosts.asked == []


# -- a host that fails -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["failed", "rolled-back", "rollback-failed", "refused", "held", "silent"])
def test_a_host_that_fails_is_no_reason_to_put_the_bad_version_back_on_the_others(outcome: str) -> None:
    app = broken(max_concurrency=1)
    answer(app, "web-1", outcome)
    with pytest.raises(Incomplete) as caught:
        rollback(app, to=OLD)
    assert "not on web-1 (i-00000000000000001)" in caught.value.what
    assert told(app, "rollback") == [["web-1"], ["web-2"], ["web-3"]]
    assert [app.hosts.serving[name] for name in ("web-2", "web-3")] == [OLD, OLD]
    assert last_state(app) == "partial"


def test_a_rollback_that_no_host_takes_has_failed() -> None:
    app = broken()
    for name in ("web-1", "web-2", "web-3"):
        answer(app, name, "failed")
    with pytest.raises(DeployFailed) as caught:
        rollback(app, to=OLD)
    assert caught.value.state == f"{NEW} is serving."
    assert last_state(app) == "rolled-back"


@pytest.mark.parametrize(("outcome", "kind"), [("held", Held), ("refused", ArtifactError)])
def test_a_rollback_that_every_host_turns_away_is_called_what_they_call_it(
    outcome: str, kind: type[TagshipError]
) -> None:
    app = broken(max_concurrency=1)
    for name in ("web-1", "web-2", "web-3"):
        answer(app, name, outcome)
    with pytest.raises(kind):
        rollback(app, to=OLD)
    assert set(app.hosts.serving.values()) == {NEW}


def test_all_or_nothing_puts_everything_back_when_one_host_fails() -> None:
    app = broken(max_concurrency=1, max_errors=1)
    answer(app, "web-3", "failed")
    with pytest.raises(DeployFailed) as caught:
        rollback(app, to=OLD, all_or_nothing=True)
    assert "--all-or-nothing" in caught.value.remedy
    assert set(app.hosts.serving.values()) == {NEW}


def test_ctrl_c_between_two_batches_of_a_rollback_keeps_what_is_back_and_says_how_to_go_on() -> None:
    app = broken(max_concurrency=1)

    def interrupted() -> Any:
        if told(app, "rollback"):
            raise KeyboardInterrupt
        return there

    there, app.hosts.units = app.hosts.units(), interrupted  # type: ignore[method-assign]
    with pytest.raises(Interrupted) as caught:
        rollback(app, to=OLD)
    assert caught.value.remedy == "Go on: inv heal --env dev"
    assert app.hosts.serving == {"web-1": OLD, "web-2": NEW, "web-3": NEW}


def test_status_names_the_host_that_was_left_and_the_command() -> None:
    app = broken("web-3")
    with pytest.raises(Incomplete):
        rollback(app, to=OLD)
    back(app)
    [found] = status(app, env="dev")
    assert found.partial == "it is missing on 1 of 3 hosts: web-3"
    assert {unit.name: unit.runs for unit in found.units if unit.drift} == {"web-3": NEW}
    assert f"to bring it to {OLD}: inv heal --env dev" in app.screen.lines


# -- a heal ------------------------------------------------------------------------------------------------------------


def test_a_heal_that_can_reach_no_host_that_lags_begins_and_records_nothing() -> None:
    app = broken("web-3")
    entries = len(app.ledger.entries)
    with pytest.raises(Incomplete) as caught:
        heal(app)
    assert caught.value.what == f"{NEW} serves on 2 of 3 hosts of dev; can't be reached: {AWAY}."
    assert caught.value.state == "Nothing was changed."
    assert caught.value.remedy.endswith("inv heal --env dev")
    assert (told(app), len(app.ledger.entries), last_state(app)) == ([], entries, "healthy")


def test_what_was_healthy_stays_healthy_when_a_heal_passes_over_a_host_that_is_away() -> None:
    app = broken("web-3")
    app.hosts.machines[1].serving = OLD
    with pytest.raises(Incomplete) as caught:
        heal(app)
    assert f"not on {AWAY}" in caught.value.what
    assert app.hosts.serving["web-2"] == NEW
    last = app.ledger.entries[-1]
    assert (last.state, last.reason) == ("healthy", "it is missing on 1 of 3 hosts: web-3")


def test_what_was_partial_stays_partial_while_a_host_is_away() -> None:
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), machine("web-3", online=False), max_errors=2)
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW)
    with pytest.raises(Incomplete):
        heal(app)
    assert (app.hosts.serving["web-2"], last_state(app)) == (NEW, "partial")


def test_a_heal_that_meets_a_host_which_takes_nothing_is_partial_and_says_that_the_others_serve() -> None:
    app = broken()
    app.hosts.machines[2].serving = ""
    answer(app, "web-3", "failed")
    with pytest.raises(Incomplete) as caught:
        heal(app)
    assert caught.value.state == f"Nothing is serving on web-3, and {NEW} is serving on web-1, web-2."
    assert last_state(app) == "partial"


def test_a_heal_after_which_it_serves_nowhere_wakes_somebody_and_names_the_way_back_first() -> None:
    app = fleet(2)
    app.publish("0.1.28-dev")
    app.ledger.ran("0.1.28-dev")
    for each in app.hosts.machines:
        each.serving, each.answers = "", deque(["rollback-failed"])
    with pytest.raises(RollbackFailed) as caught:
        heal(app)
    assert caught.value.what.startswith(f"{OLD} serves on 0 of 2 hosts of dev; not on web-1")
    assert caught.value.state == "Nothing was serving before, and nothing is now."
    assert caught.value.remedy.splitlines() == [
        "Go back: inv rollback --to 0.1.28-dev --env dev",
        "       Or fix what is wrong with them, then: inv heal --env dev",
    ]


def test_a_heal_of_an_environment_of_which_nothing_can_be_reached_is_refused() -> None:
    app = broken("web-1", "web-2", "web-3")
    with pytest.raises(Refused, match="No host of dev can be reached: web-1"):
        heal(app)


def test_a_host_that_lost_everything_while_others_were_untouched_is_named() -> None:
    app = fleet(3, max_concurrency=1)
    answer(app, "web-1", "rollback-failed")
    with pytest.raises(RollbackFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "Nothing is serving on web-1, and nothing was changed on web-2, web-3."


# -- a host that was taken out, and comes back -------------------------------------------------------------------------


def returned() -> FakeApp:
    """web-3 was taken out during the rollback, and is back with the bad version."""
    app = broken()
    dead = app.hosts.machines.pop()
    assert rollback(app, to=OLD).state == "healthy"
    app.hosts.machines.append(dead)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    app.screen.warnings.clear()
    return app


def test_a_host_that_returns_with_the_bad_version_is_named_by_status_with_the_command() -> None:
    app = returned()
    [found] = status(app, env="dev")
    assert {unit.name: unit.drift for unit in found.units if unit.drift} == {
        "web-3": f"{NEW} is marked bad; the ledger says {OLD}"
    }
    assert f"to bring it to {OLD}: inv heal --env dev" in app.screen.lines
    assert heal(app).state == "healthy"
    assert told(app) == [["web-3"]]


def test_the_next_deployment_names_the_host_that_returned_in_its_plan() -> None:
    app = returned()
    app.publish("0.1.31-dev")
    deploy(app, artifact="0.1.31-dev")
    assert app.screen.warnings == [f"not on {OLD}, by the ledger: web-3 (i-00000000000000003) last ran {NEW}"]
    assert set(app.hosts.serving.values()) == {"0.1.31-dev"}


# -- a deployment that skips a host ------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", ["web-3", "i-00000000000000003"])
def test_a_host_that_is_skipped_is_neither_changed_nor_asked_and_is_named(skip: str) -> None:
    app = fleet(3)
    away(app, "web-3")
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW, skip=skip)
    assert caught.value.exit_code == 9
    assert caught.value.what == f"{NEW} serves on 2 of 3 hosts of dev; not on web-3 (i-00000000000000003): skipped."
    assert caught.value.remedy.endswith("inv heal --env dev")
    assert all("web-3" not in names for _, names in app.hosts.asked)
    assert ["web-3", "i-00000000000000003", OLD, "skipped"] in app.screen.tables[-1][1]


def test_what_was_skipped_is_recorded_and_shown_by_status_and_history() -> None:
    app = fleet(3)
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW, skip="web-2,web-3")
    last = app.ledger.deployments("dev")[-1]
    assert last.skipped == {"i-00000000000000002", "i-00000000000000003"}
    assert (last.state, last.last.reason) == (
        "partial",
        "it is missing on 2 of 3 hosts: web-2 (skipped), web-3 (skipped)",
    )
    [found] = status(app, env="dev")
    assert found.partial == last.last.reason
    assert found.units[2].drift == f"the ledger says {NEW}, and this one was skipped"
    app.screen.lines.clear()
    history(app, env="dev")
    assert last.last.reason in app.screen.text


def test_a_host_that_was_skipped_is_healed() -> None:
    app = fleet(3)
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW, skip="web-3")
    assert heal(app).state == "healthy"
    assert set(app.hosts.serving.values()) == {NEW}


def test_a_host_that_is_away_and_skipped_does_not_count_as_a_failure() -> None:
    app = fleet(3, max_concurrency=1)
    answer(app, "web-2", "failed")
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW, skip="web-3")
    assert caught.value.state == f"{OLD} is serving on web-1, web-2, and nothing was changed on web-3."
    assert f"inv deploy --version {NEW} --env dev --skip web-3" in caught.value.remedy
    assert set(app.hosts.serving.values()) == {OLD}


def test_a_deployment_that_is_refused_for_a_host_names_the_way_without_it_and_that_way_is_open() -> None:
    app = fleet(3)
    away(app, "web-3")
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=NEW)
    assert f"inv deploy --version {NEW} --env dev --skip web-3\n" in caught.value.remedy
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW, env="dev", skip="web-3")


@pytest.mark.parametrize(
    ("skip", "what", "remedy"),
    [
        ("web-33", "Invalid --skip 'web-33': dev has no such host.", "Did you mean web-3? "),
        ("web-1,db", "Invalid --skip 'db': dev has no such host.", "Use a name or an id of: web-1, web-2, web-3"),
        ("web-1,web-2,web-3", "--skip names every host of dev.", "Leave one of them out"),
    ],
)
def test_what_is_no_host_to_skip_is_a_usage_error(skip: str, what: str, remedy: str) -> None:
    app = fleet(3)
    with pytest.raises(UsageError) as caught:
        deploy(app, artifact=NEW, skip=skip)
    assert caught.value.what == what
    assert caught.value.remedy.startswith(remedy)
    assert app.hosts.asked == []


def test_two_hosts_of_one_name_are_skipped_by_id() -> None:
    app = fleet(machine("web-1"), machine("web-2"), machine("web-3"))
    twin = app.hosts.machines[2]
    twin.unit = replace(twin.unit, name="web-2")
    with pytest.raises(UsageError, match="dev has 2 hosts named 'web-2'"):
        deploy(app, artifact=NEW, skip="web-2")
    set_online(twin, False)
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=NEW)
    assert f"--skip {twin.unit.id}" in caught.value.remedy


def test_what_runs_already_on_all_but_the_skipped_host_is_not_deployed_again() -> None:
    app = broken("web-3")
    assert deploy(app, artifact=NEW, skip="web-3").state == "unchanged"
    assert app.screen.lines[-1] == f"{NEW} is running on dev already: every host but web-3 (skipped) confirms it"
    assert last_state(app) == "healthy"


def test_a_deployment_that_is_resumed_still_skips_the_host() -> None:
    app = fleet(3)
    app.hosts.during = lambda change: (_ for _ in ()).throw(KeyboardInterrupt()) if change.action == "deploy" else None
    with pytest.raises(Interrupted):
        deploy(app, artifact=NEW, skip="web-3")
    app.hosts.during = lambda _: None
    with pytest.raises(Incomplete, match=r"not on web-3 \(i-00000000000000003\): skipped"):
        resume(app, env="dev")
    assert app.hosts.serving == {"web-1": NEW, "web-2": NEW, "web-3": OLD}


def test_a_rollback_that_is_resumed_is_still_all_or_nothing() -> None:
    app = broken(max_concurrency=1)
    answer(app, "web-2", "failed")
    app.hosts.during = lambda change: (
        (_ for _ in ()).throw(KeyboardInterrupt()) if change.action == "rollback" else None
    )
    with pytest.raises(Interrupted):
        rollback(app, to=OLD, all_or_nothing=True)
    app.hosts.during = lambda _: None
    with pytest.raises(DeployFailed):
        resume(app, env="dev")
    assert set(app.hosts.serving.values()) == {NEW}
