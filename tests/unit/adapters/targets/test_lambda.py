"""How Lambda's answers read, and which functions tagship leaves alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tagship.adapters.targets.lambda_ import calls, described
from tagship.adapters.targets.lambda_.code import ImageCode, ZipCode
from tagship.adapters.targets.lambda_.together import together
from tagship.domain.lambda_.record import Label
from tagship.domain.manifest import ImageRef, PackageRef

LABEL = Label("0.1.0-dev", "a" * 64)
ANSWER: dict[str, Any] = {
    "FunctionName": "hello",
    "Version": "3",
    "RevisionId": "r-1",
    "CodeSha256": "q80=",
    "Description": LABEL.text(),
    "State": "Active",
    "LastUpdateStatus": "Successful",
    "Handler": "app.handler",
    "Environment": {"Variables": {"A": "1"}},
}


def read(**changes: Any) -> described.Configuration:
    return described.configuration({**ANSWER, **changes})


def test_a_version_is_read_with_its_label_and_its_code_in_hex() -> None:
    now = read()
    assert (now.version, now.code_sha256, now.label, now.variables) == ("3", "abcd", LABEL, {"A": "1"})
    assert (now.updating, now.failed, now.problem, now.unfit) == (False, "", "", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CapacityProviderConfig": {"x": 1}}, "capacity provider"),
        ({"Environment": {"Error": {"ErrorCode": "AccessDenied"}}}, "kms:Decrypt"),
    ],
)
def test_a_function_that_cannot_be_changed_says_why(changes: dict[str, Any], words: str) -> None:
    assert words in read(**changes).unfit


def test_a_failed_update_has_lambdas_code_and_its_sentence() -> None:
    failed = {"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "InvalidImage"}
    assert read(**failed).failed == "InvalidImage"
    assert read(**failed, LastUpdateStatusReason="It is none.").failed == "InvalidImage: It is none"
    assert read(LastUpdateStatus="Failed").failed == "no reason given"


def test_an_image_is_known_by_its_digest_and_guarded_by_what_lambda_calls_it() -> None:
    image = read(PackageType="Image", CodeSha256="ab" * 32)
    assert (image.packaged, image.code_sha256, image.guard) == ("Image", "ab" * 32, "ab" * 32)
    assert (read().packaged, read().code_sha256, read().guard) == ("Zip", "abcd", "q80=")


def test_a_function_cannot_be_given_code_of_another_kind_than_it_was_made_for() -> None:
    package, container = ZipCode("bucket", PackageRef("key", "abcd", 1)), ImageCode(ImageRef("r", "t", "sha256:ab"))
    assert package.why_unfit(read()) == container.why_unfit(read(PackageType="Image")) == ""
    assert container.why_unfit(read()).startswith(
        "it was created for a zip file, and tagship.toml gives it a container"
    )
    assert package.why_unfit(read(PackageType="Image")).startswith("it was created for a container image, and")


def test_an_index_is_told_from_other_reasons_to_refuse_an_image() -> None:
    image = ImageRef("123456789012.dkr.ecr.us-east-1.amazonaws.com/hello", "t", "sha256:ab")
    said = "The image manifest, config or layer media type for the source image r@sha256:ab is not supported."
    index = {"Code": "InvalidParameterValueException", "Message": said}
    assert calls._why_no_image(image.by_digest, index).startswith(f"{image.by_digest} is an index of several manifests")
    gone = {"Code": "InvalidParameterValueException", "Message": "Source image r@sha256:ab does not exist."}
    assert calls._why_no_image(image.by_digest, gone) == ""


def test_an_alias_is_read_with_its_weights() -> None:
    answer = {"FunctionVersion": "3", "RevisionId": "r", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}
    assert described.alias(answer) == described.Alias("3", "r", {"4": 0.1}, None)


# -- several at once ---------------------------------------------------------------------------------------------------


def test_all_act_at_once_and_each_has_its_result() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def act(number: int) -> int:
        meeting.wait()
        return number * 2

    ticks: list[str] = []
    results = together({"a": 1, "b": 2, "c": 3}, act, tick=ticks.append, doing="acting", stop=threading.Event())
    assert results == {"a": 2, "b": 4, "c": 6}
    assert (ticks[0], ticks[-1]) == ("acting: 0 of 3 functions", "acting: 3 of 3 functions")


def test_what_a_tick_raises_stops_the_others() -> None:
    stop = threading.Event()

    def tick(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together({"a": 1}, lambda _: stop.wait(10), tick=tick, doing="acting", stop=stop)
    assert stop.is_set()


def test_what_an_act_raises_is_raised() -> None:
    def act(_: int) -> int:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (the very one)
        together({"a": 1}, act, tick=lambda _: None, doing="acting", stop=threading.Event())
