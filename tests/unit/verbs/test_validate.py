"""`validate`: only an annotated tag on its channel's branch deploys, and the later steps are told in lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.errors import Refused, SettingsError, TagshipError, UsageError
from tagship.ports.repository import Tag
from tagship.verbs.validate import Outputs, validate
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.unit.ci import COMMIT, OTHER, VERSION, ci_app


def run_of(tag: str, commit: str = COMMIT) -> FakeCi:
    return FakeCi(running=True, tag=tag, commit=commit)


def test_the_tag_of_the_run_becomes_the_outputs(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    app.ci = run_of(VERSION)
    outputs = validate(app)
    assert outputs == Outputs(True, "dev", VERSION, VERSION, VERSION, commit=COMMIT, reason=f"the tag {VERSION}")
    lines = ["should_deploy=true", "environment=dev", "version=0.1.0-dev", "image_tag=0.1.0-dev", "tag=0.1.0-dev"]
    lines += [
        "skip_build=false",
        f"commit={COMMIT}",
        "approval=false",
        "after=",
        "should_close=false",
        f"reason=the tag {VERSION}",
    ]
    assert app.screen.lines == lines
    assert [f"{name}={value}" for name, value in app.ci.outputs.items()] == lines


def test_a_run_that_nothing_is_known_of_deploys_nothing_and_succeeds(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    app.ci = run_of("")
    reason = "no tag set off this run, and --version names none"
    assert validate(app) == Outputs(False, reason=reason)
    assert app.screen.lines[-1] == f"reason={reason}"
    assert app.ci.outputs["should_deploy"] == "false"


def test_outside_ci_the_artifact_is_named(tmp_path: Path) -> None:
    assert validate(ci_app(tmp_path), artifact=VERSION).environment == "dev"


def refused(app: FakeApp, run: FakeCi, error: type[TagshipError], message: str) -> TagshipError:
    app.ci = run
    with pytest.raises(error, match=message) as caught:
        validate(app)
    assert app.ci.outputs == {}
    assert caught.value.remedy
    return caught.value


def test_a_tag_that_is_not_on_its_branch_is_refused(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    app.given["repository"].annotate("0.1.1-dev", OTHER)
    problem = refused(app, run_of("0.1.1-dev", OTHER), Refused, r"0\.1\.1-dev is at bada5500, not on dev")
    assert problem.exit_code == 3
    assert "Merge the commit into dev" in problem.remedy


def test_a_lightweight_tag_is_refused(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    app.given["repository"].tags["0.1.1-dev"] = Tag("0.1.1-dev", COMMIT, COMMIT)
    refused(app, run_of("0.1.1-dev"), Refused, "is a lightweight tag")


def test_a_tag_that_moved_after_the_run_began_is_refused(tmp_path: Path) -> None:
    refused(ci_app(tmp_path), run_of(VERSION, OTHER), Refused, "has moved: this run was started at bada5500")


def test_a_tag_that_was_taken_back_is_refused(tmp_path: Path) -> None:
    refused(ci_app(tmp_path), run_of("0.1.7-dev"), Refused, r"origin has no tag 0\.1\.7-dev")


@pytest.mark.parametrize(
    "tag", ["v0.1.0-dev", "latest-dev", "0.1.0-dev; rm -rf /", "0.1.0\n-dev", "0.1.\N{ARABIC-INDIC DIGIT ZERO}-dev"]
)
def test_a_tag_that_is_no_version_is_refused(tag: str, tmp_path: Path) -> None:
    assert refused(ci_app(tmp_path), run_of(tag), UsageError, "is not a version").exit_code == 2


def test_a_version_of_an_unknown_channel_is_refused(tmp_path: Path) -> None:
    refused(ci_app(tmp_path), run_of("0.1.0-staging"), SettingsError, "'staging' belongs to no environment")


def test_a_version_of_another_channel_than_the_environments_is_refused(tmp_path: Path) -> None:
    both = {**environments(), "prod": {**environments()["dev"], "branch": "main", "suffix": ""}}
    app = ci_app(tmp_path, environments=both)
    with pytest.raises(Refused, match="is not a version of prod, whose versions have no suffix"):
        validate(app, artifact=VERSION, env="prod")
