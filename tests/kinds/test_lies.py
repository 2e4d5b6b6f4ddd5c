"""Lies about an image that no kind believes: a tag that was overwritten, and a digest that the registry lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.image import ImageStatus
from tagship.domain.manifest import ImageRef, Manifest
from tests.contract.functions import PATIENT, switch
from tests.contract.image_functions import ImageFunctions, in_folder
from tests.contract.services import REPOSITORY, Services

OLD, NEW = "0.1.0-dev", "0.1.1-dev"


@pytest.fixture(params=["live", ""], ids=["alias", "no alias"])
def functions(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageFunctions]:
    """One function of an image, which infrastructure made of `:latest`."""
    in_folder(tmp_path, monkeypatch)
    made = ImageFunctions.of_images(["one"], tmp_path, alias=request.param, health=PATIENT)
    yield made
    switch(update=0)
    made.remove()


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services.made(["api"])
    yield made
    made.remove()


def test_latest_overwritten_before_a_rollback_is_not_where_a_function_goes_back_to(functions: ImageFunctions) -> None:
    """The function ran `:latest` of then, which tagship did not deploy; and `:latest` is another image by now."""
    before = functions.build("latest")
    assert functions.build("latest", words="of another day") != before
    report = functions.deploy(NEW, "error")["one"]
    changed = not functions.connect().table.alias  # an alias is not moved before the version has answered
    assert (report.outcome, report.serving) == ("rolled-back" if changed else "failed", "")
    assert functions.digests() == [before]


def test_a_rollback_of_a_function_goes_to_the_digest_that_ran_whatever_its_tag_says(functions: ImageFunctions) -> None:
    functions.deploy(OLD)
    [ran] = functions.digests()
    functions.deploy(NEW)
    assert functions.build(OLD, words="rebuilt") != ran
    report = functions.carry_out(functions.change(functions.artifact(OLD), "rollback"))["one"]
    assert (report.outcome, report.serving) == ("healthy", OLD)
    assert functions.digests() == [ran]


def test_an_image_rebuilt_under_the_same_tag_is_not_what_a_function_runs(functions: ImageFunctions) -> None:
    artifact = functions.publish(OLD)
    published = functions.build(OLD)
    assert functions.build(OLD, words="rebuilt") != published
    report = functions.carry_out(functions.change(artifact))["one"]
    assert report.outcome == "healthy"
    assert functions.digests() == [published]


@pytest.mark.parametrize("state", ["missing", "archived", "activating"])
@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_a_digest_that_the_registry_lost_or_archived_is_told_before_a_function_changes(
    functions: ImageFunctions, state: str, action: str
) -> None:
    functions.publish(OLD)
    registry = functions.app.given["registry"]
    image: ImageRef = registry.stored[REPOSITORY, OLD]
    registry.states[image.digest] = ImageStatus(state, restore="aws ecr x")
    stored = functions.app.store.get(f"hello/dev/{OLD}/manifest.json")
    assert stored
    target = functions.connect()
    obstacles = target.obstacles(action, Manifest.from_json(stored.body, "here"), "", target.units())
    assert [obstacle.artifact for obstacle in obstacles] == [True]
    assert obstacles[0].what.startswith(f"no function can run {image.by_digest}")


def test_an_image_rebuilt_under_the_same_tag_is_not_what_a_service_runs(services: Services) -> None:
    artifact = services.publish(OLD)
    [published] = services.images
    services.app.registry.stored[REPOSITORY, OLD] = ImageRef(REPOSITORY, OLD, "sha256:" + "9" * 64)  # type: ignore[attr-defined]
    report = services.carry_out(services.change(artifact))["api"]
    assert (report.outcome, set(services.digests("api"))) == ("healthy", {published})


def test_a_rollback_of_a_service_goes_to_the_digest_that_ran_whatever_latest_says(services: Services) -> None:
    services.deploy(OLD)
    ran = set(services.digests("api"))
    services.deploy(NEW)
    for tag in ("latest", OLD):
        services.app.registry.stored[REPOSITORY, tag] = ImageRef(REPOSITORY, tag, "sha256:" + "9" * 64)  # type: ignore[attr-defined]
    report = services.carry_out(services.change(services.artifact(OLD), "rollback"))["api"]
    assert (report.outcome, set(services.digests("api"))) == ("healthy", ran)
