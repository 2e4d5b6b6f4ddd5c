"""The session that holds a lease: what it sends, what it makes of silence, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tagship.domain.change import Change
from tagship.domain.lease import LeaseRecord
from tagship.domain.plan import Plan
from tagship.domain.units import Operation, Report, Unit
from tagship.domain.version import ArtifactId
from tagship.engine.acquire import Claim
from tagship.engine.lease_session import LeaseSession, ask, hold_lease, observe, read_again
from tagship.errors import Interrupted, LeaseLost, ServiceFailed, Unheard
from tagship.ports.target import Tick
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.leases import FakeLeases
from tests.fakes.target import FakeTarget, machine, operation

OLD, NEW = ArtifactId("0.1.29-dev"), ArtifactId("0.1.30-dev")
SILENT = Report("i-1", "silent", reason="no answer", evidence="the last line")


def an_app(*machines: object, **changes: object) -> FakeApp:
    app = FakeApp(hosts=FakeTarget(list(machines) or [machine("web-1", OLD), machine("web-2", OLD)]), **changes)  # type: ignore[arg-type]
    app.hosts.polls = 0
    return app


@contextmanager
def session(app: FakeApp, claim: Claim | None = None) -> Iterator[LeaseSession]:
    plan = Plan("deploy", "dev", NEW, "d1", tuple(app.hosts.units()), {}, OLD)
    with hold_lease(app, plan, claim or Claim("dev", 0, "inv deploy")) as held:
        held.phase = app.screen._phase
        yield held


def record(app: FakeApp) -> LeaseRecord:
    return app.leases.records["dev"][0]


class Away(FakeLeases):
    """A bucket that can go away."""

    away = False

    def renew(self, record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        if self.away:
            raise ServiceFailed("S3 does not answer", remedy="Wait.")
        return super().renew(record, phase=phase, operations=operations)

    def release(self, record: LeaseRecord) -> None:
        if self.away:
            raise ServiceFailed("S3 does not answer", remedy="Wait.")
        super().release(record)

    def let_go(self, record: LeaseRecord) -> None:
        if self.away:
            raise ServiceFailed("S3 does not answer", remedy="Wait.")
        super().let_go(record)


def an_app_whose_bucket_goes_away() -> tuple[FakeApp, Away]:
    app = an_app()
    app.leases = leases = Away(app.clock)
    return app, leases


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observed", "read"),
    [
        (Report("i-1", "empty"), replace(SILENT, outcome="failed")),
        (Report("i-1", "failed", serving=NEW), SILENT),
        (Report("i-1", "silent"), SILENT),
        (Report("i-1", "unchanged", serving=NEW), Report("i-1", "healthy", serving=NEW, reason="no answer")),
        (
            Report("i-1", "healthy", serving=OLD, health={"status": 200}),
            Report(
                "i-1",
                "failed",
                serving=OLD,
                previous=OLD,
                reason="no answer; it runs 0.1.29-dev",
                evidence="the last line",
                health={"status": 200},
            ),
        ),
    ],
)
def test_a_silent_unit_is_read_by_what_it_runs(observed: Report, read: Report) -> None:
    assert read_again(SILENT, observed, NEW) == read


def test_only_the_silent_ones_are_asked_and_each_answer_is_its_own() -> None:
    app = an_app(machine("web-1", OLD, "silent"), machine("web-2", OLD), machine("web-3", OLD, "silent"))
    third = app.hosts.machines[2]

    def changed_over_late(change: Change) -> None:
        third.serving = NEW if change.action == "status" else OLD

    app.hosts.asking, app.hosts.polls = changed_over_late, 1
    with session(app) as held:
        reports = held.carry_out(held.change(), app.hosts.units())
        assert not held.in_flight
    assert [(report.outcome, report.serving) for report in reports] == [
        ("failed", OLD),
        ("healthy", NEW),
        ("healthy", NEW),
    ]
    assert app.hosts.sent == [("deploy", NEW, ["web-1", "web-2", "web-3"]), ("status", "none", ["web-1", "web-3"])]
    assert app.leases.told[2] == ("asking what runs", ("SSM command command-1",))
    assert app.screen.phases[-2:] == ["asking what runs", "0 of 2 hosts have answered"]


def test_nothing_is_asked_of_no_units() -> None:
    app = an_app()
    assert observe(app, "dev", [], app.screen._phase) == []
    assert app.hosts.asked == []
    assert [report.serving for report in observe(app, "dev", app.hosts.units(), app.screen._phase)] == [OLD, OLD]


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [True, False])
def test_a_change_carries_the_plan_the_fence_and_what_the_settings_allow(allowed: bool) -> None:
    app = an_app(settings=settings(environments=environments(allow_unsigned=allowed)))
    with session(app, Claim("dev", 6, "inv deploy")) as held:
        change = held.change()
        assert change == Change("deploy", "hello", "dev", NEW, "d1", held.deployment_id, 7, allow_unsigned=allowed)
        other = held.change("rollback", OLD, "d0")
        assert other == replace(change, action="rollback", artifact_id=OLD, manifest_sha256="d0")
        assert held.deployment_id == record(app).deployment_id


def test_a_change_is_told_to_the_lease_before_it_is_sent_and_its_operations_after() -> None:
    app = an_app()
    told: list[Sequence[str]] = []
    app.hosts.asking = lambda _: app.screen.say(f"sent after {app.leases.told[-1][0]}")
    with session(app) as held:
        held.started = told.append
        held.carry_out(held.change(), app.hosts.units())
    assert app.screen.lines == ["sending deploy", "sent after sending deploy", f"deploy {NEW}: the hosts act"]
    assert app.leases.told == [
        ("sending deploy", ()),
        (f"deploy {NEW}: the hosts act", ("SSM command command-1",)),
    ]
    assert told == [["SSM command command-1"]]


def test_each_poll_is_shown_and_written_by_the_next_heartbeat() -> None:
    app = an_app()
    with session(app) as held:
        held.beat("1 of 2 hosts have answered")
        assert held.heartbeat._phase == f"deploy {NEW}: 1 of 2 hosts have answered"
    assert app.screen.phases == ["1 of 2 hosts have answered"]


def test_nothing_is_sent_after_the_lease_was_lost() -> None:
    app = an_app()
    with session(app) as held:
        app.leases.break_("dev", held.deployment_id)
        with pytest.raises(LeaseLost):
            held.carry_out(held.change(), app.hosts.units())
        with pytest.raises(LeaseLost):
            held.take_up([operation("c-1", held.change(), ["i-1"])], app.hosts.units())
        with pytest.raises(LeaseLost):
            held.require_lease()
    assert app.hosts.asked == []


def test_operations_of_a_runner_that_died_are_waited_for_and_nothing_is_started() -> None:
    app = an_app()
    with session(app) as held:
        [found] = app.hosts.start(held.change(), app.hosts.units())
        app.hosts.asked.clear()
        app.hosts.during = lambda change: app.screen.say(f"{held.in_flight} {change.action} {change.fence}")
        app.hosts.polls = 1
        reports = held.take_up([found], app.hosts.units())
        assert not held.in_flight
    assert [report.outcome for report in reports] == ["healthy", "healthy"]
    assert app.hosts.asked == []
    assert app.leases.told == [("resuming what was started", ("SSM command command-1",))]
    assert app.screen.lines == [
        "resuming what was started",
        "0 of 2 hosts have answered",
        "True deploy 1",
    ]


def test_how_it_ended_is_recorded_if_the_bucket_is_away_too() -> None:
    app, leases = an_app_whose_bucket_goes_away()
    with session(app) as held:
        held.require_lease()
        assert app.leases.told == [("recording how it ended", ())]
        leases.away = True
        held.require_lease()


# -- what goes on ------------------------------------------------------------------------------------------------------


def test_what_goes_on_names_the_operations_as_people_find_them() -> None:
    app = an_app()
    with session(app) as held:
        assert held.what_goes_on == "The action on the hosts goes on (id unknown)"
        held.operations = (operation("c-1", held.change(), []), operation("c-2", held.change(), []))
        assert held.what_goes_on == "The action on the hosts goes on (SSM command c-1, SSM command c-2)"
        held.operations = tuple(replace(operation, running=False) for operation in held.operations)
        ended = "The change of the hosts stopped where this runner left it (SSM command c-1, SSM command c-2)"
        assert held.what_goes_on == ended


def test_the_lease_is_given_back_at_the_end() -> None:
    app = an_app()
    with session(app) as held:
        assert record(app).holder == "ada@laptop"
        assert held.heartbeat._thread.is_alive()
    assert record(app).holder == ""
    assert not held.heartbeat._thread.is_alive()


def test_with_an_operation_in_flight_it_has_expired_and_keeps_its_holder() -> None:
    app = an_app()
    app.hosts.polls, app.hosts.during = 1, interrupt
    with pytest.raises(KeyboardInterrupt), session(app) as held:
        held.carry_out(held.change(), app.hosts.units())
    assert (record(app).holder, record(app).ttl) == ("ada@laptop", 0)
    assert record(app).operations == ("SSM command command-1",)


def interrupt(_: Change) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("kind", "kept"), [(Unheard, True), (ServiceFailed, False)])
def test_a_start_whose_answer_was_lost_keeps_the_lease_until_its_time_is_over(
    kind: type[ServiceFailed], kept: bool
) -> None:
    app = an_app()

    def lost(_: Change) -> None:
        raise kind("SSM does not answer", remedy="Wait.")

    app.hosts.asking = lost
    with session(app) as held:
        held.operations = (operation("c-0", held.change(), []),)
        with pytest.raises(kind):
            held.carry_out(held.change(), app.hosts.units())
    assert held.in_flight is kept
    assert held.operations == ()
    assert (record(app).holder, record(app).ttl) == (("ada@laptop", 120) if kept else ("", 120))


@pytest.mark.parametrize("in_flight", [True, False])
def test_a_lease_that_cannot_be_given_back_is_said_with_the_time_it_lasts(in_flight: bool) -> None:
    app, leases = an_app_whose_bucket_goes_away()
    with session(app) as held:
        leases.away = True
        held.in_flight = in_flight
        held.operations = (operation("c-1", held.change(), []),)
    assert app.screen.warnings == ["the lease of dev could not be released (S3 does not answer); it expires in 120 s"]


def test_what_a_fenced_off_deployment_had_in_flight_is_ended_before_anything_is_sent() -> None:
    for preempt, cancelled in ((True, ["c-9"]), (False, [])):
        app = an_app()
        before = app.leases.take("dev", holder="eve", run_url="", ttl=0 if not preempt else 120)
        app.hosts.running = {"c-9": before.deployment_id} if preempt else {}
        with session(app, Claim("dev", 0, "inv rollback", preempt=preempt, urgent=True)):
            assert app.hosts.cancelled == cancelled
            assert record(app).fence == 2


def test_a_lease_that_nobody_has_is_taken_with_nothing_to_end() -> None:
    app = an_app()
    with session(app, Claim("dev", 0, "inv rollback", preempt=True, urgent=True)):
        assert app.hosts.cancelled == []


class OneShort(FakeTarget):
    """A target that has no word of the last unit."""

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        return super().finish(operations, change, units, tick)[:-1]


def test_a_unit_of_which_there_is_no_word_is_not_passed_over() -> None:
    app = an_app()
    app.hosts = OneShort(app.hosts.machines)
    with session(app) as held, pytest.raises(ValueError, match="shorter"):
        held.carry_out(held.change(), app.hosts.units())
    assert held.in_flight


def test_units_that_can_be_reached_are_asked_and_counted_and_of_none_nothing_is_said() -> None:
    app = an_app()
    units = app.hosts.units()
    away = [replace(unit, online=False) for unit in units]
    assert len(ask(app, "dev", units)) == 2
    assert len(ask(app, "dev", [units[0], away[1]])) == 1
    assert app.screen.lines == ["asking 2 hosts of dev", "asking 1 of 2 hosts of dev"]
    assert ask(app, "dev", away) == []
    assert len(app.screen.lines) == 2


class Impatient(FakeLeases):
    """Ctrl-C comes once more while the lease is given back."""

    def release(self, record: LeaseRecord) -> None:
        raise KeyboardInterrupt

    def let_go(self, record: LeaseRecord) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("in_flight", [True, False])
def test_a_second_ctrl_c_leaves_the_lease_to_expire_and_hides_no_word_of_the_first(in_flight: bool) -> None:
    first = Interrupted("Interrupted while the hosts were changing.", state="The action goes on.", remedy="End it.")
    app = an_app()
    app.leases.__class__ = Impatient

    def left_by(reason: Interrupted) -> None:
        with session(app) as held:
            held.in_flight = in_flight
            held.operations = (operation("c-1", held.change(), []),)
            raise reason

    with pytest.raises(Interrupted) as caught:
        left_by(first)
    assert caught.value is first
    assert app.screen.warnings == ["interrupted before the lease of dev was released; it expires in 120 s"]
