"""The sandbox's Lambda, held to the API's shapes and to what AWS's pages say of it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.contract import strict_aws

MODEL = Session().get_service_model("lambda")
HANDLER = """
import json, os
def handler(event, context):
    print("asked", event)
    if event.get("fail"):
        raise RuntimeError("boom")
    return {{"says": "{}", "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"], "name": os.environ.get("NAME")}}
"""
UPDATE = 0.4  # seconds


def archive(text: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as file:
        file.writestr("app.py", HANDLER.format(text))
    return raw.getvalue()


@pytest.fixture
def lambda_() -> Iterator[Any]:
    """A client, with one function `hello` that says "one"."""
    client = strict_aws.aws().once("lambda")
    strict_aws.world().switch({"lambda": {"update": 0}})
    client.create_function(
        FunctionName="hello",
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::123456789012:role/hello",
        Code={"ZipFile": archive("one")},
    )
    yield client
    client.delete_function(FunctionName="hello")


def slow(seconds: float = UPDATE) -> None:
    strict_aws.world().switch({"lambda": {"update": seconds}})


def says(client: Any, qualifier: str = "$LATEST") -> tuple[str, str]:
    answer = client.invoke(FunctionName="hello", Qualifier=qualifier, Payload=b"{}")
    return json.load(answer["Payload"])["says"], answer["ExecutedVersion"]


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def unknown(shape: Any, value: Any, place: str = "") -> list[str]:
    """Members that the shape does not have, and values of a type that is not the member's."""
    if shape.type_name == "structure":
        strange = [f"{place}.{name}" for name in value if name not in shape.members]
        return strange + [
            each
            for name, inner in value.items()
            if name in shape.members
            for each in unknown(shape.members[name], inner, f"{place}.{name}")
        ]
    if shape.type_name == "list":
        return [each for inner in value for each in unknown(shape.member, inner, f"{place}[]")]
    enum = getattr(shape, "enum", None)
    return [f"{place} = {value}"] if enum and value not in enum else []


def test_each_answer_has_the_members_of_its_shape_and_no_others(lambda_: Any) -> None:
    """The bodies as they came: a client drops what its model does not know."""
    raw: dict[str, Any] = {}
    lambda_.meta.events.register(
        "before-parse.lambda.*",
        lambda operation_model, response_dict, **_: raw.update({operation_model.name: response_dict["body"]}),
    )
    lambda_.publish_version(FunctionName="hello", Description="first")
    lambda_.create_alias(FunctionName="hello", Name="live", FunctionVersion="1", Description="of people")
    lambda_.update_alias(FunctionName="hello", Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.0}})
    lambda_.get_alias(FunctionName="hello", Name="live")
    lambda_.list_aliases(FunctionName="hello")
    lambda_.list_versions_by_function(FunctionName="hello")
    lambda_.list_functions()
    lambda_.get_function(FunctionName="hello")
    lambda_.get_function_configuration(FunctionName="hello", Qualifier="live")
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    lambda_.update_function_configuration(FunctionName="hello", Environment={"Variables": {"NAME": "x"}})
    assert len(raw) == 11
    for name, body in raw.items():
        shape = MODEL.operation_model(name).output_shape
        assert unknown(shape, json.loads(body), name) == []
        assert json.loads(body), name


def test_a_handler_runs_and_its_answer_names_the_version_that_ran(lambda_: Any) -> None:
    assert says(lambda_) == ("one", "$LATEST")
    lambda_.publish_version(FunctionName="hello")
    lambda_.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    assert says(lambda_, "1") == says(lambda_, "live") == ("one", "1")


def test_a_handler_that_raises_is_a_function_error_with_the_end_of_its_log(lambda_: Any) -> None:
    answer = lambda_.invoke(FunctionName="hello", Payload=b'{"fail": true}', LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"])["errorMessage"] == "boom"
    assert "LogResult" in answer


def test_a_handler_that_takes_too_long_is_ended(lambda_: Any) -> None:
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive('" + str(__import__("time").sleep(30)) + "'))
    lambda_.update_function_configuration(FunctionName="hello", Timeout=1)
    answer = lambda_.invoke(FunctionName="hello", Payload=b"{}")
    assert "Task timed out after 1.00 seconds" in json.load(answer["Payload"])["errorMessage"]


