"""Variables of functions out of infrastructure's outputs: merged before a version is published, or nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.version import ArtifactId
from tagship.engine.outputs import with_fresh_outputs
from tagship.errors import Refused
from tests.contract.functions import PATIENT, Functions
from tests.fakes.images import FakeImages

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
VARIABLES = {"QUEUE_URL": "{outputs.HelloStack.QueueUrl}", "TABLE": "{outputs.table}"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Functions]:
    made = Functions.made(["one"], health=PATIENT, variables=VARIABLES, outputs="outputs.json")
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


def deploy(place: Functions, version: str) -> str:
    """What `deploy` does: fill in what the tool wrote, then bring the artifact."""
    made = place.publish(version)
    filled = with_fresh_outputs(place.app, "dev", ArtifactId(version))
    return replace(place, app=filled).carry_out(place.change(made))["one"].outcome


def test_a_version_is_published_with_what_infrastructure_says_of_now(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert deploy(place, OLD) == "healthy"
    first = variables(place)
    assert (first["QUEUE_URL"], first["TABLE"], first["VERSION"]) == ("https://sqs/one", "orders", OLD)
    write(place, "https://sqs/two")
    assert deploy(place, NEW) == "healthy"
    assert (variables(place)["QUEUE_URL"], variables(place)["VERSION"]) == ("https://sqs/two", NEW)


def test_without_the_file_or_an_output_nothing_changes(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert deploy(place, OLD) == "healthy"
    (place.app.root / "outputs.json").unlink()
    with pytest.raises(Refused, match=r"of outputs\.json: No such file or directory"):
        deploy(place, NEW)
    write(place, "")
    with pytest.raises(Refused, match=r"of outputs\.json: HelloStack\.QueueUrl is empty"):
        deploy(place, "0.1.2-dev")
    assert variables(place)["VERSION"] == OLD
    assert variables(place, "$LATEST")["VERSION"] == OLD


def test_a_version_whose_outputs_are_not_known_is_not_published_with_their_names(place: Functions) -> None:
    report = place.deploy(OLD)["one"]
    assert report.outcome == "refused"
    assert (
        report.reason == f"The variable QUEUE_URL of {OLD} refers to the output HelloStack.QueueUrl, which is unknown"
    )


def test_a_rollback_needs_no_file(place: Functions) -> None:
    write(place, "https://sqs/one")
    assert deploy(place, OLD) == "healthy"
    write(place, "https://sqs/two")
    assert deploy(place, NEW) == "healthy"
    (place.app.root / "outputs.json").unlink()
    back = place.carry_out(place.change(place.artifact(OLD), "rollback"))
    assert back["one"].outcome == "healthy"
    assert variables(place)["QUEUE_URL"] == "https://sqs/one"
