"""The sandbox's Lambda with SnapStart and with architectures, held to the API's shapes and to AWS's pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract import strict_aws
from tests.contract.image_functions import REPOSITORY, ImageFunctions, in_folder
from tests.contract.test_lambda_service import MODEL, archive, lambda_, refused, says, unknown

__all__ = ["lambda_"]

ON, OFF = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}, "Off"
SNAPSHOT = 0.5  # seconds


@pytest.fixture
def snapped(lambda_: Any) -> Iterator[Any]:
    """`hello`, whose published versions get a snapshot."""
    strict_aws.world().switch({"lambda": {"snapshot": SNAPSHOT, "failed_snapshots": 0}})
    lambda_.update_function_configuration(FunctionName="hello", SnapStart={"ApplyOn": "PublishedVersions"})
    lambda_.get_function_configuration(FunctionName="hello")
    yield lambda_
    strict_aws.world().switch({"lambda": {"snapshot": 1.0, "failed_snapshots": 0}})


def version(client: Any, number: str = "1") -> Any:
    return client.get_function_configuration(FunctionName="hello", Qualifier=number)


def until_active(client: Any, number: str = "1") -> Any:
    client.get_waiter("published_version_active").wait(
        FunctionName="hello", Qualifier=number, WaiterConfig={"Delay": 1, "MaxAttempts": 5}
    )
    return version(client, number)


def test_a_version_is_pending_until_it_has_its_snapshot_and_cannot_be_invoked(snapped: Any) -> None:
    made = snapped.publish_version(FunctionName="hello")
    assert (made["State"], made["StateReasonCode"], made["SnapStart"]["OptimizationStatus"]) == (
        "Pending", "Creating", OFF,
    )  # fmt: skip
    with pytest.raises(ClientError) as early:
        says(snapped, "1")
    assert refused(early) == ("SnapStartNotReadyException", 409)
    now = until_active(snapped)
    assert (now["State"], now["SnapStart"]) == ("Active", ON)
    assert says(snapped, "1") == ("one", "1")


def test_only_published_versions_have_a_snapshot(snapped: Any) -> None:
    latest = snapped.get_function_configuration(FunctionName="hello")
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": OFF}
    assert says(snapped) == ("one", "$LATEST")


def test_a_function_without_snapstart_says_so(lambda_: Any) -> None:
    made = lambda_.publish_version(FunctionName="hello")
    assert made["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": OFF}


def test_a_snapshot_that_fails_leaves_a_failed_version_with_a_reason(snapped: Any) -> None:
    strict_aws.world().switch({"lambda": {"failed_snapshots": 1, "snapshot": 0}})
    snapped.publish_version(FunctionName="hello")
    now = version(snapped)
    assert (now["State"], now["StateReasonCode"]) == ("Failed", "FunctionError.RuntimeInitError")
    with pytest.raises(ClientError, match="Failed"):
        says(snapped, "1")


def test_publishing_what_did_not_change_takes_no_snapshot_again(snapped: Any) -> None:
    snapped.publish_version(FunctionName="hello")
    until_active(snapped)
    assert snapped.publish_version(FunctionName="hello")["State"] == "Active"


def test_a_version_that_nobody_used_for_weeks_is_made_ready_again_by_its_first_invocation(snapped: Any) -> None:
    strict_aws.world().switch({"lambda": {"snapshot": 0}})
    snapped.publish_version(FunctionName="hello")
    strict_aws.world().switch({"lambda": {"states": {"hello:1": "Inactive"}}})
    with pytest.raises(ClientError) as first:
        says(snapped, "1")
    assert refused(first) == ("SnapStartNotReadyException", 409)
    assert says(snapped, "1") == ("one", "1")


def test_what_does_not_go_with_it_is_refused(snapped: Any) -> None:
    with pytest.raises(ClientError, match=r"python3\.11 is not supported for SnapStart enabled functions"):
        snapped.update_function_configuration(FunctionName="hello", Runtime="python3.11")
    strict_aws.world().switch({"lambda": {"snapshot": 0}})
    snapped.publish_version(FunctionName="hello")
    snapped.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match="not supported for SnapStart") as caught:
        snapped.put_provisioned_concurrency_config(
            FunctionName="hello", Qualifier="live", ProvisionedConcurrentExecutions=1
        )
    assert refused(caught) == ("InvalidParameterValueException", 400)


def test_each_answer_about_a_snapshot_has_the_members_of_its_shape(snapped: Any) -> None:
    raw: dict[str, Any] = {}
    snapped.meta.events.register(
        "before-parse.lambda.*",
        lambda operation_model, response_dict, **_: raw.update({operation_model.name: response_dict["body"]}),
    )
    strict_aws.world().switch({"lambda": {"failed_snapshots": 1, "snapshot": 0}})
    snapped.publish_version(FunctionName="hello")
    snapped.update_function_code(FunctionName="hello", ZipFile=archive("two"), Architectures=["arm64"])
    snapped.get_function(FunctionName="hello", Qualifier="1")
    for name, body in raw.items():
        assert unknown(MODEL.operation_model(name).output_shape, json.loads(body), name) == []
    assert {"PublishVersion", "GetFunction", "UpdateFunctionCode"} <= raw.keys()


# -- architectures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageFunctions]:
    in_folder(tmp_path, monkeypatch)
    made = ImageFunctions.of_images(["one"], tmp_path)
    yield made
    made.remove()


def test_an_update_of_the_code_changes_the_architecture_with_it(lambda_: Any) -> None:
    answer = lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"), Architectures=["arm64"])
    assert answer["Architectures"] == ["arm64"]
    assert lambda_.publish_version(FunctionName="hello")["Architectures"] == ["arm64"]


def test_an_image_for_other_processors_is_taken_and_cannot_be_started(images: ImageFunctions) -> None:
    [name] = images.names
    digest = images.build("arm", platform="linux/arm64")
    images.client.update_function_code(FunctionName=name, ImageUri=f"{REPOSITORY}@{digest}")
    answer = images.client.invoke(FunctionName=name, Payload=b"{}")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"]) == {
        "errorMessage": "Error: fork/exec /lambda-entrypoint.sh: exec format error",
        "errorType": "Runtime.InvalidEntrypoint",
    }
    images.client.update_function_code(FunctionName=name, ImageUri=f"{REPOSITORY}@{digest}", Architectures=["arm64"])
    images.client.update_function_configuration(FunctionName=name, Environment={"Variables": {"VERSION": "1"}})
    assert "FunctionError" not in images.client.invoke(FunctionName=name, Payload=b"{}")


def test_no_image_has_snapshots(images: ImageFunctions) -> None:
    with pytest.raises(ClientError, match="ContainerImage is not supported for SnapStart enabled functions"):
        images.client.update_function_configuration(
            FunctionName=images.names[0], SnapStart={"ApplyOn": "PublishedVersions"}
        )