def test_an_update_changes_the_revision_when_it_begins_and_when_it_ends(lambda_: Any) -> None:
    before = lambda_.get_function_configuration(FunctionName="hello")["RevisionId"]
    slow()
    begun = lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"), RevisionId=before)
    assert begun["LastUpdateStatus"] == "InProgress"
    lambda_.get_waiter("function_updated_v2").wait(FunctionName="hello", WaiterConfig={"Delay": 1})
    ended = lambda_.get_function_configuration(FunctionName="hello")
    assert len({before, begun["RevisionId"], ended["RevisionId"]}) == 3
    assert ended["CodeSha256"] == begun["CodeSha256"]


def test_the_old_code_answers_while_an_update_is_in_progress(lambda_: Any) -> None:
    slow(1.5)
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    assert says(lambda_) == ("one", "$LATEST")
    time.sleep(1.6)
    assert says(lambda_) == ("two", "$LATEST")


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("update_function_code", {"ZipFile": archive("three")}),
        ("update_function_configuration", {"Timeout": 9}),
        ("publish_version", {}),
    ],
)
def test_another_change_while_an_update_is_in_progress_is_a_conflict(lambda_: Any, operation: str, given: Any) -> None:
    slow(30)
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    with pytest.raises(ClientError) as caught:
        getattr(lambda_, operation)(FunctionName="hello", **given)
    assert refused(caught) == ("ResourceConflictException", 409)


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("update_function_code", {"ZipFile": archive("three")}),
        ("update_function_configuration", {"Timeout": 9}),
        ("publish_version", {}),
        ("update_alias", {"Name": "live", "Description": "mine"}),
    ],
)
def test_a_revision_that_is_not_the_latest_fails_the_precondition(lambda_: Any, operation: str, given: Any) -> None:
    lambda_.publish_version(FunctionName="hello")
    lambda_.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    with pytest.raises(ClientError) as caught:
        getattr(lambda_, operation)(FunctionName="hello", RevisionId="00000000", **given)
    assert refused(caught) == ("PreconditionFailedException", 412)


def test_publishing_what_did_not_change_makes_no_version_and_is_no_error(lambda_: Any) -> None:
    first = lambda_.publish_version(FunctionName="hello", Description="first")
    again = lambda_.publish_version(FunctionName="hello", Description="again")
    assert (again["Version"], again["Description"]) == (first["Version"], "first")
    lambda_.update_function_configuration(FunctionName="hello", Environment={"Variables": {"NAME": "x"}})
    assert lambda_.publish_version(FunctionName="hello")["Version"] == "2"


def test_publishing_other_code_than_named_is_refused(lambda_: Any) -> None:
    with pytest.raises(ClientError, match="different from current CodeSHA256"):
        lambda_.publish_version(FunctionName="hello", CodeSha256="x")


def test_a_version_keeps_its_code_and_its_configuration(lambda_: Any) -> None:
    lambda_.publish_version(FunctionName="hello")
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    lambda_.update_function_configuration(FunctionName="hello", Environment={"Variables": {"NAME": "new"}})
    answer = lambda_.invoke(FunctionName="hello", Qualifier="1", Payload=b"{}")
    assert json.load(answer["Payload"]) == {"says": "one", "version": "1", "name": None}


def test_a_new_version_is_pending_at_first_and_then_active(lambda_: Any) -> None:
    slow(1.0)
    assert lambda_.publish_version(FunctionName="hello")["State"] == "Pending"
    with pytest.raises(ClientError, match="Pending") as caught:
        says(lambda_, "1")
    assert refused(caught) == ("ResourceConflictException", 409)
    lambda_.get_waiter("published_version_active").wait(FunctionName="hello", Qualifier="1", WaiterConfig={"Delay": 1})
    assert says(lambda_, "1") == ("one", "1")


