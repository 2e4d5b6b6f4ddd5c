"""What is around functions: what would fail is told before anything changes, and what is set up badly is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.targets.lambda_ import environment as looking
from tagship.domain.manifest import ImageRef, Manifest
from tests.contract.functions import PATIENT, Functions, switch
from tests.fakes.images import FakeImages

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def single() -> Iterator[Functions]:
    """One function that runs 0.1.0-dev."""
    made = Functions.made(["one"], health=PATIENT)
    made.app.given["registry"] = FakeImages()
    assert made.deploy(OLD)["one"].outcome == "healthy"
    yield made
    switch(update=0, failed_provisionings=0)
    made.remove()


def provision(place: Functions) -> None:
    place.client.put_provisioned_concurrency_config(
        FunctionName=place.names[0], Qualifier="live", ProvisionedConcurrentExecutions=2
    )


def found(place: Functions) -> list[tuple[str, str]]:
    return [(finding.state, finding.words) for finding in place.connect().examine()]


# -- provisioned concurrency -------------------------------------------------------------------------------------------


def test_a_deployment_is_healthy_once_the_alias_has_its_provisioned_concurrency_again(single: Functions) -> None:
    provision(single)
    switch(update=0.3)
    assert single.deploy(NEW)["one"].outcome == "healthy"
    [name] = single.names
    now = single.client.get_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    assert (now["Status"], now["AvailableProvisionedConcurrentExecutions"]) == ("READY", 2)


def test_provisioned_concurrency_that_fails_puts_the_alias_back_and_says_why(single: Functions) -> None:
    provision(single)
    switch(failed_provisionings=1)
    report = single.deploy(NEW)["one"]
    assert (report.outcome, report.serving) == ("rolled-back", OLD)
    assert report.reason == "its provisioned concurrency failed (FUNCTION_ERROR_INIT_FAILURE)"
    assert single.serving() == [OLD]


def test_a_rollback_does_not_wait_for_provisioned_concurrency(single: Functions) -> None:
    single.deploy(NEW)
    provision(single)
    switch(update=60)
    back = single.change(single.artifact(OLD), "rollback")
    assert single.carry_out(back)["one"].outcome == "healthy"


# -- before anything changes -------------------------------------------------------------------------------------------


def in_the_way(place: Functions, action: str = "deploy", **changes: Any) -> list[str]:
    """What the target says of an artifact with an image."""
    target = place.connect()
    stored = place.app.store.get(f"hello/dev/{OLD}/manifest.json")
    assert stored
    manifest = Manifest.from_json(stored.body, "here")
    image = ImageRef("r.example/hello", OLD, DIGEST)
    place.app.given["registry"].stored["r.example/hello", OLD] = image
    functions = {name: function.model_copy(update=changes) for name, function in target.table.functions.items()}
    target.table = target.table.model_copy(update={"functions": functions})
    obstacles = target.obstacles(action, replace(manifest, image=image), "", target.units())
    return [obstacle.what for obstacle in obstacles]


def test_nothing_is_in_the_way_of_what_fits(single: Functions) -> None:
    assert in_the_way(single) == []


def test_a_function_of_another_kind_of_package_is_told_before_anything_changes(single: Functions) -> None:
    [name] = single.names
    assert in_the_way(single, image=True, package="") == [
        f"{name} was created for a zip file, and tagship.toml gives it a container image"
    ]


def test_an_image_for_another_architecture_or_an_index_is_told(
    single: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    [name] = single.names
    registry = single.app.registry
    monkeypatch.setattr(registry, "platforms", lambda image: {"linux/arm64": image.digest})
    words = f"{name} runs x86_64, and the image of {OLD} is built for linux/arm64: its first invocation would fail"
    assert words in in_the_way(single, image=True, package="")
    monkeypatch.setattr(registry, "platforms", lambda _: {"linux/amd64": "sha256:" + "cd" * 32})
    words = f"r.example/hello@{DIGEST} is an index of several manifests, and Lambda runs one platform's image alone"
    assert words in in_the_way(single, image=True, package="")


def test_a_rollback_asks_nothing_of_the_functions(single: Functions) -> None:
    assert in_the_way(single, "rollback", image=True, package="") == []


def test_the_looks_and_the_target_are_what_the_engine_asks_by_name(single: Functions) -> None:
    from tagship.ports.target import Careful, Examinable

    target = single.connect()
    assert isinstance(target, Careful)
    assert isinstance(target, Examinable)
    assert isinstance(target, looking.FunctionUnits)


# -- how it is set up --------------------------------------------------------------------------------------------------


def test_doctor_says_how_a_function_is_made_and_what_its_alias_names(single: Functions) -> None:
    assert found(single) == [("ok", "Zip for x86_64; live is version 2")]


def test_a_reserved_concurrency_of_nothing_is_found(single: Functions) -> None:
    single.client.put_function_concurrency(FunctionName=single.names[0], ReservedConcurrentExecutions=0)
    assert ("failing", "its reserved concurrency is 0: every invocation is refused") in found(single)
    single.client.delete_function_concurrency(FunctionName=single.names[0])
    assert not any("reserved" in words for _, words in found(single))


def test_a_url_that_misses_the_alias_and_one_that_nobody_may_call_are_found(single: Functions) -> None:
    [name] = single.names
    single.client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    single.client.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    single.client.add_permission(
        FunctionName=name, Qualifier="live", StatementId="url", Principal="*", Action="lambda:InvokeFunctionUrl"
    )
    said = found(single)
    assert ("warning", "its URL calls $LATEST, and not live: callers miss what is deployed") in said
    assert ("failing", "its URL answers 403: its policy lacks lambda:InvokeFunction for everybody") in said
    single.client.add_permission(
        FunctionName=name, Qualifier="live", StatementId="call", Principal="*", Action="lambda:InvokeFunction"
    )
    assert not [words for _, words in found(single) if "403" in words]


def test_functions_without_an_alias_are_advised_to_have_one() -> None:
    place = Functions.made(["one"], alias="")
    [(state, words)] = found(place)
    assert (state, "it has no alias" in words) == ("warning", True)
    place.remove()
