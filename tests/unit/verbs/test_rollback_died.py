"""A rollback whose runner died, or whose end can't be read: no screen leads to the bad version, and a way leads out."""

from __future__ import annotations

import pytest

from tagship.domain.deployment import Deployment
from tagship.domain.standing import marked_bad
from tagship.errors import Held, ServiceFailed, SettingsError
from tagship.verbs.deploy import deploy
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.death import cut_off, die
from tests.fakes.target import FakeTarget, machine

OLDEST, GOOD, BAD = "0.1.28-dev", "0.1.29-dev", "0.1.30-dev"
WEBS = ("web-1", "web-2", "web-3")


def an_incident() -> FakeApp:
    """Three hosts, changed one by one, that run BAD."""
    table = environments(ec2={"rollout": {"max_concurrency": "1"}})
    app = FakeApp(settings=settings(environments=table), hosts=FakeTarget([machine(name) for name in WEBS]))
    for version in (OLDEST, GOOD, BAD):
        app.publish(version)
        deploy(app, artifact=version)
        app.clock.advance(60)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def killed_at_one_of_three(to: str = GOOD) -> FakeApp:
    app = an_incident()
    app.hosts.during = die
    with cut_off(app):
        rollback(app, to=to)
    app.screen.lines.clear()
    assert sorted(app.hosts.serving.values()) == sorted([to, BAD, BAD])
    return app


def last(app: FakeApp) -> Deployment:
    return app.ledger.deployments("dev")[-1]


def damage(app: FakeApp, state: str) -> None:
    """Somebody spoils the newest deployment's entry of that state."""
    [spoilt] = [entry for entry in last(app).entries if entry.state == state]
    app.ledger.entries.remove(spoilt)
    app.ledger.cannot_read.append(f"hello/_ledger/dev/{spoilt.deployment_id}/{spoilt.number}-{state}.json")
    app.screen.lines.clear()


# -- killed ------------------------------------------------------------------------------------------------------------


def test_status_names_where_the_rollback_was_going_and_not_what_it_was_leaving() -> None:
    app = killed_at_one_of_three()
    [found] = status(app)
    assert (found.artifact, found.resume, found.back) == (BAD, "inv resume --env dev", GOOD)
    assert "  to end it:           inv resume --env dev" in app.screen.lines
    assert f"  or to what was good: inv rollback --to {GOOD} --env dev" in app.screen.lines
    assert f"--to {BAD}" not in app.screen.text
    assert f"{BAD} is marked bad: ada@laptop began to roll back from it" in app.screen.text


def test_where_it_was_going_counts_although_another_was_healthy_later() -> None:
    [found] = status(killed_at_one_of_three(to=OLDEST))
    assert found.back == OLDEST


def test_resume_ends_it_on_the_other_hosts() -> None:
    app = killed_at_one_of_three()
    assert resume(app).state == "healthy"
    assert set(app.hosts.serving.values()) == {GOOD}
    assert marked_bad(app.ledger.deployments("dev")) == {BAD}
    assert [found.back for found in status(app)] == [""]


def test_an_unnamed_rollback_goes_where_it_was_going_and_a_good_version_is_not_marked_bad() -> None:
    app = killed_at_one_of_three(to=OLDEST)
    assert rollback(app, yes=True).plan.artifact_id == OLDEST
    assert marked_bad(app.ledger.deployments("dev")) == {BAD}


def test_going_to_yet_another_version_marks_what_the_ledger_says_was_left_and_not_where_one_host_was() -> None:
    app = killed_at_one_of_three()
    assert rollback(app, to=OLDEST).state == "healthy"
    assert last(app).last.replaced == BAD
    assert marked_bad(app.ledger.deployments("dev")) == {BAD}


def test_where_the_public_key_is_missing_status_says_what_it_cannot_tell_and_all_else() -> None:
    app = killed_at_one_of_three()

    def no_key(*_: object) -> None:
        raise SettingsError("There is no release.pub.pem.", remedy="Get it.")

    app.verifier.verify = no_key  # type: ignore[method-assign]
    [found] = status(app)
    assert (found.artifact, found.back, found.resume) == (BAD, "", "inv resume --env dev")
    assert "can't tell what dev can go back to: There is no release.pub.pem." in app.screen.warnings


