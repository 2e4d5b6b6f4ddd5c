"""One intention from plan to end: whose lease, what is planned again, and what is recorded if it never began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tagship.domain.change import Change
from tagship.domain.lease import LeaseRecord
from tagship.engine.run import Result
from tagship.errors import ArtifactError, Held, Interrupted, LeaseLost, Refused, ServiceFailed, TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.death import cut_off, die
from tests.fakes.prompt import FakePrompt
from tests.unit.engine.fleet import NEW, OLD, fleet, lost_when_recording, told

LATER = "0.1.31-dev"


def failed(app: FakeApp, kind: type[TagshipError]) -> TagshipError:
    with pytest.raises(kind) as caught:
        deploy(app, artifact=NEW)
    return caught.value


def states(app: FakeApp) -> list[tuple[str, str]]:
    return [(one.artifact_id, one.state) for one in app.ledger.deployments("dev")]


def held(app: FakeApp) -> LeaseRecord:
    return app.leases.take("dev", holder="grace@desk", run_url="", ttl=120, deployment_id="hers")


def meanwhile(app: FakeApp, act: Callable[[FakeApp], object]) -> None:
    """Grace holds dev; while it is waited for, she acts and lets go."""
    record = held(app)

    def during(slept: float) -> None:
        if slept and "hers" in str(app.leases.records):
            app.leases.release(record)
            act(replace(app, who="grace@desk", prompt=FakePrompt(possible=False)))

    app.clock.during = during


# -- what is said of it ------------------------------------------------------------------------------------------------


def test_its_data_has_the_deployment_its_reports_and_the_seconds_to_a_thousandth() -> None:
    result = deploy(fleet(1), artifact=NEW)
    data = Result(result.plan, "healthy", "20261120-120000-000002-abcdef", result.reports, 1.23456).as_data()
    assert {key: data[key] for key in ("artifact", "state", "deployment", "seconds")} == {
        "artifact": NEW,
        "state": "healthy",
        "deployment": "20261120-120000-000002-abcdef",
        "seconds": 1.235,
    }


def test_a_dry_run_ends_by_saying_that_nothing_was_changed() -> None:
    app = fleet(1)
    deploy(app, artifact=NEW, dry_run=True)
    assert app.screen.lines[-1] == "Nothing was changed."


def test_the_deployment_is_named_before_its_first_step() -> None:
    app = fleet(1)
    result = deploy(app, artifact=NEW)
    assert app.screen.lines.index(f"deployment {result.deployment_id}") < app.screen.lines.index("sending deploy")


def test_it_is_told_how_long_it_took_and_which_hosts_have_it() -> None:
    app = fleet(2)
    app.hosts.during = lambda change: app.clock.advance(7 if change.action == "deploy" else 0)
    assert deploy(app, artifact=NEW).seconds == 7
    assert f"{NEW} is healthy on dev (web-1, web-2) after 7.0 s" in app.screen.lines[-2:]
    assert app.ledger.indexed[-1] == "dev"


# -- whose lease -------------------------------------------------------------------------------------------------------


def test_a_deployment_that_meets_another_is_told_to_wait_and_not_to_fence_it_off() -> None:
    app = fleet(1)
    held(app)
    assert failed(app, Held).remedy == (
        f"Wait for it: inv deploy --version {NEW} --env dev --wait 10m\n"
        "       Or, if it is dead: inv unlock --env dev --id hers"
    )


def test_a_rollback_that_meets_another_is_told_how_to_fence_it_off_and_that_way_is_open() -> None:
    app = fleet(1)
    deploy(app, artifact=NEW)
    held(app)
    with pytest.raises(Held) as caught:
        rollback(app, to=OLD)
    assert f"inv rollback --to {OLD} --env dev --preempt" in caught.value.remedy
    assert rollback(app, to=OLD, preempt=True).state == "healthy"
    assert app.hosts.serving == {"web-1": OLD}


@pytest.mark.parametrize("wait", ["", "1s"])
def test_another_is_waited_for_as_long_as_was_said(wait: str) -> None:
    app = fleet(1)
    held(app)
    with pytest.raises(Held):
        deploy(app, artifact=NEW, wait=wait)
    assert sum(app.clock.slept) == pytest.approx(1 if wait else 0, abs=0.001)


# -- planned again -----------------------------------------------------------------------------------------------------


def test_what_nobody_can_have_changed_is_planned_once() -> None:
    app = fleet(1)
    units, asked = app.hosts.units, []
    app.hosts.units = lambda: (asked.append(len(app.hosts.asked)), units())[1]  # type: ignore[method-assign]
    deploy(app, artifact=NEW)
    assert asked == [0, 1]  # for the plan, and after the batch


def test_what_changed_while_it_was_waited_for_is_planned_and_shown_again() -> None:
    app = fleet(1)
    app.publish(LATER)
    meanwhile(app, lambda hers: deploy(hers, artifact=NEW))
    assert deploy(app, artifact=LATER, wait="10m").state == "healthy"
    again = app.screen.lines.index("The environment changed since this was planned. The new plan:")
    assert app.screen.lines[again + 1] == f"deploy {LATER} on dev, in place of {NEW}"
    assert app.ledger.entries[-1].replaced == NEW


def test_what_did_not_change_while_it_was_waited_for_is_not_shown_again() -> None:
    app = fleet(1)
    meanwhile(app, lambda hers: None)
    deploy(app, artifact=NEW, wait="10m")
    assert "The new plan:" not in app.screen.text


def test_what_somebody_else_has_done_meanwhile_is_not_done_again() -> None:
    app = fleet(1)
    meanwhile(app, lambda hers: deploy(hers, artifact=NEW))
    result = deploy(app, artifact=NEW, wait="10m")
    assert (result.state, told(app)) == ("unchanged", [["web-1"]])
    assert states(app) == [(OLD, "healthy"), (NEW, "healthy")]


# -- those that never ended --------------------------------------------------------------------------------------------


def test_only_what_never_ended_is_recorded_as_abandoned_and_said_to_be() -> None:
    app = fleet(1)
    app.publish(LATER)
    app.hosts.during = die
    with cut_off(app):
        deploy(app, artifact=NEW)
    dead = app.ledger.deployments("dev")[-1].id
    deploy(app, artifact=LATER)
    assert states(app) == [(OLD, "healthy"), (NEW, "abandoned"), (LATER, "healthy")]
    assert app.ledger.states.count("abandoned") == 1
    assert [one for one in app.screen.warnings if "never ended" in one] == [
        f"deployment {dead} of {NEW} never ended: it is recorded as abandoned"
    ]


# -- never begun -------------------------------------------------------------------------------------------------------


def raising(reason: BaseException) -> Callable[[Change], None]:
    def fail(change: Change) -> None:
        if change.action == "deploy":
            raise reason

    return fail


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ServiceFailed("AWS cannot be reached.", remedy="Wait."), ServiceFailed),
        (ArtifactError("The bundle is too large.", remedy="Look."), ArtifactError),
        (Refused("The document is missing.", remedy="Make it."), Refused),
    ],
)
def test_what_cannot_be_sent_is_recorded_as_abandoned_with_the_reason(
    reason: TagshipError, kind: type[TagshipError]
) -> None:
    app = fleet(1)
    app.hosts.asking = raising(reason)
    failure = failed(app, kind)
    attempt = app.ledger.entries[-1].deployment_id
    assert failure.what == reason.what
    assert failure.state == f"No host was changed; deployment {attempt} is recorded as abandoned."
    assert [(one.state, one.reason) for one in app.ledger.entries[-2:]] == [
        ("requested", ""),
        ("abandoned", reason.what),
    ]


def test_ctrl_c_before_a_host_was_told_is_recorded_as_that() -> None:
    app = fleet(1)
    before_sending(app, interrupt)
    failed(app, Interrupted)
    assert [(one.state, one.reason) for one in app.ledger.entries[-2:]] == [
        ("requested", ""),
        ("abandoned", "interrupted before any host was changed"),
    ]


def interrupt() -> None:
    raise KeyboardInterrupt


def before_sending(app: FakeApp, act: Callable[[], object]) -> None:
    renew = app.leases.renew

    def first(record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        if phase.startswith("sending"):
            act()
        return renew(record, phase=phase, operations=operations)

    app.leases.renew = first  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "reason",
    [
        ServiceFailed("AWS cannot be reached.", remedy="Wait."),
        Refused("The document is missing.", remedy="Make it."),
        KeyboardInterrupt(),
    ],
)
def test_what_is_resumed_and_cannot_be_sent_now_is_left_for_the_next(reason: BaseException) -> None:
    app = fleet(1)
    app.hosts.asking = die
    with cut_off(app):
        deploy(app, artifact=NEW)
    renew = app.leases.renew
    before_sending(app, lambda: (_ for _ in ()).throw(reason).__next__())
    with pytest.raises(TagshipError):
        resume(app)
    assert states(app)[-1] == (NEW, "requested")
    app.leases.renew = renew  # type: ignore[method-assign]
    assert resume(app).state == "healthy"


# -- the lease is lost -------------------------------------------------------------------------------------------------


def lose(app: FakeApp, act: Callable[[str], object]) -> None:
    """While the hosts act, something happens to this deployment's lease; a heartbeat notices it."""

    def during(_: Change) -> None:
        app.hosts.during = lambda _: None
        act(app.ledger.entries[-1].deployment_id)
        raise LeaseLost("The lease of dev is lost.", remedy="Look.")

    app.hosts.during = during


