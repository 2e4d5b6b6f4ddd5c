"""What counts as the answer of a healthy function."""

from __future__ import annotations

import json

import pytest

from tagship.domain.lambda_.answer import why_wrong

GATEWAY = {"statusCode": 200, "body": json.dumps({"version": "0.1.2-dev", "checks": [{"ok": True}]})}


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ({}, ""),
        ({"statusCode": "200"}, ""),
        ({"body.version": "{version}"}, ""),
        ({"body.checks.0.ok": "true"}, ""),
        ({"statusCode": "204"}, "its answer has statusCode = 200, not 204"),
        ({"body.version": "0.1.3-dev"}, "its answer has body.version = 0.1.2-dev, not 0.1.3-dev"),
        ({"body.checks.7.ok": "true"}, "its answer has body.checks.7.ok = nothing, not true"),
        ({"statusCode.x": "1"}, "its answer has statusCode.x = nothing, not 1"),
    ],
)
def test_each_expected_value_is_looked_for_at_its_place(expected: dict[str, str], problem: str) -> None:
    assert why_wrong(json.dumps(GATEWAY).encode(), expected, "0.1.2-dev") == problem


def test_what_is_not_json_is_wrong_only_if_something_is_expected() -> None:
    assert why_wrong(b"<html>", {}, "1") == ""
    assert why_wrong(b"<html>", {"a": "b"}, "1") == "it answered with something that is not JSON"


def test_no_answer_at_all_has_nothing() -> None:
    assert why_wrong(b"", {"a": "b"}, "1") == "its answer has a = nothing, not b"
