"""setup with [previews]: one stack for all of them, which reaches names of the template, or is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import Refused
from tagship.verbs.setup import setup
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.foundation import FakeFoundation
from tests.fakes.repository import FakeRepository
from tests.unit.test_policies import statements

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
