"""Variables of functions out of infrastructure's outputs: merged before a version is published, or nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.functions import PATIENT, Functions
from tests.fakes.images import FakeImages

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
OUTPUTS = {"outputs": {"file": "outputs.json", "variables": {"QUEUE_URL": "HelloStack.QueueUrl", "TABLE": "table"}}}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Functions]:
    made = Functions.made(["one"], health=PATIENT, more=OUTPUTS)
    made.app.given["registry"] = FakeImages()
    made.app.root = tmp_path
    yield made
    made.remove()


def write(place: Functions, queue: str) -> None:
    outputs = {"HelloStack": {"QueueUrl": queue}, "table": {"sensitive": False, "value": "orders"}}
    (place.app.root / "outputs.json").write_text(json.dumps(outputs))


def variables(place: Functions, qualifier: str = "live") -> dict[str, str]:
    [name] = place.names
    answer: Any = place.client.get_function_configuration(FunctionName=name, Qualifier=qualifier)
    return dict(answer["Environment"]["Variables"])


def obstacles(place: Functions, action: str = "deploy") -> list[str]:
    manifest: Any = type("Any", (), {"artifact_id": NEW, "packages": {}, "image": None, "every_image": {}})()
    told = place.connect().obstacles(action, manifest, "", ())
    return [obstacle.what for obstacle in told if "outputs.json" in obstacle.what]


def test_a_version_is_published_with_what_infrastructure_says_of_now(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert place.deploy(OLD)["one"].outcome == "healthy"
    first = variables(place)
    assert (first["QUEUE_URL"], first["TABLE"], first["VERSION"]) == ("https://sqs/one", "orders", OLD)
    write(place, "https://sqs/two")
    assert place.deploy(NEW)["one"].outcome == "healthy"
    assert (variables(place)["QUEUE_URL"], variables(place)["VERSION"]) == ("https://sqs/two", NEW)


def test_without_the_file_nothing_changes_and_it_is_said_before(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert place.deploy(OLD)["one"].outcome == "healthy"
    (place.app.root / "outputs.json").unlink()
    assert obstacles(place) == [
        "QUEUE_URL, TABLE of the functions come from outputs.json, and No such file or directory"
    ]
    report = place.deploy(NEW)["one"]
    assert report.outcome != "healthy"
    assert variables(place)["VERSION"] == OLD
    assert variables(place, "$LATEST")["VERSION"] == OLD


def test_an_output_that_is_missing_is_no_empty_variable(place: Functions) -> None:
    (place.app.root / "outputs.json").write_text('{"HelloStack": {"QueueUrl": ""}}')
    [problem] = obstacles(place)
    assert problem.endswith("HelloStack.QueueUrl is empty; table is not in it")


def test_a_rollback_needs_no_file(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert place.deploy(OLD)["one"].outcome == "healthy"
    write(place, "https://sqs/two")
    assert place.deploy(NEW)["one"].outcome == "healthy"
    (place.app.root / "outputs.json").unlink()
    assert obstacles(place, "rollback") == []
    back = place.carry_out(place.change(place.artifact(OLD), "rollback"))
    assert back["one"].outcome == "healthy"
    assert variables(place)["QUEUE_URL"] == "https://sqs/one"
