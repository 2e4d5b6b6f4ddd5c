"""infra: guards, plan, apply, outputs; and every way in which it does not end well."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.lease import LeaseRecord
from tagship.domain.statelock import SUFFIX
from tagship.errors import (
    ArtifactMissing,
    Held,
    Interrupted,
    NotAuthentic,
    Refused,
    ServiceFailed,
    SettingsError,
    UsageError,
)
from tagship.verbs.freeze import freeze
from tagship.verbs.infra_apply import Applied, infra_apply
from tagship.verbs.infra_unlock import infra_unlock
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.store import MemoryStore
from tests.fakes.terraform import FakeTerraform, World

VERSION = "0.1.0-dev"
STATE = layout.state("hello", "dev")
LOCK = {"ID": "65b132de", "Operation": "OperationTypeApply", "Who": "eve@elsewhere", "Version": "1.11.4"}


@pytest.fixture
def tool() -> FakeTerraform:
    return FakeTerraform()


@pytest.fixture
def app(tmp_path: Path, tool: FakeTerraform) -> FakeApp:
    return make(tmp_path, tool)


def make(root: Path, tool: FakeTerraform, **infra: Any) -> FakeApp:
    (root / "infra").mkdir(exist_ok=True)
    (root / "infra/main.tf").touch()
    chosen = settings(environments=environments(infra={"directory": "infra", **infra}))
    app = FakeApp(chosen, root=root, given={"infrastructure": tool})
    app.store = MemoryStore(clock=app.clock)
    app.publish(VERSION, "0.2.0-dev")
    return app


def notes(app: FakeApp) -> list[str]:
    return [key for key in app.store.objects if key.startswith(layout.at_work("hello", "dev"))]


def locked(app: FakeApp, **changes: str) -> None:
    app.store.create(STATE + SUFFIX, json.dumps({**LOCK, **changes}).encode())


def test_an_environment_without_infrastructure_has_nothing_to_do() -> None:
    app = FakeApp()
    assert infra_apply(app, artifact=VERSION) == Applied("dev", VERSION, "none")
    assert app.screen.lines == ["dev has no infra.directory in tagship.toml: there is nothing to apply"]


def test_what_was_planned_is_applied_and_its_outputs_written_down(app: FakeApp, tool: FakeTerraform) -> None:
    result = infra_apply(app, artifact=VERSION)
    assert tool.calls == ["init", "plan", "apply", "output"]
    assert result.state == "applied"
    assert result.outputs == {
        "password": {"sensitive": True, "value": None},
        "release": {"sensitive": False, "value": VERSION},
    }
    written = json.loads((app.root / f".tagship/build/{VERSION}/infra-dev.json").read_text())
    assert written == {"artifact": VERSION, "environment": "dev", "outputs": result.outputs}
    assert not (app.root / f".tagship/build/{VERSION}/infra-dev.tfplan").exists()


def test_the_tool_is_told_the_artifacts_names(app: FakeApp, tool: FakeTerraform) -> None:
    infra_apply(app, artifact=VERSION)
    planned, applied = tool.told
    assert planned == applied
    assert planned["DEPLOYMENT_BUCKET"] == planned["TF_VAR_deployment_bucket"] == "hello-artifacts"
    assert planned["DEPLOYMENT_KEY"] == f"hello/dev/{VERSION}/deploy-bundle.tar.gz"


def test_with_nothing_to_change_nothing_is_applied(app: FakeApp, tool: FakeTerraform) -> None:
    infra_apply(app, artifact=VERSION)
    tool.calls.clear()
    assert infra_apply(app, artifact=VERSION).state == "unchanged"
    assert tool.calls == ["init", "plan", "output"]


def test_a_dry_run_ends_after_the_plan_and_keeps_it(app: FakeApp, tool: FakeTerraform) -> None:
    assert infra_apply(app, artifact=VERSION, dry_run=True).state == "planned"
    assert tool.calls == ["init", "plan"]
    assert (app.root / f".tagship/build/{VERSION}/infra-dev.tfplan").exists()


def test_plan_only_never_applies(tmp_path: Path, tool: FakeTerraform) -> None:
    assert infra_apply(make(tmp_path, tool, plan_only=True), artifact=VERSION).state == "planned"
    assert tool.calls == ["init", "plan"]


# -- before anything starts --------------------------------------------------------------------------------------------


def test_an_artifact_that_is_not_there_starts_nothing(app: FakeApp, tool: FakeTerraform) -> None:
    with pytest.raises(ArtifactMissing):
        infra_apply(app, artifact="9.9.9-dev")
    assert tool.calls == []


def test_an_altered_artifact_starts_nothing(app: FakeApp, tool: FakeTerraform) -> None:
    key = layout.artifact("hello", "dev", VERSION, layout.MANIFEST)
    app.store.objects[key] = replace(app.store.objects[key], body=b"{}")
    with pytest.raises(NotAuthentic):
        infra_apply(app, artifact=VERSION)
    assert tool.calls == []


@pytest.mark.parametrize(
    ("directory", "what"), [("nowhere", "a directory"), ("empty", r"a directory with \*.tf files")]
)
def test_a_directory_that_is_none_starts_nothing(
    tmp_path: Path, tool: FakeTerraform, directory: str, what: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=f"which is not {what}") as caught:
        infra_apply(make(tmp_path, tool, directory=directory), artifact=VERSION)
    assert caught.value.exit_code == 2
    assert tool.calls == []


def test_without_the_tool_nothing_is_noted(app: FakeApp, tool: FakeTerraform) -> None:
    tool.missing = True
    with pytest.raises(Refused):
        infra_apply(app, artifact=VERSION)
    assert notes(app) == []


# -- others at work ----------------------------------------------------------------------------------------------------


def test_who_is_waited_for_is_said_first(app: FakeApp) -> None:
    locked(app)
    infra_apply(app, artifact=VERSION)
    assert "eve@elsewhere has held the Terraform state of dev since 2026-11-20 12:00 UTC" in app.screen.text
    assert "waiting up to 5 min" in app.screen.text


def test_a_held_state_names_the_holder_and_the_unlock_command(app: FakeApp, tool: FakeTerraform) -> None:
    locked(app)
    tool.world.locked = True
    app.clock.advance(720)
    with pytest.raises(Held) as caught:
        infra_apply(app, artifact=VERSION)
    assert caught.value.what == (
        "eve@elsewhere has held the Terraform state of dev since 2026-11-20 12:00 UTC (apply, 12 min ago), "
        "after 5 min of waiting."
    )
    assert caught.value.remedy == "Wait for it, or if it is dead: inv infra.unlock --env dev --id 65b132de"
    assert notes(app) == []


def test_a_lock_that_went_meanwhile_says_to_run_it_again(app: FakeApp, tool: FakeTerraform) -> None:
    tool.world.locked = True
    with pytest.raises(Held, match="was held until a moment ago") as caught:
        infra_apply(app, artifact=VERSION)
    assert caught.value.remedy == f"Run it again: inv infra --version {VERSION} --env dev"


def test_a_lock_that_cannot_be_read_is_freed_by_the_errors_command(app: FakeApp, tool: FakeTerraform) -> None:
    app.store.create(STATE + SUFFIX, b"mine!")
    tool.world.locked = True
    with pytest.raises(Held, match="is not a Terraform lock") as caught:
        infra_apply(app, artifact=VERSION)
    command = "If nobody works on that state: inv infra.unlock --env dev --id "
    assert caught.value.remedy.startswith(command)
    infra_unlock(app, id=caught.value.remedy.removeprefix(command))
    assert STATE + SUFFIX not in app.store.objects


def test_a_plan_that_was_overtaken_is_made_and_shown_again(app: FakeApp, tool: FakeTerraform) -> None:
    def overtake() -> None:
        if tool.calls.count("plan") == 1:
            tool.world.applied, tool.world.serial = "another", 7

    tool.during = overtake
    assert infra_apply(app, artifact=VERSION).state == "applied"
    assert tool.calls == ["init", "plan", "apply", "plan", "apply", "output"]
    assert "another run changed the state: planning again" in app.screen.lines


def test_a_state_that_never_rests_is_given_up(app: FakeApp, tool: FakeTerraform) -> None:
    def overtake() -> None:
        tool.world.serial += 1

    tool.during = overtake
    with pytest.raises(ServiceFailed, match="Others changed the state of dev after each of 3 plans") as caught:
        infra_apply(app, artifact=VERSION)
    assert tool.calls.count("plan") == tool.calls.count("apply") == 3
    assert caught.value.exit_code == 8


def test_overtaken_by_the_same_artifact_there_is_nothing_left_to_do(app: FakeApp, tool: FakeTerraform) -> None:
    def overtake() -> None:
        tool.world.applied, tool.world.serial = VERSION, 7

    tool.during = overtake
    assert infra_apply(app, artifact=VERSION).state == "unchanged"


# -- deployments and freezes -------------------------------------------------------------------------------------------


def hold(app: FakeApp, ttl: int = 10_000) -> LeaseRecord:
    return app.leases.take("dev", holder="eve@desk", deployment_id="hers", run_url="", ttl=ttl)


def freeze_dev(app: FakeApp) -> None:
    freeze(app, env="dev", until="8h", reason="the sale")


def holder(app: FakeApp) -> str:
    seen = app.leases.look("dev")
    return seen.record.holder if seen else ""


def test_an_apply_holds_the_environment_and_a_plan_does_not(app: FakeApp, tool: FakeTerraform) -> None:
    held: list[tuple[str, str]] = []
    plan = tool.plan

    def planning(to: Path, variables: Any, targets: Sequence[str] = ()) -> bool:
        held.append(("plan", holder(app)))
        return plan(to, variables, targets)

    tool.plan = planning  # type: ignore[method-assign]
    tool.during = lambda: held.append(("apply", holder(app)))
    infra_apply(app, artifact=VERSION)
    assert held == [("plan", ""), ("apply", "ada@laptop")]
    assert app.leases.told[-1][0] == f"infra for {VERSION}"
    assert holder(app) == ""


@pytest.mark.parametrize("settings", [{}, {"command": ["cdk"]}], ids=["terraform", "command"])
def test_a_deployment_that_is_under_way_is_waited_for_and_then_refuses(
    tmp_path: Path, tool: FakeTerraform, settings: dict[str, Any]
) -> None:
    app = make(tmp_path, tool, **settings)
    hold(app)
    with pytest.raises(Held) as caught:
        infra_apply(app, artifact=VERSION)
    assert "eve@desk has held dev" in caught.value.what
    assert "Waited 5 min." in caught.value.what
    assert caught.value.remedy.startswith(f"When that has ended: inv infra --version {VERSION} --env dev\n")
    assert not {"apply", "cdk"} & set(tool.calls)
    assert not list(app.root.glob(f".tagship/build/{VERSION}/*.tfplan"))


def test_a_deployment_that_ends_in_time_lets_the_apply_go_on(app: FakeApp, tool: FakeTerraform) -> None:
    hers = hold(app)
    app.clock.during = lambda slept: app.leases.release(hers) if slept > 3 else None
    assert infra_apply(app, artifact=VERSION).state == "applied"


def test_with_nothing_to_change_a_deployment_is_not_waited_for(app: FakeApp) -> None:
    infra_apply(app, artifact=VERSION)
    hold(app)
    assert infra_apply(app, artifact=VERSION).state == "unchanged"


def test_a_lease_that_was_broken_meanwhile_is_told_of_and_not_freed(app: FakeApp, tool: FakeTerraform) -> None:
    def broken() -> None:
        seen = app.leases.look("dev")
        assert seen
        app.leases.break_("dev", seen.record.deployment_id)
        hold(app)

    tool.during = broken
    assert infra_apply(app, artifact=VERSION).state == "applied"
    assert holder(app) == "eve@desk"


def test_a_frozen_environment_is_planned_and_not_applied(app: FakeApp, tool: FakeTerraform) -> None:
    freeze_dev(app)
    with pytest.raises(Held) as caught:
        infra_apply(app, artifact=VERSION)
    assert "the sale" in caught.value.what
    assert caught.value.remedy.endswith("inv thaw --env dev")
    assert tool.calls == []
    assert infra_apply(app, artifact=VERSION, dry_run=True).state == "planned"


def test_a_freeze_that_came_after_the_plan_stops_the_apply(app: FakeApp, tool: FakeTerraform) -> None:
    plan = tool.plan

    def planning(to: Path, variables: Any, targets: Sequence[str] = ()) -> bool:
        freeze_dev(app)
        return plan(to, variables, targets)

    tool.plan = planning  # type: ignore[method-assign]
    with pytest.raises(Held):
        infra_apply(app, artifact=VERSION)
    assert tool.calls == ["init", "plan"]
    assert holder(app) == ""
    assert not list(app.root.glob(f".tagship/build/{VERSION}/*.tfplan"))


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("init", "Nothing was changed."),
        ("plan", "Nothing was changed."),
        ("apply", "What was applied before that stays, and is in the state."),
    ],
)
def test_a_failure_has_terraforms_own_words_and_how_things_are(
    app: FakeApp, tool: FakeTerraform, verb: str, state: str
) -> None:
    tool.fails = verb
    with pytest.raises(ServiceFailed) as caught:
        infra_apply(app, artifact=VERSION)
    assert (caught.value.what, caught.value.state) == (f"terraform {verb} failed with exit 1.", state)
    assert "on main.tf line 3" in caught.value.evidence
    assert caught.value.remedy.endswith(f"inv infra --version {VERSION} --env dev")
    assert notes(app) == []
    assert not list(app.root.glob(f".tagship/build/{VERSION}/*.tfplan"))


def test_interrupted_it_says_how_things_are(app: FakeApp, tool: FakeTerraform) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    tool.during = interrupt
    with pytest.raises(Interrupted) as caught:
        infra_apply(app, artifact=VERSION)
    assert caught.value.remedy.endswith("inv infra.lock --env dev")
    assert notes(app) == []


def test_a_run_that_leaves_its_lock_leaves_its_note(app: FakeApp, tool: FakeTerraform) -> None:
    def die() -> None:
        locked(app, Who=f"root@{socket.gethostname()}")
        tool.fails = "apply"

    tool.during = die
    with pytest.raises(ServiceFailed):
        infra_apply(app, artifact=VERSION)
    [note] = notes(app)
    assert json.loads(app.store.objects[note].body)["who"] == "ada@laptop"


def test_a_note_that_cannot_be_taken_back_is_a_warning(app: FakeApp, tool: FakeTerraform) -> None:
    def refuse(verb: str, _key: str) -> None:
        if verb == "delete":
            raise ServiceFailed("AWS failed.", remedy="Again")

    app.store.before = refuse
    assert infra_apply(app, artifact=VERSION).state == "applied"
    assert "names a run that has ended" in app.screen.warnings[0]


# -- another tool ------------------------------------------------------------------------------------------------------


def test_a_command_is_shown_and_run_with_the_same_names(tmp_path: Path, tool: FakeTerraform) -> None:
    app = make(tmp_path, tool, command=["cdk", "deploy", "a b"])
    assert infra_apply(app, artifact=VERSION).state == "ran"
    assert app.screen.lines == ["in infra: cdk deploy 'a b'"]
    assert tool.calls == ["cdk deploy a b"]
    assert tool.told[0]["ARTIFACT_ID"] == VERSION


def test_a_dry_run_of_a_command_shows_it_and_stops(tmp_path: Path, tool: FakeTerraform) -> None:
    app = make(tmp_path, tool, command=["cdk"])
    assert infra_apply(app, artifact=VERSION, dry_run=True).state == "planned"
    assert tool.calls == []


def test_a_command_that_fails_may_have_changed_things(tmp_path: Path) -> None:
    tool = FakeTerraform(World(), fails="cdk")
    with pytest.raises(ServiceFailed) as caught:
        infra_apply(make(tmp_path, tool, command=["cdk"]), artifact=VERSION)
    assert caught.value.state == "Whatever it had changed until then stays changed."


def test_a_command_is_given_the_artifacts_names_where_it_has_placeholders(tmp_path: Path, tool: FakeTerraform) -> None:
    command = ["cdk", "deploy", "--context", "key={DEPLOYMENT_KEY}", "{other}"]
    app = make(tmp_path, tool, command=command)
    assert infra_apply(app, artifact=VERSION).state == "ran"
    key = layout.artifact("hello", "dev", VERSION, layout.BUNDLE)
    assert tool.calls == [f"cdk deploy --context key={key} {{other}}"]


# -- before there is an artifact ---------------------------------------------------------------------------------------


def test_resources_that_an_artifact_needs_are_applied_alone_and_without_one(app: FakeApp, tool: FakeTerraform) -> None:
    tool.world.applied = "something"
    result = infra_apply(app, env="dev", target="aws_ecr_repository.api, aws_s3_bucket.x")
    assert (result.state, result.artifact) == ("applied", "")
    assert tool.calls[:3] == ["init", "plan aws_ecr_repository.api aws_s3_bucket.x", "apply"]
    assert tool.told[0]["ENVIRONMENT"] == "dev"
    assert tool.told[0]["IMAGE_URI"] is None
    seen = app.leases.look("dev")
    assert seen
    assert seen.record.holder == ""


def test_a_held_environment_is_not_targeted_either(app: FakeApp, tool: FakeTerraform) -> None:
    tool.world.applied = "something"
    hold(app)
    with pytest.raises(Held) as caught:
        infra_apply(app, env="dev", target="aws_ecr_repository.api")
    assert "inv infra --env dev --target aws_ecr_repository.api" in caught.value.remedy
    assert "apply" not in tool.calls


def test_targets_and_a_version_exclude_each_other(app: FakeApp, tool: FakeTerraform) -> None:
    with pytest.raises(UsageError, match="--version names one"):
        infra_apply(app, artifact=VERSION, env="dev", target="x")
    assert tool.calls == []


def test_another_tool_has_no_targets(tmp_path: Path, tool: FakeTerraform) -> None:
    with pytest.raises(UsageError, match=r"dev has infra\.command"):
        infra_apply(make(tmp_path, tool, command=["cdk", "deploy"]), env="dev", target="x")
    assert tool.calls == []


def test_the_outputs_that_a_command_writes_are_kept_and_an_earlier_file_is_not(
    tmp_path: Path, tool: FakeTerraform
) -> None:
    app = make(tmp_path, tool, command=["cdk", "deploy"], outputs="out.json")
    file = tmp_path / "infra/out.json"
    file.write_text('{"stack": {"Url": "old"}}')
    tool.during = lambda: None
    with pytest.raises(ServiceFailed, match=r"cdk ran, and its outputs can't be read from out\.json: No such file"):
        infra_apply(app, artifact=VERSION)
    run = tool.run

    def writing(command: Any, variables: Any) -> None:
        run(command, variables)
        file.write_text('{"stack": {"Url": "new"}}')

    tool.run = writing  # type: ignore[method-assign]
    result = infra_apply(app, artifact=VERSION)
    assert (result.state, result.outputs) == ("ran", {"Url": {"sensitive": False, "value": "new"}})
    kept = json.loads((tmp_path / f".tagship/build/{VERSION}/infra-dev.json").read_text())
    assert kept["outputs"] == {"Url": {"sensitive": False, "value": "new"}}