def test_what_an_alias_is_not_given_stays_weights_too(lambda_: Any) -> None:
    for text in ("one", "two"):
        lambda_.update_function_code(FunctionName="hello", ZipFile=archive(text))
        lambda_.publish_version(FunctionName="hello")
    lambda_.create_alias(
        FunctionName="hello",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}},
    )
    assert says(lambda_, "live") == ("two", "2")
    lambda_.update_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    assert says(lambda_, "live") == ("two", "2")
    cleared = lambda_.update_alias(FunctionName="hello", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in cleared
    assert says(lambda_, "live") == ("one", "1")


def test_an_alias_names_a_version_that_exists(lambda_: Any) -> None:
    with pytest.raises(ClientError) as caught:
        lambda_.create_alias(FunctionName="hello", Name="live", FunctionVersion="7")
    assert refused(caught) == ("ResourceNotFoundException", 404)


def test_what_is_not_there_is_not_found(lambda_: Any) -> None:
    for ask in (
        lambda: lambda_.get_function(FunctionName="nobody"),
        lambda: lambda_.get_alias(FunctionName="hello", Name="live"),
        lambda: lambda_.invoke(FunctionName="hello", Qualifier="7"),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert refused(caught) == ("ResourceNotFoundException", 404)


def test_code_is_read_from_a_bucket_at_the_time_of_the_update(lambda_: Any) -> None:
    bucket = strict_aws.bucket("lambda-code")
    s3 = strict_aws.aws().client("s3")
    s3.put_object(Bucket=bucket, Key="two.zip", Body=archive("two"))
    lambda_.update_function_code(FunctionName="hello", S3Bucket=bucket, S3Key="two.zip")
    s3.delete_object(Bucket=bucket, Key="two.zip")
    assert says(lambda_) == ("two", "$LATEST")
    with pytest.raises(ClientError, match="NoSuchKey"):
        lambda_.update_function_code(FunctionName="hello", S3Bucket=bucket, S3Key="two.zip")


def test_versions_are_listed_in_pages(lambda_: Any) -> None:
    for number in range(4):
        lambda_.update_function_configuration(FunctionName="hello", Environment={"Variables": {"NAME": str(number)}})
        lambda_.publish_version(FunctionName="hello")
    pages = lambda_.get_paginator("list_versions_by_function").paginate(
        FunctionName="hello", PaginationConfig={"PageSize": 2}
    )
    assert [[row["Version"] for row in page["Versions"]] for page in pages] == [["$LATEST", "1"], ["2", "3"], ["4"]]


# -- what tests can ask for --------------------------------------------------------------------------------------------


def test_an_invocation_is_throttled_as_often_as_asked(lambda_: Any) -> None:
    strict_aws.world().switch({"lambda": {"throttled": 1}})
    with pytest.raises(ClientError) as caught:
        says(lambda_)
    assert refused(caught) == ("TooManyRequestsException", 429)
    assert says(lambda_) == ("one", "$LATEST")


def test_an_update_fails_with_a_reason_and_the_old_code_stays(lambda_: Any) -> None:
    strict_aws.world().switch({"lambda": {"failed_updates": 1}})
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    now = lambda_.get_function_configuration(FunctionName="hello")
    assert (now["LastUpdateStatus"], now["LastUpdateStatusReasonCode"]) == ("Failed", "InvalidZipFileException")
    assert says(lambda_) == ("one", "$LATEST")


def test_an_inactive_version_refuses_its_first_invocation_and_then_wakes_up(lambda_: Any) -> None:
    lambda_.publish_version(FunctionName="hello")
    strict_aws.world().switch({"lambda": {"states": {"hello:1": "Inactive"}}})
    assert lambda_.get_function_configuration(FunctionName="hello", Qualifier="1")["State"] == "Inactive"
    with pytest.raises(ClientError, match="Inactive"):
        says(lambda_, "1")
    assert says(lambda_, "1") == ("one", "1")


def test_a_failed_version_never_answers(lambda_: Any) -> None:
    lambda_.publish_version(FunctionName="hello")
    strict_aws.world().switch({"lambda": {"states": {"hello:1": "Failed"}}})
    for _ in range(2):
        with pytest.raises(ClientError, match="Failed"):
            says(lambda_, "1")


def test_a_publishing_that_gets_lost_answers_with_the_last_version(lambda_: Any) -> None:
    lambda_.publish_version(FunctionName="hello", Description="first")
    lambda_.update_function_code(FunctionName="hello", ZipFile=archive("two"))
    strict_aws.world().switch({"lambda": {"lost": 1}})
    lost = lambda_.publish_version(FunctionName="hello", Description="second")
    assert (lost["Version"], lost["Description"]) == ("1", "first")
    assert lambda_.publish_version(FunctionName="hello")["Version"] == "2"
