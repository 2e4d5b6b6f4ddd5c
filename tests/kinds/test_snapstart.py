"""Functions whose versions start from a snapshot, and functions for other processors than an image's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import strict_aws
from tests.contract.functions import PATIENT, Functions, switch
from tests.contract.image_functions import ImageFunctions, in_folder

OLD, NEW = "0.1.0-dev", "0.1.1-dev"


@pytest.fixture
def place() -> Iterator[Functions]:
    """One function with SnapStart that runs 0.1.0-dev."""
    made = Functions.made(["one"], more={"timeout": 5}, health=PATIENT)
    switch(snapshot=0.3, failed_snapshots=0)
    made.client.update_function_configuration(FunctionName=made.names[0], SnapStart={"ApplyOn": "PublishedVersions"})
    assert made.deploy(OLD)["one"].outcome == "healthy"
    yield made
    switch(snapshot=1.0, failed_snapshots=0, update=0)
    made.remove()


def alias(place: Functions) -> Any:
    return place.client.get_alias(FunctionName=place.names[0], Name="live")


def described(place: Functions, number: str) -> Any:
    return place.client.get_function_configuration(FunctionName=place.names[0], Qualifier=number)


def test_no_caller_is_led_to_a_version_before_it_has_its_snapshot(place: Functions) -> None:
    """What the alias's version was at each move."""
    moved_to: list[tuple[str, str]] = []

    def note(params: Any, **_: Any) -> None:
        if "FunctionVersion" in (body := params["body"].decode() if params["body"] else ""):
            number = next(part for part in body.replace('"', " ").split("FunctionVersion")[1].split() if part.isdigit())
            now = described(place, number)
            moved_to.append((now["State"], now["SnapStart"]["OptimizationStatus"]))

    events = place.app.aws.client("lambda").meta.events
    events.register("before-call.lambda.UpdateAlias", note)
    try:
        report = place.deploy(NEW)["one"]
    finally:
        events.unregister("before-call.lambda.UpdateAlias", note)
    assert (report.outcome, report.serving) == ("healthy", NEW)
    assert moved_to == [("Active", "On")]


def test_a_snapshot_that_fails_is_told_in_lambdas_words_and_no_caller_meets_it(place: Functions) -> None:
    before = alias(place)["FunctionVersion"]
    switch(failed_snapshots=1)
    report = place.deploy(NEW)["one"]
    assert (report.outcome, report.serving) == ("failed", OLD)
    assert (
        "is Failed (FunctionError.RuntimeInitError: Error: Runtime exited with error: exit status 1)" in report.reason
    )
    assert (alias(place)["FunctionVersion"], place.serving()) == (before, [OLD])


def test_a_snapshot_that_takes_longer_than_the_settings_allow_is_given_up(place: Functions) -> None:
    switch(snapshot=60)
    report = place.deploy(NEW)["one"]
    assert (report.outcome, report.serving) == ("failed", OLD)
    assert report.reason == "its new version was not ready to be invoked within 5 s"
    assert place.serving() == [OLD]


def test_a_rollback_wakes_a_version_that_nobody_used_for_weeks(place: Functions) -> None:
    old = alias(place)["FunctionVersion"]
    place.deploy(NEW)
    strict_aws.world().switch({"lambda": {"states": {f"{place.names[0]}:{old}": "Inactive"}}})
    report = place.carry_out(place.change(place.artifact(OLD), "rollback"))["one"]
    assert (report.outcome, report.serving, place.serving()) == ("healthy", OLD, [OLD])


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageFunctions]:
    """One function of an image, for x86_64."""
    in_folder(tmp_path, monkeypatch)
    made = ImageFunctions.of_images(["one"], tmp_path, health=PATIENT)
    assert made.deploy(OLD)["one"].outcome == "healthy"
    yield made
    switch(update=0)
    made.remove()


def test_an_image_that_cannot_be_started_there_meets_no_caller(images: ImageFunctions) -> None:
    """Nobody asked the registry before: the version itself shows it."""
    images.platform = "linux/arm64"
    report = images.deploy(NEW)["one"]
    assert (report.outcome, report.serving, images.serving()) == ("failed", OLD, [OLD])
    assert report.reason == (
        "it failed with Runtime.InvalidEntrypoint: Error: fork/exec /lambda-entrypoint.sh: exec format error"
    )
