"""Getting the lease: waiting in turn, over a dead holder, from a living one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from tagship.domain.lease import LeaseHeld, LeaseUnreadable
from tagship.domain.units import Operation
from tagship.engine.acquire import (
    LONGEST_WAIT,
    Acquired,
    Claim,
    acquire,
    in_flight,
    not_held,
    run_state,
)
from tagship.engine.fencing_off import stop_operations
from tagship.errors import DeployFailed, Held, Interrupted, LeaseLost, Refused, ServiceFailed, UsageError
from tagship.ports.forge import Run
from tagship.verbs.deploy import deploy
from tagship.verbs.history import history
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.rollback import rollback
from tests.fakes.app import VALUES, FakeApp, environments, settings
from tests.fakes.forge import FakeForge
from tests.fakes.target import FakeTarget, machine

RUN = "https://github.com/acme/hello/actions/runs/4711"


def an_app(**changes: object) -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]), **changes)  # type: ignore[arg-type]
    app.publish("0.1.0-dev", "0.1.1-dev", "0.1.2-dev")
    return app


ACTS = "the hosts act"


def claim(environment: str = "dev", wait: float = 0, resume: str = "") -> Claim:
    command = f"inv deploy --artifact 0.1.0-dev --env {environment}"
    return Claim(environment, 0, command, wait=wait, resume=resume)


def held_by_ci(app: FakeApp, silent_for: float = 0, run_url: str = RUN) -> str:
    """A CI run holds dev, and its heart beat for the last time that many seconds ago; returns its deployment."""
    record = app.leases.take("dev", holder="run 4711 (octocat)", run_url=run_url, ttl=120)
    app.leases.renew(record, phase="deploy 0.1.1-dev: the hosts act", operations=["SSM command c-1"])
    app.clock.time += timedelta(seconds=silent_for)
    return record.deployment_id


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_without_wait_a_holder_is_named_at_once() -> None:
    app = an_app()
    held_by_ci(app)
    with pytest.raises(Held):
        acquire(app, claim())
    assert app.clock.slept == []


def test_waiting_says_who_holds_it_since_when_and_what_for() -> None:
    app = an_app()
    held_by_ci(app)
    with pytest.raises(Held) as caught:
        acquire(app, claim(wait=60))
    assert app.screen.phases == [
        "run 4711 (octocat) has held dev since 2026-11-20 12:00 UTC: deploy 0.1.1-dev: the hosts act"
    ]
    assert "waiting up to 60 s for dev" in app.screen.lines
    assert caught.value.what == "run 4711 (octocat) has held dev (deploy 0.1.1-dev: the hosts act). Waited 60 s."
    assert caught.value.state == "Nothing was changed."
    assert caught.value.remedy.startswith("Wait for it: inv deploy --artifact 0.1.0-dev --env dev --wait 10m\n")
    assert caught.value.exit_code == 4
    assert sum(app.clock.slept) == pytest.approx(60, abs=0.001)


def test_the_turn_comes_when_the_holder_gives_it_back() -> None:
    app = an_app()
    held_by_ci(app)

    def release(slept: float) -> None:
        if slept > 20:
            app.leases.release(app.leases.records["dev"][0])

    app.clock.during = release
    assert acquire(app, claim(wait=600)).record.fence == 2
    assert sum(app.clock.slept) <= 20 + 2 * LONGEST_WAIT * 1.5, "the pause that passes 20 s, and the one after it"


def test_those_who_wait_do_not_look_at_the_same_moments() -> None:
    ways = []
    for _ in range(2):
        app = an_app()
        held_by_ci(app)
        with pytest.raises(Held):
            acquire(app, claim(wait=60))
        ways.append(app.clock.slept)
    assert ways[0] != ways[1]
    assert all(seconds <= 7.5 for seconds in ways[0])


def test_the_last_second_is_waited_too() -> None:
    app = an_app()
    held_by_ci(app)
    with pytest.raises(Held, match="Waited 1"):
        acquire(app, claim(wait=1))
    assert sum(app.clock.slept) == pytest.approx(1, abs=0.001)


def test_ctrl_c_while_waiting_changed_nothing() -> None:
    app = an_app()
    held_by_ci(app)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    app.clock.during = interrupt
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact="0.1.0-dev", wait="10m")
    assert caught.value.state == "Nothing was changed."
    assert caught.value.remedy == "See who holds it: inv lock --env dev"
    assert caught.value.what == "Interrupted while waiting for dev."


@pytest.mark.parametrize("text", ["soon", "-5m", "10 minutes", "1e3"])
def test_what_is_no_time_to_wait_is_refused_before_anything(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        deploy(an_app(), artifact="0.1.0-dev", wait=text)
    assert "--wait 10m" in caught.value.remedy


# -- dead, or not ------------------------------------------------------------------------------------------------------


def ended(state: str = "completed") -> dict[str, object]:
    return {"forge": FakeForge(Run("4711", RUN, state))}


def over(taken: Acquired) -> str:
    assert taken.over
    return taken.over.record.deployment_id


def test_a_dead_holder_is_taken_over_and_named() -> None:
    app = an_app(given=ended())
    dead = held_by_ci(app, silent_for=150)
    assert over(acquire(app, claim())) == dead
    assert app.screen.warnings == [
        f"taken over from run 4711 (octocat), deployment {dead}, last heartbeat 2 min ago (deploy 0.1.1-dev: {ACTS})"
    ]


def test_a_heartbeat_that_stopped_is_not_enough_while_its_command_runs() -> None:
    app = an_app(given=ended())
    dead = held_by_ci(app, silent_for=150)
    app.hosts.running = {"c-1": dead}
    with pytest.raises(Held) as caught:
        acquire(app, claim())
    assert caught.value.what.endswith("Its heartbeat stopped 2 min ago, but its SSM command c-1 still runs.")


def test_a_command_whose_id_never_came_back_counts_too() -> None:
    app = an_app(given=ended())
    dead = held_by_ci(app, silent_for=150)
    app.hosts.running = {"c-77": dead}
    with pytest.raises(Held):
        acquire(app, claim())


def test_nor_is_it_enough_while_its_ci_run_goes_on() -> None:
    app = an_app(given=ended("in_progress"))
    held_by_ci(app, silent_for=150)
    with pytest.raises(Held) as caught:
        acquire(app, claim())
    assert f"its CI run has not ended: {RUN}" in caught.value.what
    assert "inv unlock --env dev --id" in caught.value.remedy


def test_a_retry_in_the_same_run_does_not_wait_for_its_own_end() -> None:
    app = an_app(given=ended("in_progress"), run_url=RUN)
    dead = held_by_ci(app, silent_for=150)
    assert over(acquire(app, claim())) == dead


@pytest.mark.parametrize("forge", [None, "fails"])
def test_a_run_that_cannot_be_asked_is_said_and_the_other_two_decide(forge: str | None) -> None:
    told = FakeForge(Run("4711", RUN, "completed"))
    told.fails = 99
    app = an_app(given={"forge": told if forge else None})
    dead = held_by_ci(app, silent_for=150)
    assert over(acquire(app, claim())) == dead
    assert app.screen.warnings[0].startswith(f"can't ask here whether {RUN} has ended")


def test_a_laptops_deployment_has_no_run_to_ask() -> None:
    app = an_app(given={})
    held_by_ci(app, silent_for=150, run_url="")
    assert acquire(app, claim()).over
    assert not [one for one in app.screen.warnings if "cannot be asked" in one]


def test_hosts_that_cannot_be_asked_are_not_taken_for_idle() -> None:
    app = an_app(given=ended())
    held_by_ci(app, silent_for=150)

    def away(*_: object) -> list[str]:
        raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")

    app.hosts.operations = away  # type: ignore[method-assign]
    with pytest.raises(ServiceFailed):
        acquire(app, claim())
    seen = app.leases.look("dev")
    assert seen is not None
    assert seen.record.holder == "run 4711 (octocat)"


def test_waiting_goes_on_until_the_dead_ones_command_has_ended() -> None:
    app = an_app(given=ended())
    dead = held_by_ci(app)
    app.hosts.running = {"c-1": dead}
    app.clock.during = lambda slept: app.hosts.running.clear() if slept > 300 else None
    assert over(acquire(app, claim(wait=600))) == dead
    assert 300 < sum(app.clock.slept) < 320
    assert any("but its SSM command c-1 still runs" in one for one in app.screen.phases)


def test_resuming_keeps_the_deployments_id_and_a_second_one_meets_a_living_holder() -> None:
    app = an_app(given=ended())
    dead = held_by_ci(app, silent_for=150)
    app.hosts.running = {"c-1": dead}
    first = acquire(app, claim(resume=dead))
    assert (first.record.deployment_id, first.record.fence) == (dead, 2)
    with pytest.raises(Held):
        acquire(app, claim(resume=dead))


def test_fencing_numbers_go_on_where_the_lease_was_deleted_by_hand() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    app.leases.records.clear()
    assert deploy(app, artifact="0.1.2-dev").state == "healthy"
    assert [order.fence for order, _ in app.hosts.asked] == [1, 2, 3]


# -- what was waited for may have changed things -----------------------------------------------------------------------


def while_grace_ships(app: FakeApp, artifact: str) -> None:
    """She holds dev; during the first pause of whoever waits, she ships a version."""
    record = app.leases.take("dev", holder="grace@desk", run_url="", ttl=120, deployment_id="hers")

    def ship(slept: float) -> None:
        if slept and "hers" in str(app.leases.records):
            app.leases.release(record)
            deploy(app, artifact=artifact)

    app.clock.during = ship


def test_a_version_that_has_become_older_while_it_waited_is_refused() -> None:
    """Never backwards: 0.1.1 waits behind 0.1.2, which is healthy by then."""
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    while_grace_ships(app, "0.1.2-dev")
    with pytest.raises(Refused) as caught:
        deploy(app, artifact="0.1.1-dev", wait="10m")
    assert "0.1.1-dev is older than 0.1.2-dev, which dev runs" in caught.value.what
    assert app.hosts.serving == {"web-1": "0.1.2-dev"}
    seen = app.leases.look("dev")
    assert seen is not None
    assert not seen.record.holder


def test_what_changed_while_it_waited_is_shown_before_it_goes_on() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    while_grace_ships(app, "0.1.1-dev")
    result = deploy(app, artifact="0.1.2-dev", wait="10m")
    assert result.plan.replaces == "0.1.1-dev"
    assert "The environment changed since this was planned. The new plan:" in app.screen.lines


def test_what_somebody_else_shipped_meanwhile_is_not_shipped_again() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    while_grace_ships(app, "0.1.1-dev")
    result = deploy(app, artifact="0.1.1-dev", wait="10m")
    assert (result.state, result.deployment_id) == ("unchanged", app.ledger.deployments("dev")[-1].id)
    assert [one.artifact_id for one in app.ledger.deployments("dev")] == ["0.1.0-dev", "0.1.1-dev"]
    seen = app.leases.look("dev")
    assert seen is not None
    assert not seen.record.holder


def test_a_rollback_that_waited_goes_to_the_version_that_was_named_whatever_runs_by_then() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    while_grace_ships(app, "0.1.2-dev")
    result = rollback(app, to="0.1.0-dev", wait="10m")
    assert (result.plan.replaces, result.plan.artifact_id) == ("0.1.2-dev", "0.1.0-dev")
    assert app.hosts.serving == {"web-1": "0.1.0-dev"}


def test_nothing_is_read_again_where_nobody_came_in_between() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    assert "The environment changed since this was planned. The new plan:" not in app.screen.lines


# -- environments of a group -------------------------------------------------------------------------------------------


def test_environments_of_a_group_wait_for_each_other_and_others_do_not() -> None:
    tags = {"ec2": {"tags": {"Name": "x"}, "command": ["x"]}}
    table = {**environments(), "prod": {**tags}, "prodauto": {**tags, "lease_group": "prod"}}
    app = an_app(settings=settings(**{**VALUES, "environments": table}))
    app.leases.take("prodauto", holder="dependabot", run_url="", ttl=120)
    with pytest.raises(Held):
        acquire(app, claim("prod"))
    assert acquire(app, claim("dev")).record.fence == 1


# -- an incident -------------------------------------------------------------------------------------------------------


def test_preempt_fences_a_living_holder_off_cancels_its_command_and_says_whom() -> None:
    app = an_app(given=ended("in_progress"))
    deploy(app, artifact="0.1.0-dev")
    app.ledger.ran("0.1.1-dev")
    theirs = held_by_ci(app)
    record = app.leases.records["dev"][0]
    app.hosts.running = {"c-1": theirs, "c-2": "another deployment's"}
    with pytest.raises(Held) as caught:
        rollback(app, to="0.1.1-dev")
    again = "inv rollback --to 0.1.1-dev --env dev"
    assert caught.value.remedy == (
        f"Wait for it: {again} --wait 10m\n"
        f"       Or, if it is dead: inv unlock --env dev --id {theirs}\n"
        f"       Or take over, which cancels its operations in flight: {again} --preempt"
    )
    result = rollback(app, to="0.1.1-dev", preempt=True)
    assert result.state == "healthy"
    assert app.hosts.cancelled == ["c-1"]
    assert app.hosts.running == {"c-2": "another deployment's"}
    assert any(one.startswith("fenced off run 4711 (octocat), deployment") for one in app.screen.warnings)
    assert app.hosts.asked[-1][0].fence == record.fence + 1
    with pytest.raises(LeaseLost):
        app.leases.renew(record, phase="sending deploy")


def test_preempt_takes_back_a_deployment_under_way_to_what_runs_still() -> None:
    """0.1.1 runs, CI is at 0.1.2: going back to 0.1.1 is no "already running", with --to or without."""
    app = an_app()
    deploy(app, artifact="0.1.1-dev")
    theirs = held_by_ci(app)
    _under_way(app, theirs, "0.1.2-dev")
    assert rollback(app, yes=True, preempt=True).plan.artifact_id == "0.1.1-dev"
    _under_way(app, "20991120-155301-123456-9f3a1c", "0.1.2-dev")
    assert rollback(app, to="0.1.1-dev", preempt=True).state == "healthy"


def test_history_says_who_took_over_with_preempt_and_what_was_on_its_way() -> None:
    app = an_app()
    deploy(app, artifact="0.1.1-dev")
    theirs = held_by_ci(app)
    _under_way(app, theirs, "0.1.2-dev")
    app.hosts.running = {"c-1": theirs}
    result = rollback(app, yes=True, preempt=True)
    [fenced] = history(app, state="abandoned").deployments
    assert fenced.id == theirs
    assert fenced.last.reason == f"taken over by ada@laptop (deployment {result.deployment_id}) with --preempt"
    app.screen.lines.clear()
    history(app, version="0.1.2-dev", evidence=True)
    assert "run 4711 (octocat): deploy 0.1.1-dev: the hosts act, last heartbeat" in app.screen.text
    assert "SSM command c-1" in app.screen.text
    assert ": in flight then; it has ended" in app.screen.text
    assert "runner died" not in app.screen.text


def _under_way(app: FakeApp, deployment: str, artifact: str) -> None:
    from tagship.domain.deployment import Entry

    at = app.clock.now().isoformat()
    for number, state in enumerate(("requested", "started"), 1):
        app.ledger.append(Entry(deployment, number, state, at, "hello", "dev", "deploy", artifact, "ci", "", fence=2))


def test_a_refusal_after_preempt_says_whom_it_fenced_off() -> None:
    app = an_app(given=ended("in_progress"))
    for version in ("0.1.0-dev", "0.1.1-dev"):
        deploy(app, artifact=version)
    theirs = held_by_ci(app)
    app.hosts.running = {"c-1": theirs}
    hers = replace(app, who="grace@desk")

    def marked(_slept: float) -> None:  # while the command is seen to end
        app.clock.during = lambda _: None
        mark_bad(hers, version="0.1.0-dev", env="dev", reason="it mails twice")

    app.clock.during = marked
    with pytest.raises(Refused) as caught:
        rollback(app, to="0.1.0-dev", preempt=True)
    assert caught.value.what.startswith("0.1.0-dev is marked bad on dev: grace@desk marked it bad")
    assert caught.value.state == (
        f"No host was changed by this. But deployment {theirs} of run 4711 (octocat) was fenced off; "
        "SSM command c-1 of it was cancelled."
    )
    assert caught.value.remedy.endswith("See what runs: inv status --env dev")
    assert app.hosts.cancelled == ["c-1"]


def test_preempt_of_nobody_is_a_plain_rollback() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    assert rollback(app, to="0.1.0-dev", preempt=True).state == "healthy"
    assert app.hosts.cancelled == []
    assert app.screen.warnings == []


def test_a_rollback_that_fails_after_it_fenced_somebody_off_says_so_as_ever() -> None:
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    app.ledger.ran("0.1.1-dev")
    held_by_ci(app)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        rollback(app, to="0.1.1-dev", preempt=True)


# -- in words ----------------------------------------------------------------------------------------------------------

SINCE = "run 4711 (octocat) has held dev since 2026-11-20 12:00 UTC"
STOPPED = f"{SINCE}; its heartbeat has stopped: deploy 0.1.1-dev: the hosts act. Its heartbeat stopped 10 min ago"


def refused(app: FakeApp, **changes: object) -> Held:
    with pytest.raises(Held) as caught:
        acquire(app, replace(claim(), **changes))  # type: ignore[arg-type]
    return caught.value


def test_whoever_may_fence_off_is_told_so_last() -> None:
    app = an_app()
    dead = f"inv unlock --env dev --id {held_by_ci(app)}"
    wait = f"Wait for it: inv deploy --artifact 0.1.0-dev --env dev --wait 10m\n       Or, if it is dead: {dead}"
    error = refused(app)
    assert isinstance(error, LeaseHeld)
    assert (error.seen, error.remedy) == (app.leases.look("dev"), wait)
    assert refused(app, urgent=True).remedy == (
        f"{wait}\n       Or take over, which cancels its operations in flight: "
        "inv deploy --artifact 0.1.0-dev --env dev --preempt"
    )


def test_what_is_not_known_to_be_dead_is_resumed_or_waited_for() -> None:
    app = an_app(given={"forge": FakeForge(Run("4711", RUN, "in_progress"))})
    id_ = held_by_ci(app, silent_for=600)
    app.hosts.running = {"c-1": id_, "c-2": id_}
    error = refused(app)
    assert error.what == f"{STOPPED}, but its SSM command c-1, SSM command c-2 still runs."
    assert error.remedy == (
        "Wait for its end, or resume it: inv resume --env dev\n"
        f"       Or, if it is really dead: inv unlock --env dev --id {id_}"
    )
    assert refused(app, urgent=True).remedy == (
        f"{error.remedy}\n       Or take over, which cancels its operations in flight: "
        "inv deploy --artifact 0.1.0-dev --env dev --preempt"
    )
    app.hosts.running = {}
    assert refused(app).what == f"{STOPPED}, but its CI run has not ended: {RUN}."


def test_a_runner_that_hangs_holds_up_nobody_who_goes_back_by_the_command_that_is_named() -> None:
    app = an_app(given={"forge": FakeForge(Run("4711", RUN, "in_progress"))})
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    held_by_ci(app, silent_for=600)
    with pytest.raises(Held) as caught:
        rollback(app, to="0.1.0-dev")
    assert caught.value.remedy.endswith("inv rollback --to 0.1.0-dev --env dev --preempt")
    assert rollback(app, to="0.1.0-dev", preempt=True).state == "healthy"


def test_a_forge_that_swallows_packets_does_not_hold_up_who_is_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Event()

    class Swallows(FakeForge):
        def run(self, run_id: str) -> Run:
            answered.wait(30)
            return super().run(run_id)

    monkeypatch.setattr("tagship.engine.acquire.BRIEFLY", 0.05)
    app = an_app(given={"forge": Swallows(Run("4711", RUN, "in_progress"))})
    dead = held_by_ci(app, silent_for=600)
    try:
        assert over(acquire(app, replace(claim(), urgent=True))) == dead
    finally:
        answered.set()
    assert app.screen.warnings[0].startswith(f"can't ask here whether {RUN} has ended")


def test_a_run_that_cannot_be_asked_is_said_with_what_else_is_known() -> None:
    app = an_app()
    id_ = held_by_ci(app, silent_for=600)
    found = acquire(app, claim())
    assert (found.record.fence, found.record.holder, found.record.ttl) == (2, "ada@laptop", 120)
    asked, taken = app.screen.warnings
    assert asked == (
        f"can't ask here whether {RUN} has ended; its heartbeat stopped 10 min ago and none "
        "of its operations is in flight, so it counts as dead"
    )
    assert taken == (
        f"taken over from run 4711 (octocat), deployment {id_}, last heartbeat 10 min ago "
        "(deploy 0.1.1-dev: the hosts act)"
    )


def test_a_living_holder_that_is_fenced_off_is_named() -> None:
    app = an_app(run_url="https://github.com/acme/hello/actions/runs/4712")
    id_ = held_by_ci(app, silent_for=5)
    found = acquire(app, replace(claim(), preempt=True, above=8))
    assert (found.record.fence, found.record.run_url) == (9, app.run_url)
    assert found.over
    assert found.over.record.deployment_id == id_
    assert app.screen.warnings == [
        f"fenced off run 4711 (octocat), deployment {id_}, last heartbeat 5.0 s ago (deploy 0.1.1-dev: the hosts act)"
    ]


def test_whoever_resumes_what_lives_is_told_to_look() -> None:
    app = an_app()
    error = refused(app, resume=held_by_ci(app))
    assert isinstance(error, LeaseHeld)
    assert error.seen == app.leases.look("dev")
    assert error.what == "run 4711 (octocat) has held dev (deploy 0.1.1-dev: the hosts act)."
    assert error.remedy == "See what it does: inv status --env dev"


def test_a_damaged_lease_is_written_again_or_by_whoever_is_urgent_fenced_off() -> None:
    app = an_app()
    app.leases.damaged["dev"] = b"half of it"
    plain = refused_unreadable(app)
    assert plain.startswith("If nobody deploys to dev, write it again: inv unlock --env dev --id damaged-")
    assert refused_unreadable(app, urgent=True) == (
        f"{plain}\n       Or take it over from its holder: inv deploy --artifact 0.1.0-dev --env dev --preempt"
    )


def refused_unreadable(app: FakeApp, **changes: object) -> str:
    with pytest.raises(LeaseUnreadable) as caught:
        acquire(app, replace(claim(), **changes))  # type: ignore[arg-type]
    return caught.value.remedy


def test_what_is_in_flight_is_looked_for_and_cancelled_where_the_holder_changes_something() -> None:
    tags = {"ec2": {"tags": {"Name": "x"}, "command": ["x"]}}
    table = {**environments(), "prod": {**tags}, "prodauto": {**tags, "lease_group": "prod"}}
    app = Asked(hosts=FakeTarget([machine("web-1")]), settings=settings(**{**VALUES, "environments": table}))
    record = app.leases.take("prodauto", holder="dependabot", run_url="", ttl=120)
    app.hosts.running = {"c-1": record.deployment_id}
    seen = app.leases.look("prod")
    assert seen
    stop_operations(app, "prod", seen)
    assert (set(app.targets), app.hosts.cancelled) == ({"prodauto"}, ["c-1"])


class Asked(FakeApp):
    """Remembers whose target was asked for."""

    targets: list[str]

    def target(self, environment: str) -> FakeTarget:
        self.targets = [*getattr(self, "targets", []), environment]
        return super().target(environment)


def test_what_is_resumed_is_the_environment_that_the_holder_changes() -> None:
    tags = {"ec2": {"tags": {"Name": "x"}, "command": ["x"]}}
    table = {**environments(), "prod": {**tags}, "prodauto": {**tags, "lease_group": "prod"}}
    app = an_app(settings=settings(**{**VALUES, "environments": table}))
    record = app.leases.take("prodauto", holder="dependabot", run_url="", ttl=120)
    app.clock.advance(600)
    app.hosts.running = {"c-1": record.deployment_id}
    with pytest.raises(Held, match="dependabot has held prodauto") as caught:
        acquire(app, claim("prod"))
    assert caught.value.remedy.startswith("Wait for its end, or resume it: inv resume --env prodauto\n")


def test_of_a_fenced_off_deployment_each_operation_is_ended_and_waited_for_a_minute_at_most() -> None:
    app = an_app()
    id_ = held_by_ci(app)
    seen = app.leases.look("dev")
    assert seen
    stop_operations(app, "dev", seen)
    assert (app.hosts.cancelled, app.screen.lines) == ([], [])
    app.hosts.running = {"c-1": id_, "c-2": id_}
    stopped = stop_operations(app, "dev", seen)
    assert [(operation.id, operation.running) for operation in stopped] == [("c-1", False), ("c-2", False)]
    assert app.hosts.cancelled == ["c-1", "c-2"]
    assert app.screen.lines == [
        "cancelling SSM command c-1, SSM command c-2 of run 4711 (octocat)",
        "waiting up to 60 s for its end",
    ]
    assert app.clock.slept == [0.5]
    app.hosts = Deaf(app.hosts.machines, running={"c-1": id_})
    app.clock.slept.clear()
    [deaf] = stop_operations(app, "dev", seen)
    assert (deaf.id, deaf.running) == ("c-1", True)
    assert sum(app.clock.slept) == 60


def test_what_cannot_be_cancelled_is_said_and_waited_for() -> None:
    """Who may not cancel, as a job of CI's may not: the command has its time, and the rollback goes on."""
    app = an_app()
    id_ = held_by_ci(app)
    app.hosts = Forbidden(app.hosts.machines, running={"c-1": id_})
    seen = app.leases.look("dev")
    assert seen
    [left] = stop_operations(app, "dev", seen)
    assert left.running
    assert app.screen.warnings == [
        "SSM command c-1 could not be cancelled, and goes on: AWS refused it (AccessDenied).",
        "SSM command c-1 is not seen to end within 60 s; this goes on",
    ]
    assert sum(app.clock.slept) == 60


