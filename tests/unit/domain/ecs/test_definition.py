"""A task definition is registered again with other bytes and other variables, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.domain.ecs.definition import ANY, TaskRevision, Unregistrable, containers, registrable, unknown, wanted

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"
DIGEST = "sha256:" + "a" * 64
APP: dict[str, Any] = {
    "name": "app",
    "image": f"{REPOSITORY}:0.1.0",
    "environment": [{"name": "B", "value": "1"}, {"name": "VERSION", "value": "0.1.0"}],
    "secrets": [{"name": "PASSWORD", "valueFrom": "arn"}],
}
ENVOY = {"name": "envoy", "image": "public.ecr.aws/envoy:1"}
DEFINITION = {"family": "hello", "cpu": "256", "containerDefinitions": [APP, ENVOY]}


def test_only_what_a_registration_takes_stays() -> None:
    assert registrable({"family": "hello", "revision": 3, "deleteRequestedAt": 0}, {"family", "cpu"}) == {
        "family": "hello"
    }


def test_the_image_and_the_variables_of_the_chosen_containers_change_and_nothing_else() -> None:
    changed = wanted(DEFINITION, {"app": f"{REPOSITORY}@{DIGEST}"}, {"VERSION": "0.1.1", "NEW": "x"})
    app, envoy = changed["containerDefinitions"]
    assert app["image"] == f"{REPOSITORY}@{DIGEST}"
    assert app["environment"] == [
        {"name": "B", "value": "1"},
        {"name": "VERSION", "value": "0.1.1"},
        {"name": "NEW", "value": "x"},
    ]
    assert (envoy, changed["cpu"], app["secrets"]) == (ENVOY, "256", APP["secrets"])
    assert DEFINITION["containerDefinitions"][0] is APP, "the description itself stays as it is"


def test_the_same_bytes_and_variables_are_the_same_definition() -> None:
    changed = wanted(DEFINITION, {"app": f"{REPOSITORY}@{DIGEST}"}, {"VERSION": "0.1.1"})
    assert wanted(changed, {"app": f"{REPOSITORY}@{DIGEST}"}, {"VERSION": "0.1.1"}) == changed
    assert wanted(changed, {"app": f"{REPOSITORY}@{DIGEST}"}, {"VERSION": "0.1.2"}) != changed


def test_a_variable_that_is_a_secret_already_is_refused() -> None:
    with pytest.raises(Unregistrable, match="PASSWORD is a secret"):
        wanted(DEFINITION, {"app": "x"}, {"PASSWORD": "1"})


def test_the_containers_are_those_that_are_named_or_that_run_the_repository() -> None:
    assert containers(DEFINITION, (), REPOSITORY) == ["app"]
    assert containers(DEFINITION, ("envoy",), REPOSITORY) == ["envoy"]
    local = {"containerDefinitions": [{"name": "app", "image": "localhost:5000/hello"}]}
    assert containers(local, (), "localhost:5000/hello") == ["app"]


@pytest.mark.parametrize(
    ("named", "repository", "words"),
    [(("api",), REPOSITORY, "no container api: it has app, envoy"), ((), "other", "no container .* an image of other")],
)
def test_containers_that_are_not_there_are_told(named: tuple[str, ...], repository: str, words: str) -> None:
    with pytest.raises(Unregistrable, match=words):
        containers(DEFINITION, named, repository)


def test_members_that_the_model_does_not_have_are_named_with_their_place() -> None:
    shape = {"family": None, "containerDefinitions": [{"name": None, "options": {ANY: None}}]}
    raw = {
        "family": "hello",
        "bright": {"new": 1},
        "empty": None,
        "containerDefinitions": [{"name": "app", "shiny": 1, "options": {"any": "thing"}}],
    }
    assert list(unknown(raw, shape)) == ["bright", "containerDefinitions.shiny"]


def test_a_revision_knows_its_name_and_the_digests_of_its_containers() -> None:
    definition = wanted(DEFINITION, {"app": f"{REPOSITORY}@{DIGEST}"}, {})
    revision = TaskRevision("arn:aws:ecs:us-east-1:123456789012:task-definition/hello:12", True, definition)
    assert (revision.name, revision.family) == ("hello:12", "hello")
    assert revision.digests == {"app": DIGEST}
    assert (revision.artifact, revision.record) == ("", None)
