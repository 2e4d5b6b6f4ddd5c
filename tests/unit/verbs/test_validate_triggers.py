"""`validate` for every trigger but a tag: what it deploys where, under which id, and why it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.domain.trigger import BOT, Trigger
from tagship.errors import Refused, ServiceFailed, SettingsError, UsageError
from tagship.verbs.validate import Outputs, validate
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.ci import FakeCi
from tests.fakes.forge import FakeForge
from tests.unit.ci import COMMIT, OTHER, ci_app

HERE = "acme/hello"
ID, NEXT = f"{COMMIT[:8]}-20261120-120000", f"{OTHER[:8]}-20261120-120100"


def on(branch: str) -> dict[str, Any]:
    return VALUES["environments"]["dev"] | {"branch": branch}


ENVIRONMENTS = {
    "dev": on("dev"),
    "preprod": on("main") | {"suffix": "pre"},
    "prod": on("main") | {"suffix": ""},
    "staging": on("staging"),
}


def started(tmp_path: Path, event: str, payload: dict[str, Any] | None = None, **more: Any) -> FakeApp:
    """A run of an event at OTHER, the second commit of main."""
    given = {"environments": ENVIRONMENTS, "promotion": {"order": ["dev", "preprod", "prod"]}}
    app = ci_app(tmp_path, **given)
    app.given["repository"].branches = {"dev": [COMMIT], "main": [COMMIT, OTHER], "staging": [OTHER]}
    app.given["forge"] = FakeForge()
    facts = {"ref": "refs/heads/main", "commit": OTHER} | more
    app.ci = FakeCi(True, trigger=Trigger.of(event, payload or {}, HERE, **facts))
    return app


def earlier(**changes: Any) -> dict[str, Any]:
    run = {"name": "ci", "conclusion": "success", "event": "push", "head_branch": "main", "head_sha": OTHER}
    return {"workflow_run": run | {"head_repository": {"full_name": HERE}} | changes}


def test_a_pushed_branch_deploys_its_commit_under_an_id_of_its_own(tmp_path: Path) -> None:
    outputs = validate(started(tmp_path, "push", ref="refs/heads/staging"))
    reason = f"{OTHER[:8]} was pushed to staging"
    assert outputs == Outputs(True, "staging", NEXT, f"staging-{NEXT}", commit=OTHER, reason=reason)


def test_of_several_environments_of_a_branch_the_first_of_the_order_is_deployed(tmp_path: Path) -> None:
    assert validate(started(tmp_path, "push")).environment == "preprod"
    assert validate(started(tmp_path, "push"), env="prod").environment == "prod"


@pytest.mark.parametrize(
    ("ref", "env", "reason"),
    [
        ("refs/heads/feature", "", "no environment is deployed from feature"),
        ("refs/heads/main", "dev", "dev is deployed from dev, and this is main"),
        ("refs/heads/main", "elsewhere", "tagship.toml has no environment elsewhere"),
    ],
)
def test_a_branch_of_no_environment_deploys_nothing(tmp_path: Path, ref: str, env: str, reason: str) -> None:
    assert validate(started(tmp_path, "push", ref=ref), env=env) == Outputs(False, reason=reason)


def test_two_environments_of_a_branch_without_an_order_are_not_guessed(tmp_path: Path) -> None:
    app = started(tmp_path, "push")
    app.settings = app.settings.model_copy(update={"promotion": type(app.settings.promotion)()})
    assert validate(app).reason == "preprod and prod are deployed from main"


def test_a_ci_that_passed_deploys_the_commit_that_it_tested(tmp_path: Path) -> None:
    outputs = validate(started(tmp_path, "workflow_run", earlier(head_sha=COMMIT)))
    assert (outputs.should_deploy, outputs.environment, outputs.version) == (True, "preprod", ID)
    assert (outputs.commit, outputs.skip_build) == (COMMIT, False)
    assert outputs.reason == f"{COMMIT[:8]} passed CI on main"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"conclusion": "failure"}, "ci ended as failure"),
        ({"conclusion": "cancelled"}, "ci ended as cancelled"),
        ({"conclusion": None}, "ci ended as unknown"),
        ({"event": "pull_request"}, "ci ran for pull_request, and only what was pushed is deployed"),
        ({"head_repository": {"full_name": "mallory/hello"}}, "ci ran for another repository's commit"),
        ({"head_repository": None}, "ci ran for another repository's commit"),
    ],
)
def test_workflow_run_never_deploys_what_failed_or_is_a_strangers(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    for env in ("", "prod"):
        assert validate(started(tmp_path, "workflow_run", earlier(**changes)), env=env) == Outputs(False, reason=reason)


def test_an_event_that_cannot_be_read_deploys_nothing(tmp_path: Path) -> None:
    assert validate(started(tmp_path, "workflow_run")).reason == "the earlier run ended as unknown"


def pull(owner: str, action: str = "opened") -> dict[str, Any]:
    head = {"ref": "feature", "sha": OTHER, "repo": {"full_name": owner}}
    return {"action": action, "pull_request": {"number": 51, "head": head}}


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (HERE, "a pull request is deployed to no environment"),
        ("mallory/hello", "a fork's pull request is deployed nowhere: its code is a stranger's"),
    ],
)
def test_a_pull_request_deploys_nothing(tmp_path: Path, owner: str, reason: str) -> None:
    assert validate(started(tmp_path, "pull_request", pull(owner))) == Outputs(False, reason=reason)


@pytest.mark.parametrize("owner", [HERE, "mallory/hello"])
def test_what_runs_with_the_base_branchs_rights_deploys_no_pull_request(tmp_path: Path, owner: str) -> None:
    outputs = validate(previewing(started(tmp_path, "pull_request_target", pull(owner))))
    assert (outputs.should_deploy, outputs.should_close, outputs.environment) == (False, False, "")


def previewing(app: FakeApp) -> FakeApp:
    template = {"ec2": {"tags": {"tagship:environment": "pr-{n}"}, "command": ["python3", "app.py"]}}
    table = {"environment": template, "remove": ["cdk", "destroy"]}
    app.settings = settings(environments=ENVIRONMENTS, previews=table)
    return app


@pytest.mark.parametrize("action", ["opened", "synchronize", "reopened"])
def test_with_previews_a_pull_requests_head_is_deployed_to_its_own_environment(tmp_path: Path, action: str) -> None:
    outputs = validate(previewing(started(tmp_path, "pull_request", pull(HERE, action))))
    reason = f"{OTHER[:8]} is the head of pull request 51"
    assert outputs == Outputs(True, "pr-51", NEXT, f"pr-51-{NEXT}", commit=OTHER, reason=reason)


def test_a_pull_request_that_is_closed_has_its_environment_closed_and_nothing_deployed(tmp_path: Path) -> None:
    outputs = validate(previewing(started(tmp_path, "pull_request", pull(HERE, "closed"))))
    assert outputs == Outputs(False, "pr-51", reason="pull request 51 was closed", should_close=True)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (("mallory/hello", "opened"), "a fork's pull request is deployed nowhere: its code is a stranger's"),
        (("mallory/hello", "closed"), "a fork's pull request is deployed nowhere: its code is a stranger's"),
        ((HERE, "labeled"), "pull request 51 was labeled, and that deploys nothing"),
    ],
)
def test_what_has_no_preview_has_none(tmp_path: Path, payload: tuple[str, str], reason: str) -> None:
    assert validate(previewing(started(tmp_path, "pull_request", pull(*payload)))) == Outputs(False, reason=reason)


def test_a_schedule_deploys_nothing(tmp_path: Path) -> None:
    assert validate(started(tmp_path, "schedule")).reason == "schedule started this run, and that deploys nothing"


# -- promotion ---------------------------------------------------------------------------------------------------------


def test_what_came_through_the_environment_before_is_promoted_once_somebody_approves(tmp_path: Path) -> None:
    outputs = validate(started(tmp_path, "workflow_run", earlier(name="build-and-promote")), env="prod")
    assert (outputs.should_deploy, outputs.environment, outputs.version) == (True, "prod", NEXT)
    assert (outputs.skip_build, outputs.approval, outputs.after) == (True, True, "")
    assert outputs.reason == f"{OTHER[:8]} came through preprod"


def test_a_bots_own_change_needs_no_approval_after_what_ran_before_it(tmp_path: Path) -> None:
    app = started(tmp_path, "workflow_run", earlier())
    app.given["forge"].authors[OTHER] = BOT
    outputs = validate(app, env="prod")
    assert (outputs.approval, outputs.after) == (False, ID)
    assert outputs.reason.endswith(f"and is a change of {BOT}")


def test_if_github_does_not_say_whose_it_was_it_needs_an_approval(tmp_path: Path) -> None:
    app = started(tmp_path, "workflow_run", earlier())
    app.given["forge"].fails = 1
    assert validate(app, env="prod").approval
    assert "needs an approval" in app.screen.warnings[0]


# -- by hand -----------------------------------------------------------------------------------------------------------


def asked(tmp_path: Path, ref: str = "refs/heads/main", **inputs: str) -> FakeApp:
    return started(tmp_path, "workflow_dispatch", {"inputs": inputs}, ref=ref)


@pytest.mark.parametrize(
    ("given", "version", "image_tag", "tag"),
    [
        ({"version": "1.4.0"}, "1.4.0", "1.4.0", "1.4.0"),
        ({"image_tag": "1.4.0"}, "1.4.0", "1.4.0", "1.4.0"),
        ({"image_tag": f"prod-{ID}"}, ID, f"prod-{ID}", ""),
        ({"version": ID, "image_tag": ""}, ID, f"prod-{ID}", ""),
    ],
)
def test_a_dispatch_that_names_a_version_builds_nothing(
    tmp_path: Path, given: dict[str, str], version: str, image_tag: str, tag: str
) -> None:
    outputs = validate(asked(tmp_path, environment="prod", **given))
    assert (outputs.environment, outputs.version, outputs.image_tag) == ("prod", version, image_tag)
    assert (outputs.tag, outputs.skip_build, outputs.approval) == (tag, True, True)
    assert outputs.reason == f"somebody asked for {version} on prod"


def test_a_dispatch_without_a_version_deploys_its_commit(tmp_path: Path) -> None:
    outputs = validate(asked(tmp_path, "refs/heads/staging", environment="staging"))
    assert (outputs.version, outputs.skip_build, outputs.tag) == (NEXT, False, "")


def test_a_dispatch_off_the_environments_branch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not on dev, and dev is deployed from nothing else"):
        validate(asked(tmp_path, environment="dev"))


def test_production_is_not_built_by_hand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="prod runs what came through preprod: name that version"):
        validate(asked(tmp_path, environment="prod"))


@pytest.mark.parametrize("version", ["$(id)", "1.4.0; rm", "../x", "latest"])
def test_what_is_no_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(UsageError):
        validate(asked(tmp_path, environment="prod", version=version))


def test_an_environment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no environment"):
        validate(asked(tmp_path, environment="nowhere"))
    with pytest.raises(UsageError, match="names no environment"):
        validate(asked(tmp_path))


def test_an_answer_that_was_lost_is_no_approval(tmp_path: Path) -> None:
    app = started(tmp_path, "workflow_run", earlier())
    app.given["forge"].silence = ServiceFailed("GitHub answered 502.", remedy="Wait.")
    app.given["forge"].fails = 5
    assert validate(app, env="prod").after == ""
