"""rollback: to a version named, chosen or suggested; what it refuses; and what it never needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tagship.domain.deployment import Deployment
from tagship.domain.standing import marked_bad, rollback_candidates
from tagship.engine.plan import FEW, MANY
from tagship.errors import (
    ArtifactMissing,
    DeployFailed,
    Held,
    Interrupted,
    NotAuthentic,
    Refused,
    ServiceFailed,
    UsageError,
)
from tagship.ports.repository import Tag
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.rollback import rollback
from tests.fakes.app import ORIGIN, FakeApp, environments, settings
from tests.fakes.ledger import FakeLedger
from tests.fakes.prompt import CTRL_C, FakePrompt
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine

ONE, TWO, THREE = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"


def after(*versions: str) -> FakeApp:
    """dev with one host on which these were deployed in turn, a minute apart."""
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    for version in versions:
        app.publish(version)
        deploy(app, artifact=version)
        app.clock.advance(60)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def test_goes_back_to_the_version_named() -> None:
    app = after(ONE, TWO, THREE)
    result = rollback(app, to=ONE)
    assert (result.state, result.plan.replaces) == ("healthy", THREE)
    assert app.hosts.sent == [("rollback", ONE, ["web-1"])]
    healthy, bad, undo = app.screen.lines[-3:]
    assert healthy.startswith(f"{ONE} is healthy on dev (web-1)")
    assert bad == f"{THREE} is marked bad on dev by this: nothing suggests or deploys it"
    assert undo == f"  if it is good after all: inv mark-good --version {THREE} --env dev --reason '…'"


def test_a_rollback_that_marks_nothing_bad_speaks_of_no_mark() -> None:
    app = after(ONE, TWO)
    rollback(app, to=ONE, drill=True)
    rollback(app, to=TWO)  # forward again: it says nothing against what it leaves
    assert "marked bad" not in app.screen.text


def test_a_ledger_that_does_not_answer_at_the_end_hides_no_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    app = after(ONE, TWO)

    def silent(*_: Any) -> Any:
        raise ServiceFailed("S3 does not answer.", remedy="Wait")

    monkeypatch.setattr("tagship.engine.marks.left_bad", silent)
    assert rollback(app, to=ONE).state == "healthy"


def test_needs_neither_git_nor_ci() -> None:
    app = after(ONE, TWO)  # FakeApp has no repository and no forge: asking for one fails
    assert rollback(app, to=ONE).state == "healthy"


def test_without_a_version_it_takes_the_last_healthy_one() -> None:
    app = after(ONE, TWO, THREE)
    assert rollback(app, yes=True).plan.artifact_id == TWO


def test_a_version_that_was_rolled_back_from_is_not_suggested_again() -> None:
    app = after(ONE, TWO, THREE)
    rollback(app, to=TWO)
    assert marked_bad(app.ledger.deployments("dev")) == {THREE}
    assert rollback(app, yes=True).plan.artifact_id == ONE
    assert rollback_candidates(app.ledger.deployments("dev"), ONE) == []


def test_a_version_that_was_rolled_back_from_is_gone_back_to_only_with_a_word() -> None:
    app = after(ONE, TWO, THREE)
    rollback(app, to=TWO)
    with pytest.raises(Refused) as caught:
        rollback(app, to=THREE)
    why = f"ada@laptop rolled back from it on 2026-11-20 12:03 UTC, to {TWO}"
    assert caught.value.what == f"{THREE} is marked bad on dev: {why}."
    assert f"inv rollback --to {THREE} --env dev --allow-bad" in caught.value.remedy
    assert f"inv mark-good --version {THREE} --env dev --reason" in caught.value.remedy
    assert rollback(app, to=THREE, allow_bad=True).state == "healthy"


def test_a_mark_stays_however_healthy_it_was_with_allow_bad_until_somebody_marks_it_good() -> None:
    app = after(ONE, TWO, THREE)
    rollback(app, to=TWO)
    app.clock.advance(60)
    rollback(app, to=THREE, allow_bad=True)
    assert marked_bad(app.ledger.deployments("dev")) == {THREE}
    says = f"  it stays marked until: inv mark-good --version {THREE} --env dev --reason '…'"
    assert says in app.screen.lines
    app.clock.advance(60)
    deploy(app, artifact=TWO, allow_older=True)
    with pytest.raises(Refused, match="is marked bad"):
        rollback(app, to=THREE)
    mark_good(app, version=THREE, reason="it was the database")
    assert rollback(app, to=THREE).state == "healthy"


def test_a_version_that_was_rolled_back_from_stays_bad_however_many_older_ones_came_after_it() -> None:
    app = after(ONE, "0.2.0-dev")
    rollback(app, to=ONE)
    for number in range(2, FEW + 4):
        app.clock.advance(60)
        app.publish(f"0.1.{number}-dev")
        deploy(app, artifact=f"0.1.{number}-dev")
    with pytest.raises(Refused, match=r"0\.2\.0-dev is marked bad on dev: ada@laptop rolled back from it"):
        deploy(app, artifact="0.2.0-dev")


def test_a_version_that_failed_is_gone_back_to_only_with_a_word() -> None:
    app = after(ONE)
    app.publish(TWO)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact=TWO)
    with pytest.raises(Refused):
        rollback(app, to=TWO)
    assert rollback(app, to=TWO, allow_bad=True).state == "healthy"


def test_a_rollback_that_failed_may_be_tried_again() -> None:
    app = after(ONE, TWO)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        rollback(app, to=ONE)
    assert rollback(app, to=ONE).state == "healthy"
    assert any(f"{ONE} counts as bad on dev: it failed on" in one for one in app.screen.warnings)


def test_a_version_that_somebody_marked_is_neither_suggested_nor_offered() -> None:
    app = after(ONE, TWO, THREE)
    mark_bad(app, version=TWO, reason="it sends every mail twice")
    assert rollback(app, dry_run=True).plan.artifact_id == ONE
    mark_good(app, version=TWO, reason="that was another service")
    assert rollback(app, dry_run=True).plan.artifact_id == TWO


def test_a_version_that_was_removed_from_the_bucket_is_not_suggested() -> None:
    app = after(ONE, TWO, THREE)
    app.remove(TWO)
    assert rollback(app, yes=True).plan.artifact_id == ONE


def test_on_a_terminal_the_list_is_offered_with_when_and_who() -> None:
    app = replace(after(ONE, TWO, THREE), prompt=FakePrompt(ONE))
    assert rollback(app).plan.artifact_id == ONE
    assert app.prompt.offered == [
        {
            TWO: f"{TWO}  healthy 2026-11-20 12:01 UTC, ada@laptop",
            ONE: f"{ONE}  healthy 2026-11-20 12:00 UTC, ada@laptop",
        }
    ]
    assert app.prompt.asked == [f"Roll dev back from {THREE} to"]


def test_without_a_terminal_the_command_with_its_version_is_named() -> None:
    app = after(ONE, TWO)
    with pytest.raises(UsageError) as caught:
        rollback(app)
    assert caught.value.what == "There is no terminal to ask at: rollback needs --to or --yes."
    assert caught.value.remedy == f"Name it: inv rollback --to {ONE} --env dev"


def test_yes_takes_the_suggestion_on_a_terminal_as_well() -> None:
    app = replace(after(ONE, TWO), prompt=FakePrompt())
    assert rollback(app, yes=True).plan.artifact_id == ONE


def test_ctrl_c_at_the_list_changes_nothing() -> None:
    app = replace(after(ONE, TWO), prompt=FakePrompt(CTRL_C))
    with pytest.raises(Interrupted):
        rollback(app)
    assert app.hosts.asked == []


def test_a_dry_run_shows_the_plan_and_stops() -> None:
    app = after(ONE, TWO)
    assert rollback(app, to=ONE, dry_run=True).state == "planned"
    assert app.screen.lines[0] == f"rollback {ONE} on dev, in place of {TWO}"
    assert app.hosts.asked == []


def test_a_version_that_never_existed_is_missing_and_the_others_are_listed() -> None:
    app = after(ONE, TWO)
    with pytest.raises(ArtifactMissing) as caught:
        rollback(app, to="0.9.9-dev")
    assert caught.value.exit_code == 5
    assert caught.value.what == "0.9.9-dev was never published for dev."
    assert caught.value.state == f"Nothing was changed. Stored for dev: {TWO} (runs now), {ONE}."
    assert caught.value.remedy == f"Go to the last good one: inv rollback --to {ONE} --env dev"
    assert app.hosts.asked == []


def test_a_missing_version_is_answered_with_what_is_bad_only_if_that_is_said() -> None:
    app = after(ONE, TWO)
    app.publish("0.1.40-dev")  # stored, and never deployed
    mark_bad(app, version=ONE, env="dev", reason="it sends every mail twice")
    with pytest.raises(ArtifactMissing) as caught:
        rollback(app, to="0.9.9-dev")
    assert f"{TWO} (runs now)" in caught.value.state
    assert caught.value.remedy.startswith(
        f"Every other version that was healthy there and is stored is marked bad ({ONE}). Go to {ONE} anyway (ada@"
    )
    assert caught.value.remedy.endswith(f"inv rollback --to {ONE} --env dev --allow-bad")
    assert rollback(app, to=ONE, env="dev", allow_bad=True).state == "healthy"


def test_a_missing_version_where_nothing_else_was_healthy_is_answered_with_a_look() -> None:
    with pytest.raises(ArtifactMissing) as caught:
        rollback(after(ONE), to="0.9.9-dev")
    none = "No other version that was healthy here can be used."
    assert caught.value.remedy == f"{none} See what ran: inv history --env dev"


def test_of_many_versions_the_nearest_to_the_missing_one_are_listed() -> None:
    app = after(ONE, TWO)
    app.publish(*(f"0.2.{number}-dev" for number in range(40) if number != 20))
    with pytest.raises(ArtifactMissing) as caught:
        rollback(app, to="0.2.20-dev")
    near = ", ".join(f"0.2.{number}-dev" for number in (25, 24, 23, 22, 21, 19, 18, 17, 16, 15))
    assert caught.value.state == f"Nothing was changed. Stored for dev, the nearest of 41: {near}."


def test_refuses_a_pruned_version_and_says_when_it_ran() -> None:
    app = after(ONE, TWO)
    app.remove(ONE)
    with pytest.raises(ArtifactMissing) as caught:
        rollback(app, to=ONE)
    what = f"{ONE} was deployed to dev on 2026-11-20 12:00 UTC, and has been removed from the bucket since."
    assert caught.value.what == what
    assert app.hosts.asked == []


def test_a_version_that_never_ran_there_is_deployed_and_not_gone_back_to() -> None:
    """Else a rollback would be a deploy that no freeze stops."""
    app = after(ONE, TWO)
    app.publish(THREE)
    with pytest.raises(Refused) as caught:
        rollback(app, to=THREE)
    assert caught.value.what == f"{THREE} never ran on dev: there is nothing to go back to."
    assert caught.value.remedy == f"Deploy it: inv deploy --version {THREE} --env dev"
    assert app.hosts.asked == []


def test_a_version_that_ran_long_ago_is_gone_back_to() -> None:
    app = after(ONE, *[f"0.2.{number}-dev" for number in range(FEW + 1)])
    assert rollback(app, to=ONE).state == "healthy"


def test_where_the_ledger_cannot_all_be_read_nobody_is_kept_from_going_back() -> None:
    app = after(ONE, TWO)
    app.publish(THREE)
    app.ledger.cannot_read.append("hello/_ledger/dev/20261120-120000-000001-aaaaaa/3-healthy.json")
    assert rollback(app, to=THREE).state == "healthy"
    assert f"no readable entry says that {THREE} ever ran on dev" in app.screen.warnings


def test_what_is_no_version_is_told_with_this_verbs_own_flag() -> None:
    app = after(ONE, TWO)
    app.given["repository"] = repository = FakeRepository()
    repository.local[TWO] = Tag(TWO, "0" * 40, "c0ffee")
    with pytest.raises(UsageError) as caught:
        rollback(app, to="0.1.1-dev; rm -rf /")
    assert caught.value.remedy == f"Go to the last good one: inv rollback --to {ONE} --env dev"
    assert app.hosts.asked == []


@pytest.mark.parametrize("text", [f"v{ONE}", "0.1", ORIGIN.commit_sha[:8], ORIGIN.commit_sha])
def test_a_tag_a_part_and_a_commit_lead_to_the_version_that_is_meant(text: str) -> None:
    app = after(ONE)
    app.publish("0.2.7-dev")
    app.store.objects.pop("hello/dev/0.2.7-dev/manifest.json")
    with pytest.raises(UsageError) as caught:
        rollback(app, to=text)
    assert caught.value.remedy.splitlines()[0] == f"If you mean {ONE}: inv rollback --to {ONE} --env dev"


def test_what_fits_several_versions_is_none_of_them() -> None:
    with pytest.raises(UsageError) as caught:
        rollback(after(ONE, TWO), to="0.1")
    assert caught.value.remedy == f"Go to the last good one: inv rollback --to {ONE} --env dev"


def test_a_bucket_that_is_away_leaves_the_answer_that_needs_none() -> None:
    app = after(ONE, TWO)
    app.given["repository"] = repository = FakeRepository()
    repository.local[TWO] = Tag(TWO, "0" * 40, "c0ffee")
    app.ledger = Away()
    with pytest.raises(UsageError) as caught:
        rollback(app, to="latest")
    assert caught.value.remedy == f"Name it, the latest of dev: --to {TWO}"


class Away(FakeLedger):
    def deployments(self, environment: str, limit: int = 0) -> Sequence[Deployment]:
        raise ServiceFailed("AWS cannot be reached.", remedy="Try again.")


def test_with_nothing_stored_it_says_so() -> None:
    with pytest.raises(ArtifactMissing) as caught:
        rollback(FakeApp(), to=ONE)
    assert caught.value.remedy == "Publish a version: inv deploy-dev"


def test_a_version_altered_since_is_not_authentic() -> None:
    app = after(ONE, TWO)
    key = f"hello/dev/{ONE}/deploy-bundle.tar.gz"
    app.store.objects[key] = replace(app.store.objects[key], sha256="0" * 64)
    with pytest.raises(NotAuthentic):
        rollback(app, to=ONE)
    assert app.hosts.asked == []


def test_a_version_that_every_host_runs_is_refused_as_already_running() -> None:
    app = after(ONE, TWO)
    with pytest.raises(Refused) as caught:
        rollback(app, to=TWO)
    assert caught.value.exit_code == 3
    assert caught.value.what == f"{TWO} is already running on dev: every host confirms it."
    see, go = caught.value.remedy.splitlines()
    assert see == f"See that it serves: inv verify --version {TWO} --env dev"
    assert go.strip() == f"Go to the last good one: inv rollback --to {ONE} --env dev"
    assert [order.action for order, _ in app.hosts.asked] == ["status"]
    assert app.ledger.entries[-1].artifact_id == TWO
    assert app.ledger.entries[-1].action == "deploy"


def test_what_runs_is_answered_with_a_way_back_only_if_there_is_one() -> None:
    app = after(ONE)
    with pytest.raises(Refused) as caught:
        rollback(app, to=ONE)
    none = "No other version that was healthy here can be used."
    assert caught.value.remedy.endswith(f"\n       {none} See what ran: inv history --env dev")


def test_what_runs_is_answered_with_what_is_bad_if_nothing_else_is_there() -> None:
    app = after(ONE, TWO)
    mark_bad(app, version=ONE, reason="it sends every mail twice")
    with pytest.raises(Refused) as caught:
        rollback(app, to=TWO)
    assert caught.value.remedy.endswith(f"inv rollback --to {ONE} --env dev --allow-bad")


def test_a_version_that_only_the_ledger_says_is_running_is_rolled_back_to() -> None:
    app = after(ONE, TWO)
    app.hosts.machines[0].serving = ONE
    assert rollback(app, to=TWO).state == "healthy"
    assert app.hosts.serving == {"web-1": TWO}
    assert any("not every host does" in one for one in app.screen.warnings)
    assert TWO not in marked_bad(app.ledger.deployments("dev"))


def test_a_version_from_before_many_failures_is_still_found() -> None:
    app = after(ONE, TWO)
    for number in range(MANY - 1):
        app.clock.advance(60)
        version = f"0.3.{number}-dev"
        app.publish(version)
        app.hosts.machines[0].answers.append("failed")
        with pytest.raises(DeployFailed):
            deploy(app, artifact=version)
    assert rollback(app, yes=True).plan.artifact_id == ONE


def test_versions_that_are_left_out_as_bad_are_named_with_the_way_to_one_of_them() -> None:
    """After going back twice all that came later is stored, was healthy, and is marked bad."""
    app = after(ONE, TWO, THREE)
    for back in (TWO, ONE):
        app.clock.advance(60)
        assert rollback(app, yes=True).plan.artifact_id == back
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True)
    assert caught.value.what == (
        "There is nothing good to roll dev back to: every other version that was healthy there and is stored is "
        f"marked bad ({TWO}, {THREE})."
    )
    assert caught.value.remedy.endswith(f"inv rollback --to {TWO} --env dev --allow-bad")
    assert rollback(app, to=TWO, env="dev", allow_bad=True).plan.artifact_id == TWO


def test_nothing_to_go_back_to_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        rollback(after(ONE))
    assert caught.value.what.endswith("no other version that was healthy there is still stored.")


def test_where_nothing_was_ever_healthy_no_other_version_is_spoken_of() -> None:
    with pytest.raises(Refused) as caught:
        rollback(after(), yes=True)
    assert caught.value.what == "There is nothing to roll dev back to: no version was ever healthy there."
    assert caught.value.remedy == "Ship a version: inv deploy-dev"


ADOPTED = {"ours": "yes", "adopted": "yes"}
BEFORE_TAGSHIP = "Go back to what ran before tagship: inv adopt --env dev --undo"


def test_what_ran_before_tagship_is_the_way_back_if_the_hosts_keep_it() -> None:
    app = after()
    app.hosts.facts["web-1"] = ADOPTED
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True)
    assert caught.value.remedy.split("\n       ") == [BEFORE_TAGSHIP, "Ship a version: inv deploy-dev"]
    app = after(ONE)
    app.hosts.facts["web-1"] = ADOPTED
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True)
    assert caught.value.remedy == BEFORE_TAGSHIP


def test_what_ran_before_tagship_stands_beside_a_version_that_is_marked_bad() -> None:
    app = after(ONE, TWO)
    rollback(app, yes=True)
    app.hosts.facts["web-1"] = {"ours": "yes", "adopted": "half"}
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True)
    bad, before = caught.value.remedy.split("\n       ")
    assert (bad.endswith(f"inv rollback --to {TWO} --env dev --allow-bad"), before) == (True, BEFORE_TAGSHIP)


@pytest.mark.parametrize("facts", ["it is gone", {"ours": "yes"}, {"ours": "yes", "adopted": "no"}])
def test_hosts_that_keep_nothing_or_do_not_answer_leave_the_other_way_on(facts: Any) -> None:
    app = after(ONE)
    app.hosts.facts["web-1"] = facts
    with pytest.raises(Refused) as caught:
        rollback(app, yes=True)
    assert caught.value.remedy == "See what ran: inv history --env dev"


def test_a_look_at_hosts_that_is_denied_changes_nothing_of_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise ServiceFailed("Access denied: ssm:SendCommand.", remedy="Log in")

    app = after(ONE)
    monkeypatch.setattr(app.hosts, "inspect", denied)
    with pytest.raises(Refused, match="no other version") as caught:
        rollback(app, yes=True)
    assert caught.value.remedy == "See what ran: inv history --env dev"


def test_without_a_version_and_with_several_environments_one_must_be_named() -> None:
    two = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = replace(after(ONE, TWO), settings=settings(environments=two))
    with pytest.raises(UsageError) as caught:
        rollback(app, yes=True)
    assert caught.value.what == "No environment is given; there are dev, prod."
    assert rollback(app, env="dev", yes=True).plan.artifact_id == ONE


def test_the_suffix_names_the_environment() -> None:
    two = {**environments(), "prod": {**environments()["dev"], "branch": "main"}}
    app = replace(after(ONE, TWO), settings=settings(environments=two))
    assert rollback(app, to=ONE).plan.environment == "dev"


def test_a_rollback_that_fails_leaves_what_was_serving() -> None:
    app = after(ONE, TWO)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed) as caught:
        rollback(app, to=ONE)
    assert caught.value.state == f"{TWO} is serving."
    assert f"inv rollback --to {ONE} --env dev" in caught.value.remedy


def test_somebody_elses_lease_is_not_broken() -> None:
    app = after(ONE, TWO)
    app.leases.take("dev", holder="run 4711 (octocat)", deployment_id="theirs", run_url="", ttl=120)
    with pytest.raises(Held):
        rollback(app, to=ONE)
    assert app.hosts.asked == []


def test_an_untagged_build_can_be_rolled_back_to() -> None:
    build = "622d2103-20261120-124500"
    app = after(ONE)
    app.publish(build)
    deploy(app, artifact=build, env="dev")
    deploy(app, artifact=ONE, allow_older=True)
    assert rollback(app, to=build, env="dev").state == "healthy"


def test_without_a_terminal_somebody_must_name_the_version_or_say_yes() -> None:
    app = after(ONE, TWO)
    with pytest.raises(UsageError) as caught:
        rollback(app)
    assert caught.value.exit_code == 2
    assert caught.value.remedy == f"Name it: inv rollback --to {ONE} --env dev"
    assert rollback(app, dry_run=True).plan.artifact_id == ONE
