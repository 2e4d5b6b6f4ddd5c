"""Tags with a prefix, from verb to verb: tags and git's commands have it, versions, records and our own do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.errors import Refused, UsageError
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy_dev import deploy_dev
from tagship.verbs.publish import publish
from tagship.verbs.tag import tag
from tagship.verbs.tag_undo import tag_undo
from tagship.verbs.validate import validate
from tagship.verbs.versions import versions
from tests.fakes.ci import FakeCi
from tests.unit.channel import Release
from tests.unit.ci import COMMIT, VERSION, ci_app

PREFIX: dict[str, Any] = {"tags": {"prefix": "v"}}


def release(*answers: object, **changes: Any) -> Release:
    return Release(*answers, **{**PREFIX, **changes})


def test_the_next_version_is_pushed_under_its_tag() -> None:
    begun = release()
    shipped = deploy_dev(begun.app, yes=True, follow=False)
    assert str(shipped.plan.version) == "0.1.1-dev"
    assert begun.repository.pushes == [("dev", "v0.1.1-dev")]
    assert sorted(begun.remote.tags) == ["v0.1.0-dev", "v0.1.1-dev"]
    assert begun.app.screen.lines[-1] == "Pushed v0.1.1-dev to origin."
    assert "  v0.1.1-dev = 1 commit since v0.1.0-dev: Mend the thing" in begun.app.screen.lines
    data = shipped.as_data()
    assert (data["version"], data["tag"]) == ("0.1.1-dev", "v0.1.1-dev")


def test_what_git_is_told_has_the_prefix_and_what_inv_is_told_has_not() -> None:
    begun = release()
    tag(begun.app, yes=True)
    text = "\n".join(begun.app.screen.lines)
    assert "v0.1.1-dev is tagged here, and not pushed." in text
    assert "undo it: git tag --delete v0.1.1-dev" in text
    assert "refs/tags/v0.1.1-dev:refs/tags/v0.1.1-dev" in text
    assert tag_undo(begun.app, version="0.1.1-dev", yes=True).outcome == "undone"
    assert sorted(begun.repository.local) == ["v0.1.0-dev"]
    assert begun.app.screen.lines[-1] == "The tag v0.1.1-dev is gone."


def test_a_version_that_is_typed_at_the_prompt_may_have_it() -> None:
    begun = release("another", "v0.2.0-dev", True)
    assert str(deploy_dev(begun.app, follow=False).plan.version) == "0.2.0-dev"


def test_the_lists_have_both() -> None:
    begun = release()
    listed = versions(begun.app).as_data()
    assert [(entry["version"], entry["tag"]) for entry in listed["versions"]] == [("0.1.0-dev", "v0.1.0-dev")]  # type: ignore[attr-defined,index]
    assert listed["next"] == {"patch": "0.1.1-dev", "minor": "0.2.0-dev", "major": "1.0.0-dev"}


def test_ci_reads_the_version_out_of_its_tag(tmp_path: Path) -> None:
    app = ci_app(tmp_path, **PREFIX)
    app.given["repository"].prefix = "v"
    app.given["repository"].annotate("v" + VERSION, COMMIT)
    app.ci = FakeCi(running=True, tag="v" + VERSION, commit=COMMIT)
    outputs = validate(app)
    assert (outputs.version, outputs.tag, outputs.image_tag) == (VERSION, "v" + VERSION, VERSION)


@pytest.mark.parametrize("name", ["0.1.0-dev", "api-0.1.0-dev", "web-v0.1.0-dev", "nightly"])
def test_ci_refuses_another_apps_tag(tmp_path: Path, name: str) -> None:
    app = ci_app(tmp_path, **PREFIX)
    app.ci = FakeCi(running=True, tag=name, commit=COMMIT)
    with pytest.raises(UsageError, match="does not belong to hello, whose tags begin with v") as problem:
        validate(app)
    assert problem.value.remedy.endswith("on.push.tags: v*")


# -- a first version beside others -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [False, True])
def test_it_does_not_begin_at_0_1_0_beside_versions_that_are_tagged_otherwise(first: bool) -> None:
    begun = Release(released=("v1.4.0", "v1.10.0", "v1.3.9"))
    with pytest.raises(Refused, match=r"there are versions already, such as v1\.10\.0") as problem:
        deploy_dev(begun.app, yes=True, first=first, follow=False)
    assert 'write under [tags]: prefix = "v"' in problem.value.remedy
    assert 'if not, prefix = ""' in problem.value.remedy
    assert problem.value.remedy.count("--first") == 1
    assert begun.unchanged


def test_it_begins_once_the_settings_say_which_are_its_own() -> None:
    begun = Release(released=("v1.4.0",), tags={"prefix": ""})
    with pytest.raises(Refused, match=r"there is no tag X\.Y\.Z-dev .* but v1\.4\.0, which \[tags\] .* leaves out"):
        deploy_dev(begun.app, yes=True, follow=False)
    assert str(deploy_dev(begun.app, yes=True, first=True, follow=False).plan.version) == "0.1.0-dev"


def test_versions_of_the_own_prefix_are_no_reason() -> None:
    begun = Release(released=("1.4.0",))
    with pytest.raises(Refused, match=r"there is no tag X\.Y\.Z-dev"):
        deploy_dev(begun.app, yes=True, follow=False)
    assert str(deploy_dev(begun.app, yes=True, first=True, follow=False).plan.version) == "0.1.0-dev"


def test_the_manifest_names_the_tag_as_git_does_and_all_else_by_the_version(tmp_path: Path) -> None:
    app = ci_app(tmp_path, **PREFIX)
    app.given["repository"].prefix = "v"
    app.given["repository"].annotate("v" + VERSION, COMMIT)
    app.ci = FakeCi(running=True, tag="v" + VERSION, commit=COMMIT)
    bundle(app)
    manifest = publish(app)
    assert manifest
    assert (manifest.tag, manifest.version, manifest.artifact_id) == ("v" + VERSION, VERSION, VERSION)
    assert [key for key in app.store.objects if "v0.1.0" in key] == []
