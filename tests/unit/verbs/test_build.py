"""`build`: one image a commit, known by the registry's own digest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.errors import NotAuthentic, Refused, ServiceFailed
from tagship.verbs.build import build
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.fakes.images import FakeImages
from tests.unit.ci import COMMIT, OTHER, VERSION, ci_app

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"


def docker_app(root: Path, images: FakeImages) -> FakeApp:
    app = ci_app(
        root, environments=environments(ec2={"runtime": "docker", "command": []}, image={"repository": REPOSITORY})
    )
    app.given |= {"builder": images, "registry": images}
    app.ci = FakeCi(run="4711")
    return app


def test_a_process_has_no_image_and_that_is_fine(tmp_path: Path) -> None:
    app = ci_app(tmp_path)
    assert build(app, artifact=VERSION) is None
    assert app.screen.lines == ["dev runs 0.1.0-dev as a process: there is no image to build"]


def test_an_image_is_built_pushed_and_written_down_by_digest(tmp_path: Path) -> None:
    images = FakeImages()
    app = docker_app(tmp_path, images)
    image = build(app, artifact=VERSION)
    assert image is not None
    assert images.calls == [f"login {REPOSITORY}", f"build {tmp_path.name} Dockerfile {REPOSITORY}:{VERSION}"]
    written = json.loads((tmp_path / ".tagship/build" / VERSION / "image.json").read_text())
    assert written == {
        "repository": REPOSITORY,
        "tag": VERSION,
        "digest": image.digest,
        "build_time": "2026-11-20T12:00:00Z",
    }


def test_the_image_knows_where_it_comes_from(tmp_path: Path) -> None:
    images = FakeImages()
    app = docker_app(tmp_path, images)
    app.ci.pull_request = "51"
    image = build(app, artifact=VERSION)
    assert image is not None
    assert images.arguments[image.digest] == {
        "VERSION": VERSION,
        "COMMIT_SHA": COMMIT,
        "BRANCH": "dev",
        "BUILD_TIME": "2026-11-20T12:00:00Z",
        "WORKFLOW_RUN_ID": "4711",
        "PR_NUMBER": "51",
    }
    assert images.labels(image)["org.opencontainers.image.revision"] == COMMIT


def test_building_again_finds_the_image_and_keeps_its_time(tmp_path: Path) -> None:
    images = FakeImages()
    first = build(docker_app(tmp_path, images), artifact=VERSION)
    later = docker_app(tmp_path, images)
    later.clock.advance(3600)
    assert build(later, artifact=VERSION) == first
    assert len([call for call in images.calls if call.startswith("build")]) == 1
    written = json.loads((tmp_path / ".tagship/build" / VERSION / "image.json").read_text())
    assert written["build_time"] == "2026-11-20T12:00:00Z"


def test_an_image_of_another_commit_under_the_tag_is_refused(tmp_path: Path) -> None:
    images = FakeImages()
    app = docker_app(tmp_path, images)
    app.given["repository"].annotate(VERSION, OTHER)
    app.given["repository"].head = OTHER
    build(app, artifact=VERSION)
    with pytest.raises(Refused, match=f"is taken by commit {OTHER}, not {COMMIT}"):
        build(docker_app(tmp_path, images), artifact=VERSION)


def test_a_checkout_of_another_commit_is_refused(tmp_path: Path) -> None:
    app = docker_app(tmp_path, FakeImages())
    app.given["repository"].head = OTHER
    with pytest.raises(Refused, match="the checkout is at bada5500") as caught:
        build(app, artifact=VERSION)
    assert caught.value.remedy == f"Check it out: git checkout --detach {COMMIT}"


def test_a_dry_run_builds_nothing(tmp_path: Path) -> None:
    images = FakeImages()
    assert build(docker_app(tmp_path, images), artifact=VERSION, dry_run=True) is None
    assert images.calls == []


class Forgetful(FakeImages):
    """A registry that does not have what was pushed."""

    def find(self, repository: str, tag: str) -> None:
        return None


class Overtaken(FakeImages):
    """A registry whose tag somebody moved right after the push."""

    def find(self, repository: str, tag: str):  # type: ignore[no-untyped-def]
        found = super().find(repository, tag)
        return found and replace(found, digest="sha256:" + "f" * 64)


def test_a_push_that_did_not_arrive_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="the registry does not have it"):
        build(docker_app(tmp_path, Forgetful()), artifact=VERSION)


def test_a_tag_that_moved_after_the_push_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(NotAuthentic, match=r"was pushed as sha256:.* but the registry has sha256:ffff"):
        build(docker_app(tmp_path, Overtaken()), artifact=VERSION)
    assert not (tmp_path / ".tagship/build" / VERSION / "image.json").exists()