@pytest.mark.parametrize("from_look", [1, 2])
def test_what_a_fenced_off_deployment_has_in_flight_may_not_be_askable(from_look: int) -> None:
    """Units refuse its fencing number: whoever goes back does not stay because SSM can't list commands."""
    app = an_app()
    deploy(app, artifact="0.1.0-dev")
    deploy(app, artifact="0.1.1-dev")
    id_ = held_by_ci(app)
    app.hosts = Unlisted(app.hosts.machines, running={"c-1": id_})
    app.hosts.from_look = from_look
    assert rollback(app, to="0.1.0-dev", preempt=True).state == "healthy"
    unasked = {
        1: "can't ask what run 4711 (octocat) has in flight, so nothing is cancelled: AWS refused it (AccessDenied).",
        2: "can't ask whether SSM command c-1 has ended: AWS refused it (AccessDenied).",
    }
    assert unasked[from_look] in app.screen.warnings


class Unlisted(FakeTarget):
    looks = 0
    from_look = 1

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        self.looks += 1
        if self.looks >= self.from_look:
            raise ServiceFailed("AWS refused it (AccessDenied).", remedy="Use another role.")
        return super().operations(deployment_id, since)


class Forbidden(FakeTarget):
    def cancel(self, operations: Sequence[Operation]) -> None:
        raise ServiceFailed("AWS refused it (AccessDenied).", remedy="Use another role.")


