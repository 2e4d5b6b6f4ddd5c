"""A deployment to a fleet: batches, canary, the error limit, hosts that come and go, interruptions, and healing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tagship.domain.change import Change
from tagship.domain.units import Operation, Unit
from tagship.errors import (
    ArtifactMissing,
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    LeaseLost,
    Refused,
    RollbackFailed,
    ServiceFailed,
)
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine
from tests.unit.engine.fleet import NEW, OLD, fleet, last_state, told

# -- batches -----------------------------------------------------------------------------------------------------------


def test_hosts_are_told_a_batch_at_a_time_and_all_are_asked_at_the_end() -> None:
    app = fleet(5, max_concurrency=2)
    assert deploy(app, artifact=NEW).state == "healthy"
    assert told(app) == [["web-1", "web-2"], ["web-3", "web-4"], ["web-5"]]
    assert app.hosts.sent[-1] == ("status", "none", ["web-1", "web-2", "web-3", "web-4", "web-5"])
    assert set(app.hosts.serving.values()) == {NEW}
    assert last_state(app) == "healthy"


@pytest.mark.parametrize(
    ("count", "first", "rest"),
    [
        (4, "changing web-1, web-2, web-3, web-4 (0 of 6 done)", "changing web-5, web-6 (4 of 6 done)"),
        (5, "changing web-1, web-2 and 3 more (0 of 6 done)", "changing web-6 (5 of 6 done)"),
    ],
)
def test_each_batch_is_announced_with_its_hosts_and_how_far_it_is(count: int, first: str, rest: str) -> None:
    app = fleet(6, max_concurrency=count)
    deploy(app, artifact=NEW)
    assert [line for line in app.screen.lines if line.startswith("changing")] == [first, rest]
    assert "asking 6 hosts what they run" in app.screen.phases


def test_without_rules_all_hosts_are_told_at_once() -> None:
    app = fleet(3)
    deploy(app, artifact=NEW)
    assert told(app) == [["web-1", "web-2", "web-3"]]


def test_a_host_that_is_the_only_one_has_said_it_in_its_verdict() -> None:
    app = fleet(1)
    deploy(app, artifact=NEW)
    assert [order.action for order, _ in app.hosts.asked] == ["deploy"]


def test_a_canary_goes_alone_is_watched_and_asked_again() -> None:
    app = fleet(4, max_concurrency=3, canary=True, bake=30)
    deploy(app, artifact=NEW)
    assert [(action, len(names)) for action, _, names in app.hosts.sent] == [
        ("deploy", 1),
        ("status", 1),
        ("deploy", 3),
        ("status", 4),
    ]
    assert sum(app.clock.slept) >= 30
    assert "the canary web-1 goes first, for 30 s" in app.screen.lines


def test_a_canary_is_watched_as_long_as_the_settings_say_and_the_screen_says_until_when() -> None:
    app = fleet(2, canary=True, bake=30)
    times: dict[str, Any] = {}
    app.hosts.asking = lambda change: times.setdefault(change.action, app.clock.now())
    deploy(app, artifact=NEW)
    assert (times["status"] - times["deploy"]).total_seconds() == 30
    assert "watching the canary web-1 until 12:00:30 UTC" in app.screen.phases


def test_a_canary_that_is_not_watched_is_announced_without_a_time() -> None:
    app = fleet(2, canary=True)
    deploy(app, artifact=NEW)
    assert "the canary web-1 goes first" in app.screen.lines
    assert told(app) == [["web-1"], ["web-2"]]


def test_a_canary_that_dies_while_it_is_watched_stops_everything_and_is_put_back() -> None:
    app = fleet(4, max_concurrency=3, canary=True, bake=30)

    def die(slept: float) -> None:
        app.hosts.machines[0].observed_as = "failed" if slept > 10 else ""

    app.clock.during = die
    app.hosts.asking = lambda order: _revive(app, order)
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    assert told(app) == [["web-1"]]
    assert app.hosts.serving == {f"web-{n}": OLD for n in range(1, 5)}
    assert any(one.startswith("Stopped: the canary web-1 failed") for one in app.screen.warnings)


def _revive(app: FakeApp, change: Change) -> None:
    if change.action == "rollback":
        app.hosts.machines[0].observed_as = ""


def test_a_rollback_has_batches_and_no_canary() -> None:
    app = fleet(4, max_concurrency=2, canary=True, bake=600)
    deploy(app, artifact=NEW)
    app.hosts.asked.clear()
    before = len(app.clock.slept)
    rollback(app, to=OLD)
    assert told(app, "rollback") == [["web-1", "web-2"], ["web-3", "web-4"]]
    assert len(app.clock.slept) == before


# -- failures ----------------------------------------------------------------------------------------------------------


def test_more_failures_than_may_be_stop_it_and_the_changed_hosts_are_put_back_in_reverse() -> None:
    bad = [machine("web-3", "", "failed"), machine("web-4", "", "failed")]
    app = fleet(machine("web-1"), machine("web-2"), *bad, machine("web-5"), max_concurrency=2, max_errors=1)
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert told(app) == [["web-1", "web-2"], ["web-3", "web-4"]]
    assert told(app, "rollback") == [["web-2", "web-1"]]
    assert set(app.hosts.serving.values()) == {OLD}
    assert "web-3, web-4: it answered 500" in caught.value.what
    assert "Stopped: 2 hosts failed (web-3, web-4), and max_errors is 1." in app.screen.warnings
    assert last_state(app) == "rolled-back"


def test_no_more_failures_than_may_be_leave_it_partial_with_the_stragglers_named() -> None:
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), machine("web-3"), max_concurrency=1, max_errors=1)
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 9
    assert "serves on 2 of 3 hosts of dev; not on web-2 (i-00000000000000002): it answered 500" in caught.value.what
    assert caught.value.remedy.endswith("inv heal --env dev")
    assert app.hosts.serving == {"web-1": NEW, "web-2": OLD, "web-3": NEW}
    last = app.ledger.entries[-1]
    assert (last.state, last.replaced, last.reason) == ("partial", OLD, "it is missing on 1 of 3 hosts: web-2")
    assert last.details["stragglers"] == ["i-00000000000000002"]


def test_status_says_that_it_is_partial_who_drifted_and_how_to_heal() -> None:
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), max_errors=1)
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW)
    [found] = status(app, env="dev")
    assert (found.artifact, found.partial) == (NEW, "it is missing on 1 of 2 hosts: web-2")
    assert [one.drift for one in found.units] == ["", f"the ledger says {NEW}"]
    assert app.screen.lines[-1] == f"to bring it to {NEW}: inv heal --env dev"


def test_a_version_that_no_host_runs_has_failed_however_many_may() -> None:
    app = fleet(machine("web-1", "", "failed"), machine("web-2", "", "failed"), max_errors="100%")
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    assert last_state(app) == "rolled-back"


def test_a_host_that_says_held_stops_the_others_whatever_may_fail() -> None:
    app = fleet(machine("web-1", "", "held"), machine("web-2"), max_concurrency=1, max_errors="100%")
    with pytest.raises(Held):
        deploy(app, artifact=NEW)
    assert told(app) == [["web-1"]]
    assert last_state(app) == "abandoned"


def test_a_host_that_says_something_else_when_it_is_asked_at_the_end_is_a_straggler() -> None:
    app = fleet(3, max_concurrency=1, max_errors=1)

    def crash(change: Change) -> None:
        if change.action == "status":
            app.hosts.machines[1].serving = ""

    app.hosts.asking = crash
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert "web-2 (i-00000000000000002): asked what it runs, it said that nothing serves" in caught.value.what


def test_a_host_that_says_nothing_at_the_end_is_asked_once_more_and_alone() -> None:
    app = fleet(3)
    app.hosts.machines[1].observed_as = "silent"

    def wake(change: Change) -> None:
        if [action for action, _, _ in app.hosts.sent].count("status") == 1:
            app.hosts.machines[1].observed_as = ""

    app.hosts.asking = wake
    assert deploy(app, artifact=NEW).state == "healthy"
    assert [names for action, _, names in app.hosts.sent if action == "status"] == [
        ["web-1", "web-2", "web-3"],
        ["web-2"],
    ]


def test_a_host_that_says_nothing_twice_is_a_straggler() -> None:
    app = fleet(3, max_errors=1)
    app.hosts.machines[1].observed_as = "silent"
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert "not on web-2 (i-00000000000000002): asked what it runs, it said nothing" in caught.value.what
    assert caught.value.state == f"{NEW} is serving on web-1, web-3, and what is serving is unknown on web-2."


def test_a_host_that_cannot_be_reached_is_passed_over_where_one_may_fail_and_refused_where_none_may() -> None:
    app = fleet(machine("web-1"), machine("web-2", online=False), machine("web-3"), max_errors=1)
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert "web-2 (i-00000000000000002): its SSM agent doesn't answer (ConnectionLost)" in caught.value.what
    assert told(app) == [["web-1", "web-3"]]
    strict = fleet(machine("web-1"), machine("web-2", online=False))
    with pytest.raises(Refused):
        deploy(strict, artifact=NEW)


# -- hosts that come and go --------------------------------------------------------------------------------------------


def _at(app: FakeApp, count: int, act: Any) -> None:
    """Do something while the n-th order is under way."""
    seen = [0]

    def during(change: Change) -> None:
        seen[0] += 1
        if seen[0] == count:
            act()

    app.hosts.during = during


def test_a_host_that_joins_gets_it_in_a_last_batch() -> None:
    app = fleet(3, max_concurrency=2)
    _at(app, 1, lambda: app.hosts.machines.insert(0, machine("web-9")))
    result = deploy(app, artifact=NEW)
    assert told(app) == [["web-1", "web-2"], ["web-3", "web-9"]]
    assert app.hosts.serving["web-9"] == NEW
    assert len(result.reports) == 4


def test_a_host_that_joins_during_the_last_batch_gets_it_too() -> None:
    app = fleet(2)
    _at(app, 1, lambda: app.hosts.machines.append(machine("web-9")))
    deploy(app, artifact=NEW)
    assert told(app) == [["web-1", "web-2"], ["web-9"]]


def test_a_host_that_left_is_named_and_not_waited_for() -> None:
    app = fleet(4, max_concurrency=2)
    _at(app, 1, lambda: app.hosts.machines.pop(3))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert told(app) == [["web-1", "web-2"], ["web-3"]]
    assert "left dev during the deployment: web-4 (i-00000000000000004)" in app.screen.warnings
    assert last_state(app) == "healthy"


def test_a_host_that_leaves_while_it_acts_is_no_failure() -> None:
    app = fleet(2)
    left = app.hosts.machines[1].unit.id
    app.hosts.asking = lambda order: app.hosts.machines.__delitem__(slice(1, None))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert left in app.screen.warnings[-1]


def test_a_host_that_joins_without_an_agent_is_named_with_the_command_for_later() -> None:
    app = fleet(2)
    _at(app, 1, lambda: app.hosts.machines.append(machine("web-9", online=False)))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert app.screen.warnings[-2].startswith("joined dev, but can't be reached yet: web-9")
    assert app.screen.warnings[-1] == "once they can be reached: inv heal --env dev"


def _watched(count: int, **rules: Any) -> tuple[FakeApp, Watched, list[str]]:
    """A fleet that is looked at while a batch changes; also what happens, in order."""
    app, log = fleet(count, **rules), list[str]()
    app.hosts = Watched(app.hosts.machines, rules=app.hosts.rules, log=log)
    return app, app.hosts, log


@dataclass
class Watched(FakeTarget):
    """Hosts as they were while the last batch changed: `seen`, once that is given."""

    log: list[str] = field(default_factory=list)
    seen: list[Unit] | None = None

    def units(self) -> Sequence[Unit]:
        self.log.append("listed")
        return super().units()

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        self.log.append(",".join(unit.name for unit in units))
        self.seen = [each.unit for each in self.machines]
        return super().start(change, units)

    def seen_meanwhile(self) -> Sequence[Unit] | None:
        return self.seen


def test_the_next_batch_waits_for_no_list_if_hosts_were_seen_meanwhile() -> None:
    app, _, log = _watched(3, max_concurrency=1)
    deploy(app, artifact=NEW)
    assert log[log.index("web-1") :] == ["web-1", "web-2", "web-3", "listed"]


def test_a_host_that_joins_after_it_was_looked_for_is_in_the_last_list() -> None:
    app, hosts, log = _watched(2, max_concurrency=1)
    _at(app, 2, lambda: hosts.machines.append(machine("web-9")))
    deploy(app, artifact=NEW)
    assert log[log.index("web-1") :] == ["web-1", "web-2", "listed", "web-9", "listed"]


def test_a_host_that_left_after_it_was_seen_stops_nothing() -> None:
    app, hosts, log = _watched(3, max_concurrency=1)
    hosts.machines[0].answers.append("silent")
    hosts.machines[0].observed_as = "silent"
    _at(app, 1, lambda: hosts.machines.pop(0))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert log[log.index("web-1") :] == ["web-1", "listed", "web-2", "web-3", "listed"]


def test_hosts_are_listed_anew_after_they_were_watched() -> None:
    app, _, log = _watched(2, canary=True, bake=30)
    deploy(app, artifact=NEW)
    assert log[log.index("web-1") :] == ["web-1", "listed", "web-2", "listed"]


def test_a_fleet_that_vanishes_has_failed() -> None:
    app = fleet(2)
    app.hosts.asking = lambda order: app.hosts.machines.clear()
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "No host is left."


# -- interrupted between batches ---------------------------------------------------------------------------------------


def _from_order(app: FakeApp, count: int, reason: BaseException) -> None:
    """The n-th order cannot be sent."""
    seen = [0]

    def sending(change: Change) -> None:
        seen[0] += 1
        if seen[0] == count:
            raise reason

    app.hosts.asking = sending


def test_an_order_that_cannot_be_sent_stops_it_and_what_was_changed_is_put_back() -> None:
    app = fleet(4, max_concurrency=2)
    _from_order(app, 2, ServiceFailed("AWS cannot be reached.", remedy="Try again"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == f"{NEW} failed on dev (AWS cannot be reached)."
    assert "Stopped: AWS cannot be reached." in app.screen.warnings
    assert set(app.hosts.serving.values()) == {OLD}
    assert last_state(app) == "rolled-back"


def test_a_batch_that_nobody_hears_of_any_more_is_left_to_act_and_nothing_is_put_back() -> None:
    app = fleet(4, max_concurrency=2)
    _at(app, 2, lambda: (_ for _ in ()).throw(ServiceFailed("AWS throttles.", remedy="Wait")).__next__())
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "The action on the hosts goes on (SSM command command-2); its outcome is unknown here."
    assert (told(app, "rollback"), last_state(app)) == ([], "started")


def test_ctrl_c_between_two_batches_puts_back_what_was_changed() -> None:
    app = fleet(4, max_concurrency=2, canary=True, bake=30)
    app.clock.during = lambda slept: (_ for _ in ()).throw(KeyboardInterrupt()) if slept > 10 else None
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == f"Interrupted: {NEW} was taken back from 1 of 4 hosts."
    assert set(app.hosts.serving.values()) == {OLD}
    assert last_state(app) == "rolled-back"
    assert app.leases.look("dev").record.holder == ""  # type: ignore[union-attr]


def test_a_lost_lease_sends_nothing_more_not_even_to_put_back() -> None:
    app = fleet(4, max_concurrency=2)
    _at(app, 1, lambda: _steal(app))
    with pytest.raises(LeaseLost):
        deploy(app, artifact=NEW)
    assert [action for action, _, _ in app.hosts.sent] == ["deploy"]


def _steal(app: FakeApp) -> None:
    seen = app.leases.look("dev")
    assert seen
    app.leases.break_("dev", seen.record.deployment_id)


def test_whether_hosts_joined_that_cannot_be_asked_is_no_reason_to_stop() -> None:
    app = fleet(4, max_concurrency=2)
    real, count = app.hosts.units, [0]

    def units() -> Any:
        count[0] += 1
        if count[0] == 2:
            raise ServiceFailed("AWS throttles.", remedy="Wait")
        return real()

    app.hosts.units = units  # type: ignore[method-assign]
    assert deploy(app, artifact=NEW).state == "healthy"
    assert app.screen.warnings[-1] == "can't tell whether hosts joined or left: AWS throttles."


def test_hosts_that_cannot_be_asked_at_the_end_are_believed_by_their_verdicts() -> None:
    app = fleet(2)
    _from_order(app, 2, ServiceFailed("AWS throttles.", remedy="Wait"))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert "could not ask the hosts again" in app.screen.warnings[-1]


# -- healing -----------------------------------------------------------------------------------------------------------


def partial() -> FakeApp:
    """NEW serves on web-1 and web-3; web-2 failed."""
    app = fleet(machine("web-1"), machine("web-2", "", "failed"), machine("web-3"), max_errors=1)
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW)
    app.hosts.asked.clear()
    return app


def test_a_heal_brings_stragglers_to_it_and_tells_the_others_nothing() -> None:
    app = partial()
    result = heal(app, env="dev")
    assert result.state == "healthy"
    assert told(app) == [["web-2"]]
    assert set(app.hosts.serving.values()) == {NEW}
    assert last_state(app) == "healthy"
    assert f"{NEW} is healthy on dev (web-2, web-1, web-3)" in app.screen.lines[-1]


def test_a_heal_brings_new_hosts_to_it() -> None:
    app = fleet(2)
    app.hosts.machines.append(machine("web-9"))
    heal(app)
    assert told(app) == [["web-9"]]
    assert app.hosts.serving["web-9"] == OLD


def test_a_heal_that_fails_somewhere_keeps_what_it_mended() -> None:
    app = fleet(1)
    app.hosts.machines += [machine("web-8"), machine("web-9", "", "failed")]
    with pytest.raises(Incomplete) as caught:
        heal(app)
    assert "web-9 (i-00000000000000009): it answered 500" in caught.value.what
    assert told(app, "rollback") == []
    assert app.hosts.serving == {"web-1": OLD, "web-8": OLD, "web-9": ""}
    assert last_state(app) == "partial"


def test_a_heal_that_is_interrupted_keeps_what_it_mended_and_goes_on_when_it_is_run_again() -> None:
    app = fleet(1, max_concurrency=1)
    app.hosts.machines += [machine("web-8"), machine("web-9")]

    real = app.hosts.units

    def interrupted() -> Any:
        if told(app):
            raise KeyboardInterrupt
        return real()

    app.hosts.units = interrupted  # type: ignore[method-assign]
    with pytest.raises(Interrupted) as caught:
        heal(app)
    assert caught.value.remedy == "Go on: inv heal --env dev"
    assert app.hosts.serving == {"web-1": OLD, "web-8": OLD, "web-9": ""}
    assert (last_state(app), told(app, "rollback")) == ("partial", [])
    app.hosts.units = real  # type: ignore[method-assign]
    assert heal(app).state == "healthy"
    assert set(app.hosts.serving.values()) == {OLD}


def test_a_heal_with_nothing_to_heal_does_nothing() -> None:
    app = fleet(2)
    entries = len(app.ledger.entries)
    assert heal(app).state == "healthy"
    assert told(app) == []
    assert len(app.ledger.entries) == entries


def test_stragglers_that_were_mended_by_hand_are_recorded_by_a_heal() -> None:
    app = partial()
    app.hosts.machines[1].serving = NEW
    assert heal(app).state == "healthy"
    assert told(app) == []
    assert last_state(app) == "healthy"


def test_a_heal_that_sent_nothing_records_every_host_that_it_saw_run_it() -> None:
    app = partial()
    app.hosts.machines[1].serving = NEW
    app.hosts.machines.append(machine("web-9", NEW))
    heal(app)
    units = app.ledger.entries[-1].details["units"]
    assert [(unit["unit"][-1], unit["outcome"], unit["serving"]) for unit in units] == [
        (number, "unchanged", NEW) for number in "1239"
    ]
    app.screen.lines.clear()
    rollback(app, to=OLD, dry_run=True)
    assert f"web-9  i-00000000000000009  {NEW}  {OLD}" in app.screen.lines
    assert "not known" not in app.screen.text


def test_a_heal_that_mended_one_records_the_others_with_it_and_no_host_that_it_could_not_reach() -> None:
    app = partial()
    app.hosts.machines.append(machine("web-9", online=False))
    with pytest.raises(Incomplete):
        heal(app)
    units = app.ledger.entries[-1].details["units"]
    assert sorted((unit["unit"][-1], unit["outcome"]) for unit in units) == [
        ("1", "unchanged"),
        ("2", "healthy"),
        ("3", "unchanged"),
    ]


def test_a_heal_goes_past_what_cannot_be_reached_and_says_so() -> None:
    app = fleet(machine("web-1"), machine("web-2", online=False))
    app.hosts.machines.append(machine("web-9"))
    with pytest.raises(Incomplete) as caught:
        heal(app)
    assert "web-2" in caught.value.what
    assert app.hosts.serving["web-9"] == OLD


def test_a_heal_can_be_looked_at_first() -> None:
    app = partial()
    assert heal(app, dry_run=True).state == "planned"
    assert told(app) == []
    assert app.screen.tables[-1][1] == [["web-2", "i-00000000000000002", OLD, NEW]]


def test_there_is_nothing_to_heal_where_nothing_was_ever_healthy() -> None:
    with pytest.raises(Refused, match="Nothing was ever healthy"):
        heal(FakeApp())


def test_a_heal_to_a_version_that_was_removed_says_so() -> None:
    app = fleet(1)
    app.remove(OLD)
    with pytest.raises(ArtifactMissing):
        heal(app)


def test_a_rollback_from_a_partial_deployment_goes_back_everywhere() -> None:
    app = partial()
    rollback(app, to=OLD)
    assert set(app.hosts.serving.values()) == {OLD}
    assert last_state(app) == "healthy"


def test_a_changed_host_that_cannot_be_put_back_wakes_somebody() -> None:
    bad = machine("web-2", "", "failed")
    app = fleet(machine("web-1", "", "healthy", "rollback-failed"), bad, max_concurrency=1)
    with pytest.raises(RollbackFailed):
        deploy(app, artifact=NEW)
    assert last_state(app) == "rollback-failed"


def test_where_all_hosts_may_fail_one_that_is_away_is_passed_over_and_all_that_are_away_are_refused() -> None:
    app = fleet(machine("web-1"), machine("web-2", online=False), max_errors="100%")
    with pytest.raises(Incomplete):
        deploy(app, artifact=NEW)
    assert told(app) == [["web-1"]]
    dark = fleet(machine("web-1", online=False), machine("web-2", online=False), max_errors="100%")
    with pytest.raises(Refused):
        deploy(dark, artifact=NEW)


def test_ctrl_c_while_a_later_batch_acts_leaves_it_to_act() -> None:
    app = fleet(4, max_concurrency=2)
    _at(app, 2, lambda: (_ for _ in ()).throw(KeyboardInterrupt()).__next__())
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert "goes on (SSM command" in caught.value.state
    assert last_state(app) == "started"
    assert told(app, "rollback") == []


def test_hosts_that_say_nothing_are_asked_and_count_as_what_they_say() -> None:
    app = fleet(machine("web-1", "", "silent"), machine("web-2"), max_errors=1)
    app.hosts.machines[0].reason = "it was killed"
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert f"it was killed; it runs {OLD}" in caught.value.what
