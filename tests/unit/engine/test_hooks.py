"""Hooks of a deployment: when each runs, what is recorded, and what becomes of the deployment if one fails."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from tagship.domain.hook import HookOutcome, HookRun
from tagship.errors import DeployFailed, Incomplete, Interrupted, LeaseLost, Refused, ServiceFailed
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.resume import resume
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.death import cut_off, die
from tests.fakes.hooks import FakeHookRunner
from tests.fakes.prompt import FakePrompt
from tests.fakes.target import FakeTarget, machine
from tests.unit.engine.fleet import NEW, OLD, told

MIGRATE, WARM, SMOKE = ("migrate",), ("warm",), ("smoke",)
ALL: dict[str, Any] = {
    "before_switch": {"command": MIGRATE},
    "after_switch": {"command": WARM},
    "tests": {"command": SMOKE},
}
BAD = HookOutcome("it ended with exit code 1", "Traceback: no such column")


def hooked(hooks: dict[str, Any] | None = None, *, hosts: int = 1, own: dict[str, Any] | None = None) -> FakeApp:
    """dev on OLD, with NEW published and these hooks."""
    table = environments(**({"hooks": own} if own else {}))
    made = settings(environments=table, hooks=ALL if hooks is None else hooks)
    app = FakeApp(settings=made, hosts=FakeTarget([machine(f"web-{n}") for n in range(1, hosts + 1)]))
    app.given["hook_runner"] = FakeHookRunner()
    app.publish(OLD, NEW)
    deploy(app, artifact=OLD)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    app.given["hook_runner"] = FakeHookRunner()
    return app


def runner(app: FakeApp) -> FakeHookRunner:
    made: FakeHookRunner = app.given["hook_runner"]
    return made


def failing(app: FakeApp, *outcomes: HookOutcome) -> FakeApp:
    runner(app).outcomes = deque(outcomes)
    return app


def good(count: int) -> list[HookOutcome]:
    return [HookOutcome()] * count


def ran(app: FakeApp) -> list[str]:
    return [command[0] for command, _ in runner(app).ran]


def noted(app: FakeApp) -> list[tuple[str, str, str]]:
    """Each hook's entries of the last deployment: the entry's state, the place and the hook's state."""
    last = app.ledger.deployments("dev")[-1]
    return [(entry.state, run.place, run.state) for entry in last.entries if (run := HookRun.read(entry))]


# -- when they run -----------------------------------------------------------------------------------------------------


def test_each_hook_runs_in_its_place() -> None:
    app, order = hooked(), list[str]()
    runner(app).during = lambda: order.append(ran(app)[-1])
    app.hosts.asking = lambda change: order.append(change.action)
    deploy(app, artifact=NEW)
    assert order == ["migrate", "deploy", "warm", "smoke"]
    assert app.ledger.states[-2:] == ["healthy", "tested"]


def test_each_hook_is_recorded_before_it_begins_and_when_it_has_ended() -> None:
    app = hooked()
    deploy(app, artifact=NEW)
    assert noted(app) == [
        ("requested", "before_switch", "running"),
        ("requested", "before_switch", "passed"),
        ("started", "after_switch", "running"),
        ("started", "after_switch", "passed"),
        ("started", "tests", "running"),
        ("started", "tests", "passed"),
    ]
    assert [entry.state for entry in app.ledger.deployments("dev")[-1].entries][-1] == "healthy"


def test_a_command_is_told_the_artifact_by_name_and_is_given_no_secret() -> None:
    app = hooked()
    deployment = deploy(app, artifact=NEW).deployment_id
    variables = runner(app).ran[0][1]
    assert {name: value for name, value in variables.items() if value} == {
        "ARTIFACT_ID": NEW,
        "VERSION": NEW,
        "ENVIRONMENT": "dev",
        "COMMIT_SHA": "0" * 40,
        "DEPLOYMENT_BUCKET": app.store.bucket,
        "DEPLOYMENT_KEY": f"hello/dev/{NEW}/deploy-bundle.tar.gz",
        "DEPLOYMENT_ID": deployment,
        "REPLACES": OLD,
    }
    assert variables["IMAGE_DIGEST"] is None


def test_a_function_is_invoked_with_its_payload_filled_in() -> None:
    event = '{"to": "{version}", "deep": [{"env": "{environment}"}, 3]}'
    app = hooked({"before_switch": {"function": "migrate", "payload": event}})
    deploy(app, artifact=NEW)
    assert runner(app).invoked == [("migrate", f'{{"to": "{NEW}", "deep": [{{"env": "dev"}}, 3]}}')]


