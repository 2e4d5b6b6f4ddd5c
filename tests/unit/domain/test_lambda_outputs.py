"""Outputs of any tool, as variables of functions: by dotted places, and never an empty or a secret one."""

from __future__ import annotations

import json

import pytest

from tagship.domain.lambda_.outputs import chosen

CDK = {"HelloStack": {"QueueUrl": "https://sqs/x", "Port": 8080, "Empty": "", "Null": None}, "Flat": True}
TERRAFORM = {
    "table_name": {"sensitive": False, "type": "string", "value": "orders"},
    "zones": {"sensitive": False, "type": ["list", "string"], "value": ["a", "b"]},
    "password": {"sensitive": True, "type": "string", "value": "s3cret"},
}


@pytest.mark.parametrize(
    ("outputs", "place", "value"),
    [
        (CDK, "HelloStack.QueueUrl", "https://sqs/x"),
        (CDK, "HelloStack.Port", "8080"),
        (CDK, "Flat", "true"),
        (TERRAFORM, "table_name", "orders"),
        (TERRAFORM, "zones", '["a", "b"]'),
    ],
)
def test_a_value_is_read_at_its_place(outputs: object, place: str, value: str) -> None:
    assert chosen(json.dumps(outputs).encode(), {"X": place}) == ({"X": value}, [])


@pytest.mark.parametrize(
    ("outputs", "place", "problem"),
    [
        (CDK, "HelloStack.Other", "HelloStack.Other is not in it"),
        (CDK, "HelloStack.Null", "HelloStack.Null is not in it"),
        (CDK, "HelloStack.QueueUrl.More", "HelloStack.QueueUrl.More is not in it"),
        (CDK, "HelloStack.Empty", "HelloStack.Empty is empty"),
        (TERRAFORM, "password", "password is sensitive: a function reads its secrets itself"),
        ([1], "a", "a is not in it"),
    ],
)
def test_what_is_no_value_is_a_problem_and_no_default(outputs: object, place: str, problem: str) -> None:
    values, problems = chosen(json.dumps(outputs).encode(), {"X": place})
    assert (values, problems) == ({}, [problem])
    assert "s3cret" not in repr(problems)


def test_what_is_no_json_is_said() -> None:
    assert chosen(b"{", {"X": "a"}) == ({}, ["it is not JSON"])
