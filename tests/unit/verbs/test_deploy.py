"""deploy: every ending, what is said of it, and what is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from tagship.domain.deployment import Entry, serving
from tagship.domain.lease import LeaseRecord
from tagship.domain.standing import rollback_candidates
from tagship.domain.units import Report
from tagship.errors import (
    ArtifactError,
    ArtifactMissing,
    DeployFailed,
    Held,
    Interrupted,
    LeaseLost,
    NotAuthentic,
    Refused,
    RollbackFailed,
    ServiceFailed,
    SettingsError,
    TagshipError,
    Unheard,
    UsageError,
)
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, Machine, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"


def an_app(*machines: Machine) -> FakeApp:
    """dev with these hosts; OLD and NEW are published."""
    app = FakeApp(hosts=FakeTarget(list(machines) or [machine("web-1")]))
    app.publish(OLD, NEW)
    return app


def running_old(*machines: Machine) -> FakeApp:
    """OLD was deployed and is healthy on every host."""
    app = an_app(*machines)
    waiting = [one.answers.copy() for one in app.hosts.machines]
    for one in app.hosts.machines:
        one.answers.clear()
    deploy(app, artifact=OLD)
    for one, answers in zip(app.hosts.machines, waiting, strict=True):
        one.answers = answers
    app.ledger.entries = app.ledger.entries[-3:]
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def states(app: FakeApp, artifact: str = NEW) -> list[str]:
    return [one.state for one in app.ledger.entries if one.artifact_id == artifact]


def is_free(app: FakeApp) -> bool:
    seen = app.leases.look("dev")
    return seen is None or not seen.record.holder


# -- all is well -------------------------------------------------------------------------------------------------------


def test_deploys_to_every_host_and_says_healthy_by_their_word() -> None:
    app = running_old(machine("web-1"), machine("web-2"))
    result = deploy(app, artifact=NEW)
    assert result.state == "healthy"
    assert app.hosts.serving == {"web-1": NEW, "web-2": NEW}
    assert app.screen.lines[-2] == f"{NEW} is healthy on dev (web-1, web-2) after 0.0 s"
    assert states(app) == ["requested", "started", "healthy"]
    assert is_free(app)


def test_the_plan_is_shown_before_anything_happens() -> None:
    app = running_old()
    app.hosts.asking = lambda _: pytest.fail("a dry run sends nothing")
    result = deploy(app, artifact=NEW, dry_run=True)
    assert result.state == "planned"
    assert f"deploy {NEW} on dev, in place of {OLD}" in app.screen.lines
    assert app.screen.tables[-1][1] == [["web-1", "i-00000000000000001", OLD, NEW]]
    assert states(app) == []
    assert is_free(app)


def test_the_plan_and_the_result_are_data_as_well() -> None:
    app = running_old()
    data = deploy(app, artifact=NEW).as_data()
    app.screen.data(data)
    assert data["state"] == "healthy"
    assert data["replaces"] == OLD
    assert app.screen.documents[-1]["reports"][0]["serving"] == NEW  # type: ignore[index]


def test_the_ledger_keeps_who_what_it_replaced_the_fence_and_each_hosts_word() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    last = app.ledger.entries[-1]
    assert (last.who, last.replaced, last.fence, last.action) == ("ada@laptop", OLD, 2, "deploy")
    assert last.details["units"][0] | {"durations": {}, "health": {}} == {
        "unit": "i-00000000000000001",
        "outcome": "healthy",
        "artifact_id": NEW,
        "serving": NEW,
        "previous": OLD,
        "reason": "",
        "durations": {},
        "health": {},
        "unsigned": False,
    }


def test_what_was_replaced_is_the_hosts_own_word_where_the_ledger_is_wrong() -> None:
    app = running_old()
    app.hosts.machines[0].serving = "0.1.7-dev"
    deploy(app, artifact=NEW)
    assert app.ledger.entries[-1].replaced == "0.1.7-dev"


def test_deploying_twice_does_the_work_once() -> None:
    app = running_old()
    first = deploy(app, artifact=NEW)
    app.hosts.asked.clear()
    result = deploy(app, artifact=NEW)
    assert (result.state, result.deployment_id) == ("unchanged", first.deployment_id)
    assert app.screen.lines[-1] == f"{NEW} is running on dev already: every host confirms it"
    assert [order.action for order, _ in app.hosts.asked] == ["status"]
    assert states(app) == ["requested", "started", "healthy"]


def test_what_the_ledger_says_is_running_and_a_host_does_not_run_is_deployed_again() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    app.hosts.machines[0].serving = OLD
    assert deploy(app, artifact=NEW).state == "healthy"
    assert app.hosts.serving == {"web-1": NEW}
    assert app.ledger.entries[-1].replaced == OLD


def test_what_is_running_and_hosts_that_boot_would_not_start_is_deployed_again() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    app.hosts.commits.clear()
    assert deploy(app, artifact=NEW).state == "healthy"
    assert not app.hosts.uncommitted(NEW)


def test_what_is_running_is_not_said_to_be_while_somebody_changes_it() -> None:
    app = running_old()
    app.leases.take("dev", holder="run 4711 (octocat)", deployment_id="theirs", run_url="", ttl=120)
    with pytest.raises(Held):
        deploy(app, artifact=OLD)


def test_every_order_carries_ids_digests_and_the_leases_fencing_number() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    order = app.hosts.asked[-1][0]
    assert (order.action, order.artifact_id, order.fence) == ("deploy", NEW, 2)
    assert len(order.manifest_sha256) == 64
    assert order.deployment_id == app.ledger.entries[-1].deployment_id


# -- which artifact, which environment ---------------------------------------------------------------------------------


def test_in_ci_the_pushed_tag_says_which_version() -> None:
    app = an_app()
    app.ci.tag = NEW
    assert deploy(app).plan.artifact_id == NEW


def test_without_a_tag_and_without_a_name_it_asks_for_one() -> None:
    with pytest.raises(UsageError) as caught:
        deploy(untagged())
    assert caught.value.remedy == "Find one: inv versions --env dev"


def untagged() -> FakeApp:
    app = an_app()
    app.given["repository"] = FakeRepository()
    return app


def test_a_suffix_of_no_environment_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        deploy(an_app(), artifact="0.1.30-prod")
    assert caught.value.exit_code == 2
    assert "'prod' belongs to no environment" in caught.value.what
    assert caught.value.remedy == "Name the environment: --env dev"


def test_a_suffix_of_two_environments_must_be_told_apart() -> None:
    dev = environments()["dev"]
    two = {"dev": dev, "dev-eu": {**dev, "suffix": "dev", "branch": "eu"}}
    app = replace(an_app(), settings=settings(environments=two))
    with pytest.raises(SettingsError) as caught:
        deploy(app, artifact=NEW)
    assert "dev and dev-eu" in caught.value.what
    assert deploy(app, artifact=NEW, env="dev").state == "healthy"


def test_an_untagged_build_needs_its_environment_named() -> None:
    app = an_app()
    with pytest.raises(UsageError) as caught:
        deploy(app, artifact="622d2103-20250820-124500")
    assert caught.value.remedy == "Name it: --version 622d2103-20250820-124500 --env dev"


@pytest.mark.parametrize(
    "text", ["0.1.30-dev; rm -rf /", "0.1.30-dev\n", "\u0660.\u0661.\u0663\u0660-dev", "9" * 300, "../../etc/passwd"]
)
def test_what_is_no_version_reaches_nothing(text: str) -> None:
    app = untagged()
    with pytest.raises(UsageError):
        deploy(app, artifact=text)
    assert app.hosts.asked == []


# -- refused before anything is changed --------------------------------------------------------------------------------


def nothing_changed(app: FakeApp, artifact: str = NEW) -> None:
    assert app.hosts.asked == []
    assert states(app, artifact) == []
    assert is_free(app)


def test_refuses_an_artifact_that_is_not_there() -> None:
    app = untagged()
    app.remove(NEW)
    with pytest.raises(ArtifactMissing):
        deploy(app, artifact=NEW)
    nothing_changed(app)


def test_refuses_a_manifest_altered_by_one_byte() -> None:
    app = an_app()
    key = f"hello/dev/{NEW}/manifest.json"
    there = app.store.objects[key]
    app.store.objects[key] = replace(there, body=there.body.replace(b'"branch": "dev"', b'"branch": "dew"'))
    with pytest.raises(NotAuthentic):
        deploy(app, artifact=NEW)
    nothing_changed(app)


def test_refuses_a_host_that_is_offline_naming_it() -> None:
    app = an_app(machine("web-1"), machine("web-2", online=False))
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=NEW)
    assert "1 of 2 hosts of dev cannot be reached: web-2 (i-00000000000000002)" in caught.value.what
    assert "ConnectionLost" in caught.value.what
    nothing_changed(app)


def test_refuses_where_no_host_matches() -> None:
    app = an_app()
    app.hosts.machines.clear()
    with pytest.raises(Refused):
        deploy(app, artifact=NEW)
    nothing_changed(app)


def test_refuses_a_version_older_than_the_one_that_runs() -> None:
    app = an_app()
    deploy(app, artifact=NEW)
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=OLD)
    assert caught.value.what == f"{OLD} is older than {NEW}, which dev runs."
    assert f"inv rollback --to {OLD}" in caught.value.remedy
    assert deploy(app, artifact=OLD, allow_older=True).state == "healthy"


def test_only_a_persons_order_goes_backward_and_healing_after_it_goes_there_too() -> None:
    """A host takes no older version from another order."""
    app = an_app()
    deploy(app, artifact=NEW, allow_older=True)
    assert not app.hosts.asked[-1][0].backward, "nothing ran there: it is not older"
    deploy(app, artifact=OLD, allow_older=True)
    assert app.hosts.asked[-1][0].backward
    assert app.ledger.deployments("dev")[-1].backward
    app.hosts.machines[0].serving = NEW
    heal(app)
    sent = [change for change, _ in app.hosts.asked if change.action == "deploy"]
    assert (sent[-1].artifact_id, sent[-1].backward) == (OLD, True)
    deploy(app, artifact=NEW)
    assert not app.hosts.asked[-1][0].backward
    app.hosts.machines[0].serving = OLD
    heal(app)
    assert not [change for change, _ in app.hosts.asked if change.action == "deploy"][-1].backward


def test_refuses_while_somebody_else_holds_the_environment() -> None:
    app = an_app()
    app.leases.take("dev", holder="run 4711 (octocat)", deployment_id="theirs", run_url="", ttl=120)
    with pytest.raises(Held) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 4
    assert "run 4711 (octocat)" in caught.value.what
    assert "inv unlock --env dev --id theirs" in caught.value.remedy
    assert app.hosts.asked == []
    assert states(app) == []
    assert not is_free(app)


def test_an_untagged_build_that_is_older_than_what_runs_is_refused_by_its_time() -> None:
    app = an_app()
    app.given["repository"] = FakeRepository()
    newer, older = "622d2103-20261120-124500", "ffffffff-20261120-124459"
    app.publish(newer, older)
    deploy(app, artifact=newer, env="dev")
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=older, env="dev")
    assert caught.value.what == f"{older} is older than {newer}, which dev runs."
    assert deploy(app, artifact=older, env="dev", allow_older=True).state == "healthy"
    assert deploy(app, artifact=newer, env="dev").state == "healthy"


def test_between_a_version_and_an_untagged_build_the_build_time_of_the_manifest_decides() -> None:
    app = an_app()  # what is published was built at 12:00
    before, after = "622d2103-20261120-115959", "622d2103-20261120-120001"
    app.publish(before, after)
    deploy(app, artifact=OLD)
    with pytest.raises(Refused):
        deploy(app, artifact=before, env="dev")
    deploy(app, artifact=after, env="dev")
    with pytest.raises(Refused):
        deploy(app, artifact=NEW)


def test_where_nobody_knows_when_a_version_was_built_an_untagged_one_is_not_older() -> None:
    app = an_app()
    before = "622d2103-20261120-115959"
    app.publish(before)
    deploy(app, artifact=OLD)
    app.remove(OLD)
    assert deploy(app, artifact=before, env="dev").state == "healthy"


def test_a_version_that_failed_before_is_warned_of() -> None:
    app = running_old(machine("web-1", "", "failed"))
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    deploy(app, artifact=NEW)
    assert any(f"{NEW} counts as bad on dev: it failed on 2026-11-20" in one for one in app.screen.warnings)


def test_that_a_version_failed_before_is_said_once_though_it_is_planned_again_under_the_lease() -> None:
    app = running_old(machine("web-1", "", "failed"))
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    app.leases.release(app.leases.take("dev", holder="grace@desk", run_url="", ttl=120, above=99))
    deploy(app, artifact=NEW)
    assert sum(f"{NEW} counts as bad" in warning for warning in app.screen.warnings) == 1


def test_a_version_that_somebody_went_back_from_is_refused_until_a_word() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    rollback(app, to=OLD)
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=NEW)
    assert f"{NEW} is marked bad on dev: ada@laptop rolled back from it" in caught.value.what
    assert f"inv deploy --version {NEW} --env dev --allow-bad" in caught.value.remedy
    mark_good(app, version=NEW, reason="it was the database")
    assert deploy(app, artifact=NEW).state == "healthy"


def test_a_mark_is_taken_back_by_a_person_alone() -> None:
    app = running_old()
    mark_bad(app, version=NEW, reason="it sends every mail twice")
    with pytest.raises(Refused):
        deploy(app, artifact=NEW)
    assert deploy(app, artifact=NEW, allow_bad=True).state == "healthy"
    deploy(app, artifact=OLD, allow_older=True)
    with pytest.raises(Refused):
        deploy(app, artifact=NEW)


def test_a_bad_version_is_known_however_long_ago_it_was() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    rollback(app, to=OLD)
    for number in range(31, 51):
        app.publish(f"0.1.{number}-dev")
        deploy(app, artifact=f"0.1.{number}-dev")
    with pytest.raises(Refused) as caught:
        deploy(app, artifact=NEW, allow_older=True)
    assert "rolled back from it" in caught.value.what


# -- a host says no ----------------------------------------------------------------------------------------------------


def test_a_host_that_fails_leaves_the_previous_version_serving() -> None:
    app = running_old(machine("web-1", "", "failed"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 6
    assert caught.value.what == f"{NEW} failed on dev (it answered 500)."
    assert caught.value.state == f"{OLD} is serving."
    assert caught.value.evidence == "--- web-1 (i-00000000000000001)\nTraceback: boom"
    assert states(app) == ["requested", "started", "failed", "rolled-back"]
    assert "Traceback: boom" in app.ledger.entries[-2].details["evidence"]
    assert is_free(app)


def test_a_host_that_put_itself_back_is_a_failed_deploy() -> None:
    app = running_old(machine("web-1", "", "rolled-back"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"{OLD} is serving."
    assert states(app)[-1] == "rolled-back"


def test_hosts_that_were_changed_are_put_back_in_reverse_order_when_another_fails() -> None:
    app = running_old(machine("web-1"), machine("web-2"), machine("web-3", "", "failed"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert app.hosts.sent == [
        ("deploy", NEW, ["web-1", "web-2", "web-3"]),
        ("rollback", OLD, ["web-2", "web-1"]),
    ]
    assert app.hosts.serving == dict.fromkeys(("web-1", "web-2", "web-3"), OLD)
    assert caught.value.state == f"{OLD} is serving."
    assert app.hosts.asked[0][0].fence == app.hosts.asked[1][0].fence
    assert states(app)[-1] == "rolled-back"


def test_hosts_are_put_back_to_what_each_ran() -> None:
    app = running_old(machine("web-1"), machine("web-2"), machine("web-3", "", "failed"))
    app.publish("0.1.7-dev")
    app.hosts.machines[0].serving = "0.1.7-dev"
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert app.hosts.serving == {"web-1": "0.1.7-dev", "web-2": OLD, "web-3": OLD}
    assert caught.value.state == f"0.1.7-dev is serving on web-1, and {OLD} is serving on web-2, web-3."


def test_a_changed_host_that_cannot_be_put_back_wakes_somebody() -> None:
    app = running_old(machine("web-1", "", "healthy", "rollback-failed"), machine("web-2", "", "failed"))
    with pytest.raises(RollbackFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 7
    assert caught.value.state == f"Nothing is serving on web-1, and {OLD} is serving on web-2."
    assert states(app)[-1] == "rollback-failed"


def test_a_changed_host_whose_previous_version_is_gone_wakes_somebody() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.during = lambda _: app.remove(OLD)
    with pytest.raises(RollbackFailed):
        deploy(app, artifact=NEW)
    assert app.hosts.serving["web-1"] == NEW


def test_a_host_on_which_nothing_is_healthy_any_more_wakes_somebody() -> None:
    app = running_old(machine("web-1", "", "rollback-failed"))
    with pytest.raises(RollbackFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "Nothing is serving."
    assert caught.value.remedy.startswith(f"Wake somebody, and go back: inv rollback --to {OLD} --env dev\n")


@pytest.mark.parametrize("outcome", ["failed", "rollback-failed"])
def test_a_first_deploy_that_fails_wakes_nobody(outcome: str) -> None:
    app = an_app(machine("web-1", "", outcome))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 6
    assert caught.value.state == "Nothing was serving before, and nothing is now."
    assert states(app)[-1] == "rolled-back"


def test_a_host_that_is_busy_is_held_and_says_nothing_of_the_version() -> None:
    app = running_old(machine("web-1", "", "held"))
    with pytest.raises(Held) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 4
    assert states(app) == ["requested", "started", "abandoned"]
    deploy(app, artifact=NEW)
    assert not any("before" in one for one in app.screen.warnings)


def test_hosts_changed_beside_a_busy_one_are_put_back() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "held"))
    with pytest.raises(Held):
        deploy(app, artifact=NEW)
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}


def test_a_host_that_refuses_the_bytes_is_an_artifact_error() -> None:
    app = running_old(machine("web-1", "", "refused"))
    with pytest.raises(ArtifactError) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 5
    assert "refused" in caught.value.what
    assert caught.value.remedy.startswith("If it was altered, find out by whom before anything else is deployed: inv ")
    assert f"If it could not be fetched, fix that, then: inv deploy --version {NEW}" in caught.value.remedy
    assert states(app)[-1] == "rolled-back"


def test_a_verdict_that_names_another_version_is_not_healthy() -> None:
    app = running_old()
    host = app.hosts.machines[0].unit.id
    app.hosts.machines[0].answers.append(Report(host, "healthy", NEW, serving=OLD, previous=OLD))
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)


# -- a host says nothing -----------------------------------------------------------------------------------------------


def test_a_silent_host_is_asked_and_believed_when_it_serves_the_version() -> None:
    app = running_old()
    one = app.hosts.machines[0]
    one.answers.append(Report(one.unit.id, "silent", serving=NEW, reason="killed"))
    assert deploy(app, artifact=NEW).state == "healthy"
    assert [order.action for order, _ in app.hosts.asked] == ["deploy", "status"]


def test_a_silent_host_that_serves_the_previous_version_is_a_failed_deploy() -> None:
    app = running_old(machine("web-1", "", "silent"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"{OLD} is serving."


def test_a_silent_host_that_stays_silent_wakes_somebody() -> None:
    app = running_old(machine("web-1", "", "silent"))
    app.hosts.machines[0].observed_as = "silent"
    with pytest.raises(RollbackFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "What is serving is unknown."


def test_a_silent_host_whose_app_is_down_wakes_somebody() -> None:
    app = running_old(machine("web-1", "", "silent"))
    app.hosts.machines[0].observed_as = "failed"
    with pytest.raises(RollbackFailed):
        deploy(app, artifact=NEW)


def test_a_silent_new_host_on_which_nothing_runs_wakes_nobody() -> None:
    app = an_app(machine("web-1", "", "silent"))
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == "Nothing was serving before, and nothing is now."


# -- interrupted -------------------------------------------------------------------------------------------------------


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


def before_sending(app: FakeApp, act: Callable[[object], None]) -> None:
    """Something happens when all is written down and the first order is about to go out."""
    renew = app.leases.renew

    def first(record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        if phase == "sending deploy":
            act(phase)
        return renew(record, phase=phase, operations=operations)

    app.leases.renew = first  # type: ignore[method-assign]


def terminate(_: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hang_up(_: object) -> None:
    os.kill(os.getpid(), signal.SIGHUP)


WAYS = {"ctrl-c": interrupt, "sigterm": terminate, "closed laptop": hang_up}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_interrupted_while_hosts_act_the_command_it_names_ends_it_at_once(
    how: Callable[[object], None], verb: str
) -> None:
    app = running_old()
    app.ledger.ran(NEW)
    app.hosts.during = how
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW) if verb == "deploy" else rollback(app, to=NEW)
    assert caught.value.exit_code == 130
    assert caught.value.state == (
        "The action on the hosts goes on (SSM command command-1), and nobody waits for its end or records it."
    )
    assert caught.value.remedy.startswith("End it: inv resume --env dev\n")
    assert states(app)[1:] == ["requested", "started"]
    assert not is_free(app)
    app.hosts.during = lambda _: None
    assert resume(app, env="dev").state == "healthy"
    assert states(app)[1:] == ["requested", "started", "started", "healthy"]
    assert is_free(app)


def test_interrupted_while_the_order_goes_out_its_lease_expires_in_its_own_time() -> None:
    """What was sent may not be listed yet: nobody may think that nothing is in flight."""
    app = running_old()
    app.hosts.asking = interrupt
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert "id unknown" in caught.value.state
    assert "expires by itself within 120 s" in caught.value.state
    assert "inv resume --env dev" in caught.value.remedy
    app.hosts.asking = lambda _: None
    with pytest.raises(Held):
        resume(app, env="dev")
    app.clock.advance(121)
    assert resume(app, env="dev").state == "healthy"


def test_interrupted_while_the_end_is_written_down_it_says_what_serves_and_how_to_end_it() -> None:
    app = running_old()
    app.ledger.before = lambda entry: interrupt(entry) if entry.state == "healthy" else None
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"{NEW} is serving."
    assert "inv resume --env dev" in caught.value.remedy
    assert is_free(app)
    app.ledger.before = lambda _: None
    assert resume(app, env="dev").state == "healthy"
    assert states(app)[-1] == "healthy"


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_interrupted_before_a_host_was_told_the_lease_is_given_back(how: Callable[[object], None]) -> None:
    app = running_old()
    before_sending(app, how)
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"No host was changed; deployment {latest(app)} is recorded as abandoned."
    assert states(app) == ["requested", "abandoned"]
    assert is_free(app)


def test_interrupted_while_hosts_are_put_back_it_says_that_this_goes_on() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.during = lambda order: interrupt(order) if order.action == "rollback" else None
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert "command-2" in caught.value.state
    assert states(app)[-1] == "failed"
    assert not is_free(app)


def test_interrupted_between_a_failure_and_putting_back_it_says_what_serves() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    renew = app.leases.renew

    def stop(record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        if phase == "sending rollback":
            interrupt(phase)
        return renew(record, phase=phase, operations=operations)

    app.leases.renew = stop  # type: ignore[method-assign]
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"{NEW} is serving on web-1, and {OLD} is serving on web-2."
    assert states(app)[-1] == "failed"
    assert is_free(app)


def test_sigterm_is_itself_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    deploy(an_app(), artifact=NEW)
    assert signal.getsignal(signal.SIGTERM) is before


# -- the lease, while hosts act ----------------------------------------------------------------------------------------


def test_the_lease_tells_the_phase_and_the_commands_in_flight() -> None:
    app = running_old()
    app.leases.told.clear()
    deploy(app, artifact=NEW)
    assert app.leases.told == [
        ("sending deploy", ()),
        (f"deploy {NEW}: the hosts act", ("SSM command command-1",)),
        ("recording how it ended", ()),
    ]


def taken_over(app: FakeApp) -> None:
    seen = app.leases.look("dev")
    assert seen is not None
    dead = seen.record.deployment_id
    app.leases.take("dev", holder="eve@desk", deployment_id="hers", run_url="", ttl=120, over=dead, living=True)


def test_a_lost_lease_stops_the_deployment_before_its_next_action() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.during = lambda _: taken_over(app)
    with pytest.raises(LeaseLost) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.exit_code == 4
    assert "eve@desk" in caught.value.what
    assert [action for action, _, _ in app.hosts.sent] == ["deploy"]
    assert f"{NEW} is serving on web-1" in caught.value.state


def test_a_lease_lost_before_the_order_sends_nothing() -> None:
    app = running_old()
    before_sending(app, lambda _: taken_over(app))
    with pytest.raises(LeaseLost):
        deploy(app, artifact=NEW)
    assert app.hosts.asked == []
    assert states(app)[-1] == "abandoned"
    seen = app.leases.look("dev")
    assert seen is not None
    assert seen.record.holder == "eve@desk"


def test_a_lease_lost_at_a_heartbeat_says_that_the_hosts_go_on() -> None:
    app = running_old()
    app.settings = settings(environments=environments(lease_ttl=10))  # a heartbeat every 1.7 s
    app.hosts.polls = 1000
    app.hosts.during = lambda _: time.sleep(0.1) if "hers" in str(app.leases.records) else taken_over(app)
    with pytest.raises(LeaseLost) as caught:
        deploy(app, artifact=NEW)
    assert "goes on (SSM command command-1)" in caught.value.state
    assert states(app)[-1] == "abandoned"


def fenced_off(app: FakeApp) -> None:
    """Somebody takes this environment from a runner that they think dead, and their deployment ends well."""
    app.hosts.during = lambda _: None
    app.clock.advance(121)
    app.who, me = "grace@desk", app.who
    rollback(app, to=OLD, preempt=True)
    app.who = me


@pytest.mark.parametrize("outcome", ["healthy", "failed"])
def test_who_was_fenced_off_just_before_the_hosts_answered_writes_no_end(outcome: str) -> None:
    app = running_old(machine("web-1", OLD, outcome))
    app.hosts.during = lambda order: fenced_off(app) if order.artifact_id == NEW else None
    with pytest.raises(LeaseLost) as caught:
        deploy(app, artifact=NEW)
    assert states(app) == ["requested", "started", "abandoned"]
    assert "The ledger ignores it" in caught.value.state
    [told, later] = app.ledger.deployments("dev")[-2:]
    assert (told.state, later.state) == ("abandoned", "healthy")
    assert serving(app.ledger.deployments("dev")) == OLD


@pytest.mark.parametrize("state", ["healthy", "failed"])
def test_who_is_fenced_off_while_it_writes_the_end_is_not_believed(state: str) -> None:
    app = running_old(machine("web-1", OLD, *([] if state == "healthy" else ["failed"])))

    def at_the_last_moment(entry: Entry) -> None:
        if entry.state == state and entry.artifact_id == NEW:
            app.ledger.before = lambda _: None
            fenced_off(app)

    app.ledger.before = at_the_last_moment
    with suppress(TagshipError):
        deploy(app, artifact=NEW)
    told = next(one for one in app.ledger.deployments("dev") if one.artifact_id == NEW)
    assert (told.state, [one.state for one in told.void][:1]) == ("abandoned", [state])
    assert serving(app.ledger.deployments("dev")) == OLD
    assert rollback_candidates(app.ledger.deployments("dev"), "") == [OLD]


def test_the_next_deployment_has_a_higher_fencing_number() -> None:
    app = running_old()
    deploy(app, artifact=NEW)
    assert [order.fence for order, _ in app.hosts.asked] == [2]
    rollback(app, to=OLD)
    assert app.hosts.asked[-1][0].fence == 3


def latest(app: FakeApp) -> str:
    return app.ledger.entries[-1].deployment_id


# -- outside services fail ---------------------------------------------------------------------------------------------


def down(_: object) -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Try again.")


def test_an_order_that_cannot_be_sent_changes_nothing() -> None:
    app = running_old()
    app.hosts.asking = down
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"No host was changed; deployment {latest(app)} is recorded as abandoned."
    assert states(app) == ["requested", "abandoned"]
    assert is_free(app)


def test_an_order_that_may_have_gone_out_keeps_the_lease_and_leaves_the_deployment_open() -> None:
    app = running_old()

    def unheard(_: object) -> None:
        raise Unheard("The answer was lost.", remedy="Look.")

    app.hosts.asking = unheard
    with pytest.raises(Unheard) as caught:
        deploy(app, artifact=NEW)
    assert "id unknown" in caught.value.state
    assert "abandoned" not in states(app)
    assert not is_free(app)


def test_polls_that_fail_leave_the_deployment_open_and_say_so() -> None:
    app = running_old()
    app.hosts.during = down
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert "goes on (SSM command command-1)" in caught.value.state
    assert states(app) == ["requested", "started"]
    assert not is_free(app)


def test_putting_back_that_cannot_be_sent_wakes_somebody() -> None:
    app = running_old(machine("web-1"), machine("web-2", "", "failed"))
    app.hosts.asking = lambda order: down(order) if order.action == "rollback" else None
    with pytest.raises(RollbackFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state == f"{NEW} is serving on web-1, and {OLD} is serving on web-2."
    assert states(app)[-1] == "failed"


def test_a_ledger_that_cannot_be_written_at_the_end_does_not_hide_that_all_is_healthy() -> None:
    app = running_old()
    app.ledger.before = lambda entry: down(entry) if entry.state == "healthy" else None
    with pytest.raises(ServiceFailed) as caught:
        deploy(app, artifact=NEW)
    assert "is healthy on dev, but the ledger" in caught.value.what
    assert caught.value.state == f"{NEW} is serving."
    assert is_free(app)


def test_a_lease_that_cannot_be_given_back_is_a_warning() -> None:
    app = running_old()
    app.leases.release = down  # type: ignore[assignment,method-assign]
    assert deploy(app, artifact=NEW).state == "healthy"
    assert "could not be released" in app.screen.warnings[-1]


# -- what CI is told ---------------------------------------------------------------------------------------------------


def test_its_announcement_is_that_the_version_is_healthy() -> None:
    assert deploy(running_old(), artifact=NEW).announcement == f"{NEW} is healthy on dev"


def test_a_dry_run_announces_nothing() -> None:
    assert deploy(running_old(), artifact=NEW, dry_run=True).announcement == ""


def test_an_unreadable_entry_of_the_ledger_is_named_and_passed_over() -> None:
    app = running_old()
    app.ledger.cannot_read = ["hello/_ledger/dev/x/1-started.json"]
    assert deploy(app, artifact=NEW).state == "healthy"
    assert "hello/_ledger/dev/x/1-started.json" in app.screen.warnings[0]


def test_what_ran_last_is_found_behind_many_failures() -> None:
    app = running_old()
    failed = Entry("", 1, "abandoned", "2026-11-20T12:00:00+00:00", "hello", "dev", "deploy", NEW, "ada", "")
    app.ledger.entries += [replace(failed, deployment_id=f"20991120-0000{n:02d}-000000-x") for n in range(60)]
    assert deploy(app, artifact=NEW).plan.replaces == OLD


def test_a_dead_deployments_lease_is_taken_over_once_it_has_expired() -> None:
    app = running_old()
    app.leases.take("dev", holder="run 1 (ghost)", deployment_id="dead", run_url="", ttl=120)
    app.clock.time += timedelta(seconds=121)
    assert deploy(app, artifact=NEW).state == "healthy"