def test_an_environments_own_hook_counts_in_place_of_the_one_for_all_and_skip_is_none() -> None:
    app = hooked(own={"before_switch": {"command": ["own"]}, "tests": {"skip": True}})
    deploy(app, artifact=NEW)
    assert ran(app) == ["own", "warm"]
    assert "tested" not in app.ledger.states


def test_a_rollback_and_a_heal_run_no_hooks() -> None:
    app = hooked()
    deploy(app, artifact=NEW)
    runner(app).ran.clear()
    rollback(app, to=OLD)
    app.hosts.machines[0].serving = NEW
    heal(app)
    assert ran(app) == []


def test_a_plan_shows_the_hooks_and_a_dry_run_runs_none() -> None:
    app = hooked()
    deploy(app, artifact=NEW, dry_run=True)
    assert "hooks: before_switch (migrate), after_switch (warm), tests (smoke)" in app.screen.lines
    assert ran(app) == []


# -- before the switch -------------------------------------------------------------------------------------------------


def test_a_hook_that_fails_before_the_switch_changes_nothing_and_says_so() -> None:
    app = failing(hooked(hosts=2), BAD)
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == (
        f"{NEW} was not deployed to dev: hook before_switch (migrate) failed: it ended with exit code 1."
    )
    assert caught.value.state == (
        f"No host was changed: {OLD} is still what it runs. "
        "What the hook before_switch (migrate) did before it stopped stays."
    )
    assert "no such column" in caught.value.evidence
    assert told(app) == []
    assert app.ledger.states[-2:] == ["failed", "rolled-back"]
    assert not app.leases.look("dev").record.holder  # type: ignore[union-attr]


def test_a_version_that_never_reached_a_host_is_nothing_to_go_back_to() -> None:
    app = failing(hooked(), BAD)
    with pytest.raises(DeployFailed):
        deploy(app, artifact=NEW)
    with pytest.raises(Refused, match="never ran"):
        rollback(app, to=NEW)


def test_a_hook_is_tried_as_often_as_the_settings_say() -> None:
    app = failing(hooked({"before_switch": {"command": MIGRATE, "attempts": 3}}), BAD, BAD)
    deploy(app, artifact=NEW)
    assert ran(app) == ["migrate"] * 3
    run = [run for entry in app.ledger.entries if (run := HookRun.read(entry))][-1]
    assert (run.state, run.attempts, run.output) == ("passed", 3, "all is well")


def test_ctrl_c_during_the_first_hook_is_recorded_and_says_what_stays() -> None:
    app = hooked()
    runner(app).during = _interrupt
    with pytest.raises(Interrupted) as caught:
        deploy(app, artifact=NEW)
    assert "What the hook before_switch (migrate) did before it stopped stays." in caught.value.state
    assert noted(app)[-1] == ("requested", "before_switch", "interrupted")
    assert app.ledger.states[-1] == "abandoned"
    assert told(app) == []


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_lease_that_is_lost_while_a_hook_runs_ends_the_deployment_before_a_host_is_asked() -> None:
    app = hooked()
    runner(app).during = lambda: app.leases.break_("dev", app.leases.look("dev").record.deployment_id)  # type: ignore[union-attr]
    with pytest.raises(LeaseLost):
        deploy(app, artifact=NEW)
    assert told(app) == []


def test_a_hook_does_not_begin_unless_the_ledger_has_it() -> None:
    app = hooked()

    def silent(entry: Any) -> None:
        if entry.details.get("hook"):
            raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")

    app.ledger.before = silent
    with pytest.raises(ServiceFailed):
        deploy(app, artifact=NEW)
    assert ran(app) == []
    assert told(app) == []


# -- after it ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "passing"), [("after_switch", 1), ("tests", 2)])
def test_a_hook_that_fails_after_the_switch_puts_everything_back(place: str, passing: int) -> None:
    app = failing(hooked(hosts=2), *good(passing), BAD)
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    work = {"after_switch": "warm", "tests": "smoke"}[place]
    assert caught.value.what == f"{NEW} failed on dev (hook {place} ({work}) failed: it ended with exit code 1)."
    assert caught.value.state == f"{OLD} is serving. What the hook before_switch (migrate) did stays."
    assert "no such column" in caught.value.evidence
    assert app.hosts.serving == {"web-1": OLD, "web-2": OLD}
    assert app.ledger.states[-2:] == ["failed", "rolled-back"]
    assert not [entry for entry in app.ledger.tests("dev") if entry.artifact_id == NEW]