def test_a_lease_lost_while_hosts_act_is_recorded_with_the_reason_and_what_goes_on() -> None:
    app = fleet(1)
    lose(app, lambda mine: app.leases.break_("dev", mine))
    failed(app, LeaseLost)
    last = app.ledger.entries[-1]
    assert (last.state, last.reason) == ("abandoned", "The lease of dev is lost.")
    assert last.details["operations"] == ["SSM command command-1"]
    assert last.details["evidence"].startswith("SSM command command-1 (deploy 0.1.30-dev on web-1)")
    assert last.details["evidence"].endswith(": its end was not seen")


def test_a_lease_lost_when_the_hosts_are_done_is_recorded_with_the_reason() -> None:
    app = fleet(1)
    lost_when_recording(app)
    failed(app, LeaseLost)
    last = app.ledger.entries[-1]
    assert (last.state, last.reason) == ("abandoned", "The lease of dev is nobody's now.")


def test_a_deployment_that_another_runner_resumes_at_this_moment_is_not_recorded_as_abandoned() -> None:
    app = fleet(1)
    lose(
        app,
        lambda mine: app.leases.take(
            "dev", holder="eve@desk", run_url="", ttl=120, deployment_id=mine, over=mine, living=True
        ),
    )
    failed(app, LeaseLost)
    assert states(app)[-1] == (NEW, "started")


def test_a_deployment_that_another_runner_had_resumed_and_left_is_not_recorded_as_abandoned() -> None:
    app = fleet(1)

    def resumed_and_left(mine: str) -> None:
        app.ledger.append(replace(app.ledger.entries[-1], number=9, fence=9, who="eve@desk"))
        app.leases.break_("dev", mine)

    lose(app, resumed_and_left)
    failed(app, LeaseLost)
    assert states(app)[-1] == (NEW, "started")


def test_another_deployments_lease_keeps_nobody_from_recording_this_one_as_abandoned() -> None:
    app = fleet(1)
    lose(
        app,
        lambda mine: app.leases.take(
            "dev", holder="eve@desk", run_url="", ttl=120, deployment_id="hers", over=mine, living=True
        ),
    )
    failed(app, LeaseLost)
    assert states(app)[-1] == (NEW, "abandoned")
