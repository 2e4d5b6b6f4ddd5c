"""`build`: an image as a file, without a registry and without credentials."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tagship.domain.image import Recipe
from tagship.domain.manifest import sha256
from tagship.errors import Refused
from tagship.verbs.build import build
from tests.fakes.app import FakeApp, environments
from tests.fakes.ci import FakeCi
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeImages
from tests.unit.ci import COMMIT, OTHER, VERSION, ci_app, several_app

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
    assert build(app, artifact=VERSION) == {}
    assert app.screen.lines == ["dev runs 0.1.0-dev as a process: there is no image to build"]


def test_an_image_is_built_into_a_file_and_written_down(tmp_path: Path) -> None:
    images = FakeImages()
    built = build(docker_app(tmp_path, images), artifact=VERSION)[""]
    assert images.calls == [f"build {tmp_path.name} Dockerfile {REPOSITORY}:{VERSION}"]
    place = tmp_path / ".tagship/build" / VERSION
    assert json.loads((place / "image.json").read_text()) == {
        "repository": REPOSITORY,
        "tag": VERSION,
        "id": built.id,
        "sha256": sha256((place / "image.tar").read_bytes()),
        "commit": COMMIT,
        "build_time": "2026-11-20T12:00:00Z",
        "base": "",
        "inputs": "",
        "changed": built.changed,
    }
    assert "Dockerfile" in built.changed


def test_building_asks_no_registry_and_pushes_nothing(tmp_path: Path) -> None:
    """So that it needs no credentials: what a build runs could take them."""
    images = FakeImages()
    build(docker_app(tmp_path, images), artifact=VERSION)
    assert images.stored == {}
    assert not [call for call in images.calls if not call.startswith("build")]


def test_the_image_knows_where_it_comes_from(tmp_path: Path) -> None:
    images = FakeImages()
    app = docker_app(tmp_path, images)
    app.ci.pull_request = "51"
    image = build(app, artifact=VERSION)[""]
    assert images.arguments[image.id] == {
        "VERSION": VERSION,
        "COMMIT_SHA": COMMIT,
        "BRANCH": "dev",
        "BUILD_TIME": "2026-11-20T12:00:00Z",
        "WORKFLOW_RUN_ID": "4711",
        "PR_NUMBER": "51",
    }
    assert images.labelled[image.id]["org.opencontainers.image.revision"] == COMMIT


class Running(FakeClock):
    """A clock that goes on: each look is a second later."""

    def now(self) -> datetime:
        self.advance(1)
        return self.time


def test_its_record_its_arguments_and_its_labels_name_one_time(tmp_path: Path) -> None:
    images = FakeImages()
    app = docker_app(tmp_path, images)
    app.clock = Running()
    image = build(app, artifact=VERSION)[""]
    labelled = images.labelled[image.id]["org.opencontainers.image.created"]
    assert image.build_time == images.arguments[image.id]["BUILD_TIME"] == labelled


def test_a_checkout_of_another_commit_is_refused(tmp_path: Path) -> None:
    app = docker_app(tmp_path, FakeImages())
    app.given["repository"].head = OTHER
    with pytest.raises(Refused, match="the checkout is at bada5500") as caught:
        build(app, artifact=VERSION)
    assert caught.value.remedy == f"Check it out: git checkout --detach {COMMIT}"


def test_a_dry_run_builds_nothing(tmp_path: Path) -> None:
    images = FakeImages()
    assert build(docker_app(tmp_path, images), artifact=VERSION, dry_run=True) == {}
    assert images.calls == []


def test_every_image_of_an_environment_is_built_each_into_its_file(tmp_path: Path) -> None:
    images = FakeImages()
    built = build(several_app(tmp_path, images), artifact=VERSION)
    assert sorted(built) == ["api", "worker"]
    place = tmp_path / ".tagship/build" / VERSION
    for name, image in built.items():
        assert json.loads((place / f"image-{name}.json").read_text())["id"] == image.id
        assert image.sha256 == sha256((place / f"image-{name}.tar").read_bytes())
    assert images.recipes["r.example/api:" + VERSION] == Recipe("app", "linux/amd64", smoke=("true",), says="api: ")
    assert images.arguments[built["worker"].id]["FLAVOUR"] == "slim"
    assert images.arguments[built["worker"].id]["VERSION"] == VERSION


def test_images_are_built_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other to have begun: one after the other, neither would end."""
    begun = Barrier(2, timeout=30)

    class Waiting(FakeImages):
        def build(self, *given: Any, **named: Any) -> str:
            begun.wait()
            return super().build(*given, **named)

    assert len(build(several_app(tmp_path, Waiting()), artifact=VERSION)) == 2


def test_what_is_to_be_built_is_said_first(tmp_path: Path) -> None:
    app = several_app(tmp_path, FakeImages())
    build(app, artifact=VERSION, dry_run=True)
    assert app.screen.lines == [
        f"build r.example/api:{VERSION} of c0ffee00 from Dockerfile, stage app",
        f"build r.example/worker:{VERSION} of c0ffee00 from worker/Dockerfile",
        "Nothing was changed.",
    ]


def test_edits_that_nobody_committed_are_warned_of(tmp_path: Path) -> None:
    app = docker_app(tmp_path, FakeImages())
    app.given["repository"].changed = ["app/app.py", "b"]
    build(app, artifact=VERSION)
    assert app.screen.warnings == ["the build has edits that c0ffee00 lacks: app/app.py, b"]
