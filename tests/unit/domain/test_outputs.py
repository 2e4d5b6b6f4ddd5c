"""Outputs of any tool, as settings name them: by dotted places, and never an empty or a secret one."""

from __future__ import annotations

import json

import pytest

from tagship.domain.outputs import chosen, named_in, put

CDK = {"HelloStack": {"QueueUrl": "https://sqs/x", "Port": 8080, "Empty": "", "Null": None}}
TERRAFORM = {
    "table_name": {"sensitive": False, "type": "string", "value": "orders"},
    "zones": {"sensitive": False, "type": ["list", "string"], "value": ["a", "b"]},
    "password": {"sensitive": True, "type": "string", "value": "s3cret"},
}
KEPT = {
    "artifact": "0.1.0-dev",
    "environment": "dev",
    "outputs": {"table_name": {"sensitive": False, "value": "orders"}},
}


@pytest.mark.parametrize(
    ("outputs", "place", "value"),
    [
        (CDK, "HelloStack.QueueUrl", "https://sqs/x"),
        (CDK, "HelloStack.Port", "8080"),
        ({"Flat": True}, "Flat", "true"),
        (TERRAFORM, "table_name", "orders"),
        (TERRAFORM, "zones", '["a", "b"]'),
        ({"HelloStack": {"QueueUrl": "https://sqs/x"}}, "QueueUrl", "https://sqs/x"),
        (KEPT, "table_name", "orders"),
    ],
)
def test_a_value_is_read_at_its_place(outputs: object, place: str, value: str) -> None:
    assert chosen(json.dumps(outputs).encode(), [place]) == ({place: value}, [])


@pytest.mark.parametrize(
    ("outputs", "place", "problem"),
    [
        (CDK, "HelloStack.Other", "HelloStack.Other is not in it"),
        (CDK, "HelloStack.Null", "HelloStack.Null is not in it"),
        (CDK, "HelloStack.QueueUrl.More", "HelloStack.QueueUrl.More is not in it"),
        (CDK, "HelloStack.Empty", "HelloStack.Empty is empty"),
        (TERRAFORM, "password", "password is sensitive: secrets don't belong in settings"),
        ([1], "a", "a is not in it"),
        ({"token": "[secret]"}, "token", "token is sensitive: secrets don't belong in settings"),
        ({"a": "x\x1b[2J"}, "a", "a is not a line of text"),
        ({"a": "{outputs.b}"}, "a", "a is not a line of text"),
    ],
)
def test_what_is_no_value_is_a_problem_and_no_default(outputs: object, place: str, problem: str) -> None:
    values, problems = chosen(json.dumps(outputs).encode(), [place])
    assert (values, problems) == ({}, [problem])
    assert "s3cret" not in repr(problems)


def test_what_is_no_json_is_said() -> None:
    assert chosen(b"{", ["a"]) == ({}, ["it is not JSON"])


def test_texts_name_outputs_and_what_is_not_known_stays() -> None:
    table = {"url": "{outputs.Api.Url}/healthz", "names": ("a-{outputs.n}", "b"), "{outputs.key}": 1, "n": "{n}"}
    assert sorted(named_in(table)) == [("names", "n"), ("url", "Api.Url"), ("{outputs.key}", "key")]
    assert put(table, {"Api.Url": "https://x", "n": "{outputs.key}"}) == {
        "url": "https://x/healthz", "names": ("a-{outputs.key}", "b"), "{outputs.key}": 1, "n": "{n}",
    }  # fmt: skip
