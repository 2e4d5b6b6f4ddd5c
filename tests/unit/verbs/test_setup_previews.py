"""setup with [previews]: one stack for all of them, which reaches names of the template, or is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.account.doctor_previews import CHECKS
from tagship.domain import layout
from tagship.domain.preview import PreviewRecord
from tagship.errors import Refused
from tagship.verbs.setup import setup
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.foundation import FakeFoundation
from tests.fakes.prompt import FakePrompt
from tests.fakes.repository import FakeRepository
from tests.unit.test_policies import allowed, s3, statements

ROOT = Path(__file__).parents[3]
FUNCTION = {"package": "api", "handler": "app.handler", "health": {"expect": {"version": "{version}"}}}
OF_FUNCTIONS = {"lambda": {"functions": {"hello-pr-{n}-api": FUNCTION}}}
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
OF_SERVICES = {
    "image": {"repository": f"{REGISTRY}/hello-previews"},
    "ecs": {"cluster": "previews", "services": {"web-{n}": {"health": {"url": "https://pr-{n}.example/healthz"}}}},
}
KEYS = {"key": "kms:alias/hello-{environment}", "public_key": "keys/{environment}.pub.pem"}


def make(folder: Path, template: Any = OF_FUNCTIONS, **changes: Any) -> FakeApp:
    shutil.copytree(ROOT / "deploy", folder / "deploy", dirs_exist_ok=True)
    values: dict[str, Any] = {
        "signing": KEYS,
        "ci": {"repository": "acme/hello"},
        "packages": {"api": {"directory": "api"}},
        "environments": VALUES["environments"],
        "previews": {"environment": template, "remove": ["cdk", "destroy", "hello-pr-{n}"]},
    }
    app = FakeApp(settings=settings(**values | changes), root=folder)
    app.given |= {"foundation": FakeFoundation(pem=""), "repository": FakeRepository()}
    return app


def stack(app: FakeApp) -> Any:
    return app.given["foundation"].stacks["tagship-hello-previews"]


def test_previews_have_a_stack_of_their_own_with_a_key_of_their_own_and_a_second_run_keeps_it(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    assert "stack tagship-hello-previews" in app.given["foundation"].done
    parameters = stack(app).parameters
    assert parameters["ReleaseKeyAlias"] == "alias/hello-previews"
    assert (parameters["Workflow"], parameters["SweepWorkflow"], parameters["SweepBranch"]) == (
        "preview.yml",
        "preview-sweep.yml",
        "main",
    )
    assert (parameters["Hosts"], parameters["Functions"], parameters["Services"]) == ("no", "yes", "no")
    assert (tmp_path / "keys/previews.pub.pem").is_file()
    assert all(change.same for change in setup(app).changes)


def test_the_role_is_for_the_names_of_the_template_whatever_the_number(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    [functions] = [
        one
        for one in statements("PreviewsOfFunctions", text=stack(app).template)
        if one["Sid"] == "ChangeTheseFunctions"
    ]
    arn = "arn:aws:lambda:us-east-1:123456789012:function:hello-pr-*-api"
    assert functions["Resource"] == [arn, f"{arn}:*"]


def test_services_are_named_with_their_cluster_and_task_definitions_by_the_services(tmp_path: Path) -> None:
    app = make(tmp_path, OF_SERVICES)
    setup(app)
    found = {
        one["Sid"]: one["Resource"] for one in statements("PreviewsOfServices", text=stack(app).template, Images="yes")
    }
    assert "arn:aws:ecs:us-east-1:123456789012:service/previews/web-*" in found["ChangeTheseServices"]
    assert found["MakeTaskDefinitions"] == ["arn:aws:ecs:us-east-1:123456789012:task-definition/web-*:*"]
    pushed = {one["Sid"]: one["Resource"] for one in statements("Preview", text=stack(app).template, Images="yes")}
    assert pushed["PushImages"] == ["arn:aws:ecr:us-east-1:123456789012:repository/hello-previews"]


def test_what_to_tell_github_is_printed(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    lines = "\n".join(app.screen.lines)
    for where in ("", " --env preview-sweep"):
        assert f"gh variable set AWS_PREVIEW_ROLE_ARN{where} --body arn:" in lines
    assert "environments/preview-sweep/deployment-branch-policies -f type=branch -f name='main'" in lines


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"signing": {"key": "kms:alias/hello", "public_key": "keys/x.pub.pem"}}, "signing.key is kms:alias/hello for"),
        ({"environments": {"pr-x": VALUES["environments"]["dev"]}}, "pr-x is named as previews are"),
        ({"environments": {"previews": VALUES["environments"]["dev"]}}, "previews is named as previews are"),
        ({"environments": {"dev": {"lambda": {"functions": {"hello-pr-x-api": FUNCTION}}}}}, "dev has hello-pr-x-api"),
    ],
)
def test_a_role_that_would_reach_more_is_refused(tmp_path: Path, changes: Any, problem: str) -> None:
    app = make(tmp_path, **changes)
    with pytest.raises(Refused, match=problem):
        setup(app)
    assert app.given["foundation"].done == []


def test_a_repository_of_images_that_another_environment_has_is_refused(tmp_path: Path) -> None:
    service = {"cluster": "dev", "services": {"web": {"health": {"url": "https://dev.example/healthz"}}}}
    dev = {"image": {"repository": f"{REGISTRY}/hello-previews"}, "ecs": service}
    with pytest.raises(Refused, match=f"dev has {REGISTRY}/hello-previews, too"):
        setup(make(tmp_path, OF_SERVICES, environments={"dev": dev}))


def test_a_role_of_tasks_that_another_environment_has_is_refused(tmp_path: Path) -> None:
    """Whoever pushes a branch could run a task with it, and read the secrets that it may read."""
    service = {"cluster": "dev", "services": {"web": {"health": {"url": "https://dev.example/healthz"}}}}
    dev = {"image": {"repository": f"{REGISTRY}/hello"}, "ecs": service | {"roles": ["shared"]}}
    template = OF_SERVICES | {"ecs": OF_SERVICES["ecs"] | {"roles": ["shared"]}}  # type: ignore[operator]
    with pytest.raises(Refused, match="dev has shared, too"):
        setup(make(tmp_path, template, environments={"dev": dev}))


def test_hosts_with_tags_that_every_preview_would_share_with_others_are_refused(tmp_path: Path) -> None:
    template = {"ec2": {"tags": {"tagship:app": "hello"}, "command": ["python3", "app-{n}.py"]}}
    dev = {"ec2": {"tags": {"tagship:app": "hello", "x": "dev"}, "command": ["x"]}}
    with pytest.raises(Refused, match="dev has the tags tagship:app=hello, x=dev, too"):
        setup(make(tmp_path, template, environments={"dev": dev}))


# -- taking it away ----------------------------------------------------------------------------------------------------


def record(app: FakeApp, number: int, state: str = "open") -> None:
    at = app.store.now().isoformat()
    made = PreviewRecord("hello", f"pr-{number}", number, state, at, at, "ada")
    app.store.create(layout.preview("hello", f"pr-{number}"), made.to_json())


def test_the_stack_of_previews_is_taken_away_by_name_and_the_others_stay(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    record(app, 51)
    record(app, 52, "closed")
    result = setup(app, remove=True, env="previews", yes=True)
    assert result.removed == ["stack tagship-hello-previews"]  # type: ignore[union-attr]
    assert set(app.given["foundation"].stacks) == {"tagship-hello", "tagship-hello-dev"}
    left = list(result.left)  # type: ignore[union-attr]
    assert "the preview pr-51, which nobody could close then; first: inv preview.close --pr 51" in left
    assert not any("pr-52" in words for words in left)
    assert "the key alias/hello-previews" in left


def test_it_goes_with_the_last_environment_also_when_tagship_toml_has_no_previews_any_more(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    app.settings = app.settings.model_copy(update={"previews": type(app.settings.previews)()})
    result = setup(app, remove=True, env="dev", yes=True)
    assert {"stack tagship-hello-dev", "stack tagship-hello-previews", "stack tagship-hello"} <= set(result.removed)  # type: ignore[union-attr]
    assert app.given["foundation"].stacks == {}


def test_the_name_previews_is_typed_and_without_a_stack_nothing_is_removed(tmp_path: Path) -> None:
    app = make(tmp_path)
    assert setup(app, remove=True, env="previews", yes=True).removed == ()  # type: ignore[union-attr]
    setup(app)
    app.prompt = FakePrompt("dev", "previews")
    setup(app, remove=True, env="previews")
    assert app.prompt.problems == ["Type previews to go on, or press Ctrl-C."]


# -- people ------------------------------------------------------------------------------------------------------------


def test_people_have_a_policy_to_close_previews_by_and_its_address_is_said(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    given = statements("PeopleOfPreviews", stack(app).template)
    assert allowed(given, "s3:PutObject", s3("hello/_preview/pr-51.json"))
    assert allowed(given, "tag:GetResources", "*")
    for action, key in (("s3:PutObject", "hello/pr-51/x/manifest.json"), ("s3:PutObject", "hello/_lease/dev.json")):
        assert not allowed(given, action, s3(key))


# -- doctor ------------------------------------------------------------------------------------------------------------


def examined(app: FakeApp) -> dict[str, list[tuple[str, str]]]:
    return {
        about: [(finding.state, finding.words) for finding in check(app)]  # type: ignore[arg-type]
        for about, check in CHECKS.items()
    }


def test_doctor_finds_previews_in_order(tmp_path: Path) -> None:
    app = make(tmp_path)
    setup(app)
    for name in ("preview.yml", "preview-sweep.yml"):
        (tmp_path / ".github/workflows").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".github/workflows" / name).write_text("")
    app.given["foundation"].stacks["tagship-hello-previews"] = replace(
        stack(app), outputs={"PreviewRoleArn": "arn:aws:iam::1:role/previews"}
    )
    record(app, 51)
    found = examined(app)
    assert {state for rows in found.values() for state, _ in rows} == {"ok"}
    assert found["open ones"] == [("ok", "1 preview open, 10 at most")]
    assert found["role"] == [("ok", "arn:aws:iam::1:role/previews")]


def test_doctor_names_what_previews_lack(tmp_path: Path) -> None:
    settings_of = {"environment": OF_FUNCTIONS, "remove": ["sh", "-c", "echo 'it names no tool yet'"], "limit": 1}
    app = make(tmp_path, previews=settings_of, signing={"key": "kms:alias/hello", "public_key": "keys/one.pem"})
    record(app, 51, "closing")
    found = examined(app)
    assert [words for _, words in found["template"]] == [
        "its role would reach more: signing.key is kms:alias/hello for every environment, without {environment}",
        "previews.remove names no tool: no preview can be closed",
    ]
    assert [words for _, words in found["workflows"]] == [
        "there is no .github/workflows/preview.yml, which AWS will trust",
        "there is no .github/workflows/preview-sweep.yml, which AWS will trust",
    ]
    assert found["role"] == [("failing", "there is no stack tagship-hello-previews: their jobs have no role")]
    assert found["open ones"] == [
        ("warning", "pr-51 should be gone: the sweep does not run, or fails"),
        ("warning", "open now: 1; previews.limit is 1: the next is refused"),
    ]


def test_doctor_finds_a_preview_that_nobody_deployed_to_for_long(tmp_path: Path) -> None:
    app = make(tmp_path)
    record(app, 51)
    app.clock.advance(73 * 3600)
    assert examined(app)["open ones"] == [("warning", "pr-51 should be gone: the sweep does not run, or fails")]
