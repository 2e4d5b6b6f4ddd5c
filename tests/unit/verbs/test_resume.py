"""deploy --resume: what a dead runner began is ended as it would have ended it, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tagship.domain.change import Change
from tagship.domain.deployment import Deployment
from tagship.domain.units import Operation, Unit
from tagship.errors import DeployFailed, Held, LeaseLost, Refused, ServiceFailed, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.lock import lock
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.death import Died, cut_off, die
from tests.fakes.target import FakeTarget, Machine, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def running_old(*machines: Machine, **fleet: object) -> FakeApp:
    """OLD is deployed and healthy on every host, and NEW is published."""
    waiting = [one.answers.copy() for one in machines]
    for one in machines:
        one.answers.clear()
    app = FakeApp(hosts=FakeTarget(list(machines) or [machine("web-1")]))
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    for one, answers in zip(machines, waiting, strict=True):
        one.answers = answers
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return replace(app, settings=settings(environments=environments(ec2={"rollout": fleet}))) if fleet else app


@contextmanager
def dying(app: FakeApp) -> Iterator[None]:
    """What happens in here is cut off by a death; then somebody else is at work."""
    with cut_off(app):
        yield
    app.who = "grace@desk"


def died_while_hosts_act(*machines: Machine) -> FakeApp:
    app = running_old(*machines)
    app.hosts.during = die
    with dying(app):
        deploy(app, artifact=NEW)
    return app


def died_before_sending(app: FakeApp) -> FakeApp:
    app.hosts.asking = die
    with dying(app):
        deploy(app, artifact=NEW)
    return app


def last(app: FakeApp) -> Deployment:
    return app.ledger.deployments("dev")[-1]


def states(app: FakeApp) -> list[str]:
    return [one.state for one in last(app).entries]


def is_free(app: FakeApp) -> bool:
    seen = app.leases.look("dev")
    return seen is None or not seen.record.holder


def sent(app: FakeApp, action: str = "deploy") -> list[tuple[str, str, list[str]]]:
    return [one for one in app.hosts.sent if one[0] == action]


# -- it goes on --------------------------------------------------------------------------------------------------------


def test_what_was_sent_is_waited_for_and_not_sent_again() -> None:
    app = died_while_hosts_act()
    before = last(app)
    assert before.state == "started"
    assert before.last.details["operations"] == ["SSM command command-1"]
    result = resume(app)
    assert (result.state, result.deployment_id) == ("healthy", before.id)
    assert sent(app) == [("deploy", NEW, ["web-1"])]
    assert states(app) == ["requested", "started", "started", "healthy"]
    assert is_free(app)
    assert app.screen.lines[-1] == f"{NEW} is healthy on dev (web-1) 0.0 s after it was resumed"


def test_the_ledger_says_who_took_it_up_and_the_fence_rises() -> None:
    app = died_while_hosts_act()
    fence = last(app).last.fence
    resume(app)
    taken, healthy = last(app).entries[-2:]
    assert (taken.who, taken.fence, taken.number) == ("grace@desk", fence + 1, 3)
    assert healthy.replaced == OLD
    assert app.hosts.asked[0][0].fence == fence


def test_the_lease_and_the_ledger_have_the_ids_before_anything_waits() -> None:
    app = running_old()
    seen: list[tuple[tuple[str, ...], list[str]]] = []

    def look(_: Change) -> None:
        record = app.leases.look("dev")
        assert record
        seen.append((record.record.operations, last(app).last.details["operations"]))

    app.hosts.during = look
    deploy(app, artifact=NEW)
    assert seen == [(("SSM command command-1",), ["SSM command command-1"])]


def test_where_nothing_was_sent_it_is_sent() -> None:
    app = died_before_sending(running_old())
    assert states(app) == ["requested"]
    assert resume(app).state == "healthy"
    assert sent(app) == [("deploy", NEW, ["web-1"])]
    assert states(app) == ["requested", "started", "healthy"]
    assert "nothing was sent to any host yet: starting now" in app.screen.lines
    assert app.hosts.asked[0][0].fence == last(app).last.fence == last(app).first.fence + 1


def test_a_command_whose_id_never_came_back_is_found_and_not_sent_again() -> None:
    app = running_old()
    start = app.hosts.start

    def lost(change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        start(change, units)
        raise Died

    app.hosts.start = lost  # type: ignore[method-assign]
    with dying(app):
        deploy(app, artifact=NEW)
    app.hosts.start = start  # type: ignore[method-assign]
    assert states(app) == ["requested"]
    assert resume(app).state == "healthy"
    assert len(sent(app)) == 1
    assert last(app).entries[1].details["operations"] == ["SSM command command-1"]


def test_what_was_sent_is_found_although_the_targets_clock_is_an_hour_behind() -> None:
    app = died_while_hosts_act()
    began = datetime.fromisoformat(last(app).first.at)
    every = app.hosts.operations

    def since(deployment_id: str, since: datetime) -> Sequence[Operation]:
        return every(deployment_id, since) if since <= began - timedelta(hours=1) else []

    app.hosts.operations = since  # type: ignore[method-assign]
    assert resume(app).state == "healthy"
    assert len(sent(app)) == 1


def test_hosts_that_were_told_nothing_yet_are_told_and_the_others_are_not_told_again() -> None:
    app = running_old(machine("web-1"), machine("web-2"), machine("web-3"), max_concurrency="1")
    seen: list[Change] = []

    def second(change: Change) -> None:
        seen.append(change)
        if len(seen) == 2:
            raise Died

    app.hosts.during = second
    with dying(app):
        deploy(app, artifact=NEW)
    assert resume(app).state == "healthy"
    names = "SSM command command-1, SSM command command-2"
    assert f"already sent to 2 of 3 hosts ({names}); it is not sent to them again" in app.screen.lines
    assert [names for _, _, names in sent(app)] == [["web-1"], ["web-2"], ["web-3"]]
    assert set(app.hosts.serving.values()) == {NEW}
    fences = [order.fence for order, _ in app.hosts.asked if order.action == "deploy"]
    assert fences[0] == fences[1] < fences[2]


def test_a_rollback_is_taken_up_too() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    app.hosts.asked.clear()
    app.hosts.during = die
    with dying(app):
        rollback(app, to=OLD)
    result = resume(app)
    assert (result.plan.action, result.plan.artifact_id, result.state) == ("rollback", OLD, "healthy")
    assert len(sent(app, "rollback")) == 1
    assert last(app).last.replaced == NEW


def test_a_dry_run_shows_what_it_would_take_up_and_stops() -> None:
    app = died_while_hosts_act()
    app.screen.lines.clear()
    assert resume(app, dry_run=True).state == "planned"
    assert app.screen.lines[0].startswith(
        f"resuming deployment {last(app).id} (started), begun by ada@laptop on 2026-11-20 12:00 UTC"
    )
    assert states(app) == ["requested", "started"]


def test_without_an_environment_it_is_the_one_that_has_not_ended() -> None:
    app = died_while_hosts_act()
    two = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = replace(app, settings=settings(environments=two))
    assert resume(app).plan.environment == "dev"


# -- or is put back ----------------------------------------------------------------------------------------------------


def test_a_host_that_failed_is_a_failed_deployment() -> None:
    app = died_while_hosts_act(machine("web-1", "", "failed"))
    with pytest.raises(DeployFailed) as caught:
        resume(app)
    assert caught.value.state == f"{OLD} is serving."
    assert states(app) == ["requested", "started", "started", "failed", "rolled-back"]
    assert len(sent(app)) == 1
    assert is_free(app)


def test_hosts_that_were_changed_are_put_back_where_another_failed() -> None:
    app = died_while_hosts_act(machine("web-1"), machine("web-2", "", "failed"))
    with pytest.raises(DeployFailed):
        resume(app)
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}
    assert sent(app, "rollback") == [("rollback", OLD, ["web-1"])]


def test_putting_back_that_had_begun_is_ended_and_nothing_is_rolled_out() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.during = lambda order: die(order) if order.action == "rollback" else None
    with dying(app):
        deploy(app, artifact=NEW)
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}
    with pytest.raises(DeployFailed):
        resume(app)
    assert len(sent(app)) == 1
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}
    assert states(app)[-1] == "rolled-back"


def test_putting_back_that_was_cut_short_is_ended() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.asking = lambda order: down(order) if order.action == "rollback" else None
    with pytest.raises(Exception, match="putting it back was cut short"):
        deploy(app, artifact=NEW)
    assert states(app)[-1] == "failed"
    app.hosts.asking = lambda _: None
    with pytest.raises(DeployFailed):
        resume(app)
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}
    assert states(app)[-1] == "rolled-back"


def test_a_host_that_was_healthy_then_and_is_not_now_is_not_called_healthy() -> None:
    app = died_while_hosts_act()
    app.hosts.machines[0].serving = ""
    with pytest.raises(DeployFailed):
        resume(app)


# -- refused -----------------------------------------------------------------------------------------------------------


def test_a_second_one_is_refused_while_the_first_is_at_it() -> None:
    app = died_while_hosts_act()
    refused: list[Held] = []

    def again(_: Change) -> None:
        app.hosts.during = lambda _: None
        with pytest.raises(Held) as caught:
            resume(app)
        refused.append(caught.value)

    app.hosts.during = again
    assert resume(app).state == "healthy"
    assert "grace@desk has held dev" in refused[0].what
    with pytest.raises(Refused) as caught:
        resume(app)
    assert caught.value.what == "There is no unfinished deployment of dev."
    assert len(sent(app)) == 1


def test_of_two_that_found_it_dead_the_second_meets_a_living_lease() -> None:
    app = died_while_hosts_act()
    look, looks = app.leases.look, [0]

    def late(environment: str) -> object:
        """Both see the dead lease; the other one takes it before this one does."""
        looks[0] += 1
        if looks[0] == 2:
            dead = last(app).id
            app.leases.look = look  # type: ignore[method-assign]
            app.leases.take("dev", holder="eve@desk", run_url="", ttl=120, deployment_id=dead, over=dead)
        return look(environment)

    app.leases.look = late  # type: ignore[assignment,method-assign]
    with pytest.raises(Held) as caught:
        resume(app)
    assert "eve@desk" in caught.value.what


def test_a_deployment_that_lives_is_not_taken_up() -> None:
    app = running_old()
    app.leases.let_go = lambda _: None  # type: ignore[assignment,method-assign]
    app.hosts.during = die
    with pytest.raises(Died):
        deploy(app, artifact=NEW)
    app.clock.advance(30)
    with pytest.raises(Held) as caught:
        resume(app)
    assert "last heartbeat was 30 s ago" in caught.value.what
    assert "inv resume --env dev" in caught.value.remedy
    assert f"inv unlock --env dev --id {last(app).id}" in caught.value.remedy


def test_nothing_is_sent_for_what_a_later_tagship_may_have_ended_and_its_end_stands_for_whoever_reads_it() -> None:
    app = died_while_hosts_act()
    dead = last(app)
    app.ledger.cannot_read.append(f"hello/_ledger/dev/{dead.id}/3-rolled-back.json")
    app.hosts.machines[0].serving = OLD
    before = len(app.hosts.sent)
    with pytest.raises(ServiceFailed) as caught:
        resume(app, env="dev")
    assert f"Can't tell how deployment {dead.id} of dev ended: some of its entries can't be read" in caught.value.what
    assert caught.value.state == f"It is recorded as abandoned. {OLD} is serving."
    assert caught.value.remedy == f"Bring each host to {OLD}: inv heal --env dev"
    assert [action for action, _, _ in app.hosts.sent[before:]] == ["status"]
    theirs = replace(dead.last, number=3, state="failed"), replace(dead.last, number=3, state="rolled-back")
    app.ledger.entries += theirs
    assert (last(app).state, last(app).void[-1].state) == ("rolled-back", "abandoned")


def test_a_later_deployment_records_one_whose_end_cannot_be_read_as_abandoned_after_what_is_there() -> None:
    app = died_while_hosts_act()
    dead = last(app)
    app.ledger.cannot_read.append(f"hello/_ledger/dev/{dead.id}/3-healthy.json")
    app.publish("0.1.99-dev")
    deploy(app, artifact="0.1.99-dev")
    ended = app.ledger.deployments("dev")[-2]
    assert (ended.id, ended.state, ended.last.number) == (dead.id, "abandoned", 4)
    assert ended.last.reason.startswith("its end can't be read before deployment")
    app.ledger.append(replace(dead.last, number=3, state="healthy"))
    assert app.ledger.deployments("dev")[-2].state == "healthy"


def test_a_lease_that_has_to_expire_first_is_waited_for() -> None:
    app = running_old()
    app.leases.let_go = lambda _: None  # type: ignore[assignment,method-assign]
    app.hosts.during = die
    with pytest.raises(Died):
        deploy(app, artifact=NEW)
    app.hosts.during = lambda _: None
    shown = len(app.screen.lines)
    with pytest.raises(Held):
        resume(app, wait="90s")
    assert app.screen.lines[shown + 1 :] == ["waiting up to 2 min for its lease to expire", "looking at its lease"]
    assert resume(app, wait="2m").state == "healthy"


def test_a_lease_that_was_broken_is_as_good_as_expired() -> None:
    app = running_old()
    app.hosts.during = die
    with pytest.raises(Died):
        deploy(app, artifact=NEW)
    app.hosts.during = lambda _: None
    app.leases.break_("dev", last(app).id)
    assert resume(app, env="dev").state == "healthy"


def test_nothing_to_take_up_is_refused() -> None:
    with pytest.raises(Refused):
        resume(running_old())


def test_two_environments_that_wait_must_be_told_apart() -> None:
    app = died_while_hosts_act()
    theirs = [replace(one, environment="prod") for one in last(app).entries]
    app.ledger.entries += theirs
    two = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = replace(app, settings=settings(environments=two))
    with pytest.raises(UsageError) as caught:
        resume(app)
    assert "dev and prod" in caught.value.what


# -- what comes after --------------------------------------------------------------------------------------------------


def test_a_later_deployment_records_the_dead_one_as_abandoned() -> None:
    app = died_while_hosts_act()
    dead = last(app).id
    app.publish("0.1.31-dev")
    result = deploy(app, artifact="0.1.31-dev")
    *_, before, now = app.ledger.deployments("dev")
    assert (before.id, before.state, before.last.who) == (dead, "abandoned", "grace@desk")
    assert result.deployment_id in before.last.reason
    assert now.state == "healthy"
    with pytest.raises(Refused):
        resume(app)


def test_a_runner_that_was_only_thought_dead_writes_nothing_over_the_one_that_took_it_up() -> None:
    app = running_old(machine("web-1"), machine("web-2"), max_concurrency="1")

    def asleep(_: Change) -> None:
        app.hosts.during = lambda _: None
        app.clock.advance(121)
        assert resume(app).state == "healthy"

    app.hosts.during = asleep
    with pytest.raises(LeaseLost):
        deploy(app, artifact=NEW)
    assert last(app).state == "healthy"
    assert "abandoned" not in states(app)


def test_one_that_cannot_be_taken_up_now_is_left_for_the_next() -> None:
    app = died_while_hosts_act()
    ask = app.hosts.operations
    app.hosts.operations = lambda *_: down(_)  # type: ignore[assignment,method-assign]
    with pytest.raises(ServiceFailed):
        resume(app)
    assert states(app) == ["requested", "started"]
    assert is_free(app)
    app.hosts.operations = ask  # type: ignore[method-assign]
    assert resume(app).state == "healthy"


def test_a_ledger_that_cannot_be_told_of_the_start_holds_nothing_up() -> None:
    app = running_old()
    app.ledger.before = lambda entry: down(entry) if entry.state == "started" else None
    assert deploy(app, artifact=NEW).state == "healthy"
    assert states(app) == ["requested", "healthy"]
    assert "could not record" in app.screen.warnings[-1]


def down(_: object) -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Try again.")


# -- who says that it is dead ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", [status, lock])
def test_status_and_lock_say_that_it_is_dead_and_the_command(look: Callable[[FakeApp], object]) -> None:
    app = died_while_hosts_act()
    app.screen.lines.clear()
    look(app)
    assert "inv resume --env dev" in app.screen.text


@pytest.mark.parametrize("look", [status, lock])
def test_what_is_said_of_a_dead_one_fits_eighty_columns(look: Callable[[FakeApp], object]) -> None:
    app = died_while_hosts_act()
    app.screen.lines.clear()
    look(app)
    assert [one for one in app.screen.lines if len(one) > 80] == []


def test_the_way_back_that_status_offers_beside_it_goes_back() -> None:
    app = died_while_hosts_act()
    [found] = status(app)
    assert f"  or to what was good: inv rollback --to {OLD} --env dev" in app.screen.lines
    assert [one.drift for one in found.units] == [f"the ledger says {OLD}"]
    assert app.screen.tables[-1][1][0][3] == "by the unfinished deployment"
    assert rollback(app, to=OLD, env="dev").state == "healthy"
    assert app.hosts.serving == {"web-1": OLD}
    assert [one.state for one in app.ledger.deployments("dev")[-2:]] == ["abandoned", "healthy"]


def test_status_says_of_a_living_one_that_it_goes_on() -> None:
    app = running_old()
    app.leases.let_go = lambda _: None  # type: ignore[assignment,method-assign]
    app.hosts.during = die
    with pytest.raises(Died):
        deploy(app, artifact=NEW)
    app.hosts.during = lambda _: None
    [found] = status(app)
    assert found.resume == ""
    assert "--resume" not in app.screen.text
    app.clock.advance(121)
    [found] = status(app)
    assert found.resume == "inv resume --env dev"


def test_a_heal_with_nothing_to_do_names_the_deployment_that_has_not_ended() -> None:
    app = died_before_sending(running_old())
    with pytest.raises(Refused) as refused:
        heal(app)
    assert "Every host of dev runs 0.1.29-dev: there is nothing to heal." in refused.value.what
    assert "0.1.30-dev" in refused.value.what
    assert refused.value.what.endswith(" UTC has not ended.")
    assert refused.value.remedy == "If its runner died, end it: inv resume --env dev --wait 10m"
    assert app.hosts.serving == {"web-1": OLD}
