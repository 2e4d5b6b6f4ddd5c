"""infra.plan: what it says of a plan, to whom, and that the very plan that was approved is applied, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.infra_plan import PlannedChange, PlanSummary
from tagship.errors import Held, Incomplete, NotAuthentic, Refused, ServiceFailed, SettingsError, UsageError
from tagship.verbs.freeze import freeze
from tagship.verbs.infra_apply import infra_apply
from tagship.verbs.infra_plan import Planned, infra_plan
from tests.fakes.app import FakeApp, settings
from tests.fakes.ci import FakeCi
from tests.fakes.terraform import FakeTerraform, World
from tests.unit.verbs.test_infra_apply import make

VERSION, NEXT = "0.1.0-dev", "0.2.0-dev"


@dataclass
class Comments:
    """The comments of one pull request, by their marks, as the board keeps them."""

    fails: bool = False
    comments: dict[str, str] = field(default_factory=dict)

    def comment(self, number: int, mark: str, body: str) -> str:
        if self.fails:
            raise ServiceFailed("GitHub answered 502.", remedy="Run it again")
        assert number == 51
        assert body.startswith(mark)
        self.comments[mark] = body
        return "https://github.com/acme/hello/pull/51#issuecomment-1"


@pytest.fixture
def tool() -> FakeTerraform:
    return FakeTerraform()


@pytest.fixture
def app(tmp_path: Path, tool: FakeTerraform) -> FakeApp:
    return make(tmp_path, tool)


def plans(app: FakeApp) -> list[str]:
    return [key for key in app.store.objects if key.startswith("hello/_infra/dev/plans/")]


def plan_of(app: FakeApp, **asked: Any) -> Planned:
    planned = infra_plan(app, **asked)
    assert planned
    return planned


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_plan_locks_nothing_stores_nothing_and_leaves_no_file(app: FakeApp, tool: FakeTerraform) -> None:
    before = dict(app.store.objects)
    planned = plan_of(app, artifact=VERSION)
    assert tool.calls == ["init", "plan without a lock", "show"]
    assert (planned.has_changes, planned.artifact, planned.planned) == (True, VERSION, "")
    assert app.screen.lines[-1] == "infra of dev: 1 to add"
    assert app.store.objects == before
    assert not list(app.root.rglob("*.tfplan"))
    assert planned.comment
    outputs = {"has_changes": "true", "planned": "", "artifact": VERSION, "summary": planned.comment.to_json()}
    assert planned.ci_outputs(app) == outputs


def test_with_nothing_to_change_the_output_is_false(app: FakeApp) -> None:
    infra_apply(app, artifact=VERSION)
    planned = plan_of(app, artifact=VERSION)
    assert planned.ci_outputs(app)["has_changes"] == "false"
    assert app.screen.lines[-1] == "infra of dev: nothing to change"


def test_without_a_version_it_is_for_what_runs(app: FakeApp, tool: FakeTerraform) -> None:
    app.ledger.ran(VERSION)
    assert plan_of(app, env="dev").artifact == VERSION
    assert tool.told[-1]["TF_VAR_artifact_id"] == VERSION


def test_where_nothing_runs_it_is_for_no_version_and_says_so(app: FakeApp, tool: FakeTerraform) -> None:
    assert plan_of(app).artifact == ""
    assert "the ledger names no version for dev: planned without one" in app.screen.lines
    assert tool.told[-1]["TF_VAR_artifact_id"] is None


def test_a_monitor_is_told_by_exit_9_and_only_if_it_asks(app: FakeApp) -> None:
    plan_of(app, artifact=VERSION).insist()
    with pytest.raises(Incomplete, match="Drift: the infrastructure of dev is not as its configuration says: 1 to add"):
        plan_of(app, artifact=VERSION, detailed=True).insist()
    infra_apply(app, artifact=VERSION)
    plan_of(app, artifact=VERSION, detailed=True).insist()


def test_a_frozen_environment_is_planned(app: FakeApp) -> None:
    freeze(app, env="dev", until="8h", reason="the sale")
    assert plan_of(app, artifact=VERSION).has_changes


@pytest.mark.parametrize("verb", ["init", "plan without a lock", "show"])
def test_a_tool_that_fails_is_a_failure_and_no_plan_is_left(app: FakeApp, tool: FakeTerraform, verb: str) -> None:
    tool.fails = verb
    with pytest.raises(ServiceFailed) as caught:
        plan_of(app, artifact=VERSION, store=True)
    assert caught.value.state == "Nothing was changed."
    assert not plans(app)
    assert not list(app.root.rglob("*.tfplan"))


def test_an_altered_artifact_starts_nothing(app: FakeApp, tool: FakeTerraform) -> None:
    key = f"hello/dev/{VERSION}/manifest.json"
    app.store.objects[key] = replace(app.store.objects[key], body=b"{}")
    with pytest.raises(NotAuthentic):
        plan_of(app, artifact=VERSION)
    assert tool.calls == []


@pytest.mark.parametrize(
    ("infra", "what"),
    [({"command": ["cdk", "deploy"]}, "dev has infra.command"), ({"directory": ""}, "dev has no infra")],
)
def test_what_has_no_plan_is_refused_with_what_to_do(
    tmp_path: Path, tool: FakeTerraform, infra: dict[str, Any], what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        plan_of(make(tmp_path, tool, **infra), artifact=VERSION)


def test_a_var_file_that_is_not_there_is_named_before_anything_starts(tmp_path: Path, tool: FakeTerraform) -> None:
    app = make(tmp_path, tool, var_files=["{environment}.tfvars"])
    with pytest.raises(SettingsError, match=r"there is no infra/dev\.tfvars"):
        plan_of(app, artifact=VERSION)
    assert tool.calls == []
    (app.root / "infra/dev.tfvars").touch()
    assert plan_of(app, artifact=VERSION).has_changes


# -- a pull request ----------------------------------------------------------------------------------------------------


def in_pull_request(app: FakeApp, number: str = "51") -> Comments:
    board = Comments()
    app.given["board"] = board
    app.ci = FakeCi(run="4711", pull_request=number, commit="c" * 40)
    app.run_url = "https://github.com/acme/hello/actions/runs/4711"
    return board


def test_a_pull_request_has_one_comment_an_environment_which_changes(app: FakeApp) -> None:
    board = in_pull_request(app)
    plan_of(app, artifact=VERSION)
    [first] = board.comments.values()
    assert "1 to add" in first
    assert "terraform&#95;data.release" in first
    infra_apply(app, artifact=VERSION)
    plan_of(app, artifact=VERSION)
    [second] = board.comments.values()
    assert "nothing to change" in second
    assert "1 to add" in app.ci.summary


def test_without_a_token_the_plan_is_made_and_it_is_said_that_nobody_was_told(app: FakeApp) -> None:
    in_pull_request(app)
    app.given["board"] = None
    assert plan_of(app, artifact=VERSION).has_changes
    assert "no comment on pull request 51 by this step: it has no GITHUB_TOKEN" in app.screen.lines


def test_a_comment_that_fails_changes_no_outcome(app: FakeApp) -> None:
    board = in_pull_request(app)
    board.fails = True
    assert plan_of(app, artifact=VERSION).has_changes
    assert any(words.startswith("no comment on the pull request: ") for words in app.screen.warnings)


def test_another_job_writes_the_comment_from_the_output_of_the_one_that_planned(
    app: FakeApp, tool: FakeTerraform
) -> None:
    summary = plan_of(app, artifact=VERSION).ci_outputs(app)["summary"]
    tool.calls.clear()
    board = in_pull_request(app)
    assert infra_plan(app, tell=summary) is None
    assert tool.calls == []
    [body] = board.comments.values()
    assert "1 to add" in body
    board.comments.clear()
    with pytest.raises(UsageError, match="another environment's plan"):
        infra_plan(app, tell=summary.replace('"dev"', '"prod"', 1))
    assert not board.comments


@pytest.mark.parametrize("summary", ["x", "{}", "[]", "null"])
def test_what_is_no_summary_is_told_to_nobody(app: FakeApp, summary: str) -> None:
    board = in_pull_request(app)
    with pytest.raises(UsageError, match="--tell has no summary of a plan"):
        infra_plan(app, tell=summary)
    assert not board.comments


def test_outside_a_pull_request_nobody_is_written_to(app: FakeApp) -> None:
    board = in_pull_request(app, "")
    plan_of(app, artifact=VERSION)
    assert not board.comments


# -- what was approved is what is applied ------------------------------------------------------------------------------


def test_the_plan_that_was_stored_is_applied_in_another_checkout_and_then_gone(
    app: FakeApp, tool: FakeTerraform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    assert plans(app) == [f"hello/_infra/dev/plans/{digest}.tfplan"]
    other = make(tmp_path_factory.mktemp("other"), tool)
    other.store = app.store
    tool.calls.clear()
    result = infra_apply(other, artifact=VERSION, planned=digest)
    assert tool.calls == ["init", "show", "apply", "output"]
    assert (result.state, tool.world.applied) == ("applied", VERSION)
    assert plans(app) == []
    written = json.loads((other.root / f".tagship/build/{VERSION}/infra-dev.json").read_text())
    assert written["outputs"]["release"]["value"] == VERSION


def test_an_applied_plan_that_cannot_be_deleted_is_a_warning_and_the_apply_stands(
    app: FakeApp, tool: FakeTerraform
) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    [key] = plans(app)

    def silent(verb: str, written: str) -> None:
        if (verb, written) == ("delete", key):
            raise ServiceFailed("S3 is down.", remedy="Wait.")

    app.store.before = silent
    assert infra_apply(app, artifact=VERSION, planned=digest).state == "applied"
    assert tool.world.applied == VERSION
    assert f"the plan {key} stays, with its values in the clear: S3 is down." in app.screen.warnings


def test_a_plan_that_was_overtaken_is_refused_and_not_made_again(app: FakeApp, tool: FakeTerraform) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    infra_apply(app, artifact=NEXT)
    tool.calls.clear()
    with pytest.raises(Refused, match="The state of dev has changed since the plan") as caught:
        infra_apply(app, artifact=VERSION, planned=digest)
    assert caught.value.state == "Nothing was changed."
    assert caught.value.remedy.endswith(f"inv infra.plan --version {VERSION} --env dev --store")
    assert tool.calls == ["init", "show", "apply"]
    assert tool.world.applied == NEXT
    assert plans(app) == []


@pytest.mark.parametrize("digest", ["0" * 64, "../../x", "", "ABC"])
def test_a_digest_of_no_plan_applies_nothing(app: FakeApp, tool: FakeTerraform, digest: str) -> None:
    plan_of(app, artifact=VERSION, store=True)
    if digest:
        with pytest.raises(Refused, match="There is no plan"):
            infra_apply(app, artifact=VERSION, planned=digest)
        assert "apply" not in tool.calls


def test_a_plan_is_applied_for_the_version_that_it_was_made_for_alone(app: FakeApp, tool: FakeTerraform) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    key = plans(app)[0]
    with pytest.raises(Refused, match="has other bytes"):
        infra_apply(app, artifact=NEXT, planned=digest)
    assert "apply" not in tool.calls
    app.store.objects[key] = replace(app.store.objects[key], body=b'{"serial": 0, "wanted": "evil"}')
    with pytest.raises(Refused, match="has other bytes"):
        infra_apply(app, artifact=VERSION, planned=digest)
    assert "apply" not in tool.calls


def test_an_approved_plan_waits_for_a_freeze_and_is_there_after_it(app: FakeApp, tool: FakeTerraform) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    freeze(app, env="dev", until="8h", reason="the sale")
    with pytest.raises(Held):
        infra_apply(app, artifact=VERSION, planned=digest)
    assert "apply" not in tool.calls
    assert len(plans(app)) == 1


def test_a_dry_run_of_an_approved_plan_shows_it_and_keeps_it(app: FakeApp, tool: FakeTerraform) -> None:
    digest = plan_of(app, artifact=VERSION, store=True).planned
    assert infra_apply(app, artifact=VERSION, planned=digest, dry_run=True).state == "planned"
    assert "      add terraform_data.release" in app.screen.lines
    assert "apply" not in tool.calls
    assert len(plans(app)) == 1


def test_old_plans_go_when_a_new_one_is_stored(app: FakeApp) -> None:
    first = plan_of(app, artifact=VERSION, store=True).planned
    app.clock.advance(31 * 86_400)
    second = plan_of(app, artifact=NEXT, store=True).planned
    assert first != second
    assert plans(app) == [f"hello/_infra/dev/plans/{second}.tfplan"]


def test_the_same_plan_may_be_stored_twice(app: FakeApp) -> None:
    assert plan_of(app, artifact=VERSION, store=True).planned == plan_of(app, artifact=VERSION, store=True).planned


@pytest.mark.parametrize("infra", [{"plan_only": True}, {"command": ["cdk"]}])
def test_planned_is_for_what_is_applied_by_terraform(
    tmp_path: Path, tool: FakeTerraform, infra: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="--planned is for"):
        infra_apply(make(tmp_path, tool, **infra), artifact=VERSION, planned="0" * 64)
    with pytest.raises(UsageError, match="--target makes a plan"):
        infra_apply(make(tmp_path, tool), target="a.b", planned="0" * 64)


# -- what a deployment owns --------------------------------------------------------------------------------------------


def test_a_plan_that_takes_back_a_deployment_says_what_to_ignore(tmp_path: Path) -> None:
    ecs = {"cluster": "c", "services": {"api": {}}}
    dev = {"branch": "dev", "infra": {"directory": "infra"}, "ecs": ecs, "image": {"repository": "r"}}
    change = PlannedChange("aws_ecs_service.api", "aws_ecs_service", "update", ("task_definition",))
    tool = FakeTerraform(World(), summaries=PlanSummary((change,)))
    app = make(tmp_path, tool)
    app.settings = settings(environments={"dev": dev})
    planned: Planned = plan_of(app, artifact=VERSION)
    [warned] = planned.warnings
    assert warned.startswith("aws_ecs_service.api would change task_definition, which deployments or autoscaling set: ")
    assert warned.endswith("aws_ecs_service: lifecycle { ignore_changes = [task_definition, desired_count] }")
    assert list(planned.warnings) == app.screen.warnings
    infra_apply(app, artifact=VERSION)
    assert app.screen.warnings == [*planned.warnings] * 2