# -- damaged -----------------------------------------------------------------------------------------------------------


def rolled_back() -> FakeApp:
    app = an_incident()
    rollback(app, to=GOOD)
    return app


def test_status_says_of_a_damaged_end_how_it_is_ended_and_names_no_bad_version() -> None:
    app = rolled_back()
    damage(app, "healthy")
    [found] = status(app)
    assert (found.unread, found.back) == ("some", GOOD)
    assert "  to end it by what runs: inv resume --env dev" in app.screen.lines
    assert f"--to {BAD}" not in app.screen.text


def test_a_rollback_to_the_version_whose_end_is_unreadable_is_not_said_to_take_it_back() -> None:
    app = rolled_back()
    damage(app, "healthy")
    rollback(app, to=GOOD, env="dev")
    begun = f"rollback of {GOOD} by ada@laptop"
    assert f"no end can be read: {begun}; this goes to that version too" in app.screen.lines
    assert "taken back" not in app.screen.text


def test_a_rollback_to_where_a_dead_one_was_going_says_so_and_any_other_takes_it_back() -> None:
    app = killed_at_one_of_three()
    rollback(app, to=OLDEST, dry_run=True)
    assert f"not ended: rollback of {GOOD} by ada@laptop; it is taken back" in app.screen.lines
    [headline] = [line for line in app.screen.lines if line.startswith(f"rollback {OLDEST} on dev, in place of ")]
    assert headline.endswith(f" and of the unfinished {GOOD}")
    rollback(app, to=GOOD, dry_run=True)
    assert f"not ended: rollback of {GOOD} by ada@laptop; this goes to that version too" in app.screen.lines


def test_resume_records_what_every_host_runs_and_sends_nothing() -> None:
    app = rolled_back()
    damage(app, "healthy")
    before = len(app.hosts.sent)
    assert resume(app).state == "healthy"
    assert [action for action, _, _ in app.hosts.sent[before:]] == ["status"]
    assert (last(app).state, last(app).last.number, last(app).last.replaced) == ("healthy", 4, BAD)
    app.screen.lines.clear()
    [found] = status(app)
    assert (found.artifact, found.unfinished, found.drifted) == (GOOD, "", False)
    seen = app.leases.look("dev")
    assert seen is not None
    assert not seen.record.holder


def test_resume_of_one_that_not_every_host_runs_ends_it_too_and_its_remedy_leads_out() -> None:
    app = rolled_back()
    damage(app, "healthy")
    app.hosts.machines[2].serving = BAD
    with pytest.raises(ServiceFailed) as caught:
        resume(app)
    assert caught.value.remedy.startswith(f"Go to what was good: inv rollback --to {GOOD} --env dev")
    assert rollback(app, to=GOOD, env="dev").state == "healthy"
    assert set(app.hosts.serving.values()) == {GOOD}
    assert last(app).ended


def test_what_still_acts_is_not_recorded_as_ended() -> None:
    app = rolled_back()
    damage(app, "healthy")
    app.hosts.running = {"command-9": last(app).id}
    with pytest.raises(Held) as caught:
        resume(app)
    assert caught.value.remedy == "Once it has ended: inv resume --env dev --wait 10m"
    assert not last(app).ended


def test_if_nothing_of_the_newest_can_be_read_status_offers_to_record_what_runs_and_no_heal() -> None:
    app = rolled_back()
    for state in ("requested", "started", "healthy"):
        damage(app, state)
    [found] = status(app)
    assert (found.artifact, found.unread) == (BAD, "all")
    assert "inv heal" not in app.screen.text
    assert f"to record what every host runs: inv rollback --to {GOOD} --env dev" in app.screen.lines
    assert rollback(app, to=GOOD, env="dev").state == "healthy"
    app.screen.lines.clear()
    [found] = status(app)
    assert (found.artifact, found.unread, found.drifted) == (GOOD, "", False)


def test_a_host_that_lags_is_not_healed_to_a_version_that_is_marked_bad() -> None:
    app = killed_at_one_of_three()
    deploy(app, artifact=BAD, allow_bad=True)
    app.hosts.machines[2].serving = GOOD
    app.screen.lines.clear()
    status(app)
    assert "inv heal" not in app.screen.text
    assert f"to go back to what was good: inv rollback --to {GOOD} --env dev" in app.screen.lines