class Deaf(FakeTarget):
    """A target whose operations do not end when they are told to."""

    def cancel(self, operations: Sequence[Operation]) -> None:
        pass


def test_operations_are_looked_for_from_two_hours_before_the_id_was_given() -> None:
    app = an_app()
    since: list[datetime] = []

    def noted(_id: str, moment: datetime) -> list[Operation]:
        since.append(moment)
        return []

    app.hosts.operations = noted  # type: ignore[method-assign]
    record = app.leases.take("dev", holder="eve", run_url="", ttl=120)
    in_flight(app, "dev", record)
    in_flight(app, "dev", replace(record, deployment_id="by hand"))
    assert since == [datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(("state", "said"), [("completed", "ended"), ("in_progress", "lives"), ("", "unknown")])
def test_a_run_lives_until_it_has_ended(state: str, said: str) -> None:
    assert run_state(an_app(given={"forge": FakeForge(Run("4711", RUN, state))}), RUN) == said
    assert run_state(an_app(), RUN) == "unknown"
    asked: list[str] = []
    forge = FakeForge(Run("4711", RUN, state))
    forge.run = lambda run_id: asked.append(run_id) or Run(run_id, RUN, state)  # type: ignore[method-assign]
    assert (run_state(an_app(given={"forge": forge}), RUN), asked) == (said, ["4711"])
    assert run_state(an_app(given={"forge": FakeForge(Run("4711", RUN, state))}), "ada@laptop") == ""


def test_what_a_deployment_that_began_now_would_find() -> None:
    app = an_app()
    assert not_held(app, "dev", "inv deploy") == "nobody holds it"
    id_ = held_by_ci(app)
    with pytest.raises(Held) as caught:
        not_held(app, "dev", "inv deploy")
    assert caught.value.what == f"{SINCE}: deploy 0.1.1-dev: the hosts act."
    assert caught.value.remedy == (
        f"Wait for it: inv deploy --wait 10m\n       Or, if it is dead: inv unlock --env dev --id {id_}"
    )
    app.clock.advance(600)
    assert not_held(app, "dev", "inv deploy") == (
        "run 4711 (octocat) held it and died, last heartbeat 10 min ago; the next deployment takes it over"
    )
    app.hosts.running = {"c-1": id_}
    with pytest.raises(Held):
        not_held(app, "dev", "inv deploy")
    app.leases.release(app.leases.records["dev"][0])
    assert not_held(app, "dev", "inv deploy") == "nobody holds it"