def test_tests_that_fail_may_leave_the_version_and_are_not_recorded_as_passed() -> None:
    hooks = {"tests": {"command": SMOKE, "on_failure": "keep"}}
    app = failing(hooked(hooks), BAD)
    with pytest.raises(Incomplete) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.what == f"{NEW} is healthy on dev, but hook tests (smoke) failed: it ended with exit code 1."
    assert app.hosts.serving == {"web-1": NEW}
    assert [entry.state for entry in app.ledger.entries if entry.artifact_id == NEW][-1] == "healthy"
    assert not [entry for entry in app.ledger.tests("dev") if entry.artifact_id == NEW]


def test_ctrl_c_during_the_tests_puts_everything_back() -> None:
    app = hooked({"tests": {"command": SMOKE}})
    runner(app).during = _interrupt
    with pytest.raises(Interrupted):
        deploy(app, artifact=NEW)
    assert app.hosts.serving == {"web-1": OLD}


def test_hosts_that_do_not_take_the_version_are_put_back_before_any_later_hook_runs() -> None:
    app = hooked()
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert ran(app) == ["migrate"]
    assert caught.value.state.endswith("What the hook before_switch (migrate) did stays.")


# -- a runner that died ------------------------------------------------------------------------------------------------


def dead_during(app: FakeApp, work: str) -> None:
    """The runner dies while that hook runs."""
    runner(app).during = lambda: die(app) if ran(app)[-1] == work else None
    with cut_off(app):
        deploy(app, artifact=NEW)
    app.given["hook_runner"] = FakeHookRunner()


def test_resume_runs_no_hook_again_that_had_passed() -> None:
    app = hooked({**ALL, "after_switch": {"command": WARM, "attempts": 2}})
    dead_during(app, "warm")
    assert resume(app).state == "healthy"
    assert ran(app) == ["warm", "smoke"]


def test_resume_does_not_repeat_a_hook_whose_end_nobody_saw_unless_it_may_be_repeated() -> None:
    app = hooked()
    dead_during(app, "migrate")
    with pytest.raises(DeployFailed) as caught:
        resume(app)
    assert "nobody saw its end, and with attempts = 1 it is not run again" in caught.value.what
    assert (ran(app), told(app)) == ([], [])
    assert app.ledger.states[-2:] == ["failed", "rolled-back"]


def test_resume_repeats_tests_whose_end_nobody_saw() -> None:
    app = hooked()
    dead_during(app, "smoke")
    assert resume(app).state == "healthy"
    assert ran(app) == ["smoke"]
    assert app.ledger.states[-1] == "tested"


def test_resume_puts_back_what_is_after_a_hook_whose_end_nobody_saw() -> None:
    app = hooked()
    dead_during(app, "warm")
    with pytest.raises(DeployFailed):
        resume(app)
    assert app.hosts.serving == {"web-1": OLD}


# -- migrations that can't be undone -----------------------------------------------------------------------------------

ONE_WAY = {"before_switch": {"command": MIGRATE, "reversible": False}}


def crossed() -> FakeApp:
    app = hooked(ONE_WAY)
    deploy(app, artifact=NEW)
    app.screen.lines.clear()
    return app


def test_a_plan_names_the_migration_that_cannot_be_undone() -> None:
    app = hooked(ONE_WAY)
    deploy(app, artifact=NEW)
    assert f"warning: migrations that can't be undone: {NEW}" in app.screen.lines


@pytest.mark.parametrize("flags", [{"yes": True}, {}], ids=["with --yes", "named, without a terminal"])
def test_a_rollback_across_it_is_refused_unless_it_is_asked_for(flags: dict[str, Any]) -> None:
    app = crossed()
    with pytest.raises(Refused) as caught:
        rollback(app, to=OLD, **flags)
    assert caught.value.what == f"The migration of {NEW} can't be undone, and {OLD} came before."
    assert f"inv rollback --to {OLD} --env dev --allow-irreversible" in caught.value.remedy
    assert rollback(app, to=OLD, allow_irreversible=True, **flags).state == "healthy"


@pytest.mark.parametrize("agreed", [True, False])
def test_a_person_at_a_terminal_is_asked(agreed: bool) -> None:
    app = crossed()
    app.prompt = FakePrompt(agreed)
    if agreed:
        rollback(app, to=OLD)
    else:
        with pytest.raises(Interrupted):
            rollback(app, to=OLD)
    assert app.hosts.serving == {"web-1": OLD if agreed else NEW}


def test_a_migration_that_failed_may_have_been_applied_and_counts() -> None:
    app = failing(hooked(ONE_WAY), BAD)
    with pytest.raises(DeployFailed) as caught:
        deploy(app, artifact=NEW)
    assert caught.value.state.endswith("did before it stopped stays, and can't be undone.")


def test_going_forward_to_it_again_crosses_nothing() -> None:
    app = crossed()
    rollback(app, to=OLD, allow_irreversible=True)
    assert rollback(app, to=NEW, allow_bad=True).state == "healthy"
