"""A host's verdict: its first line of output, or silence with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.ec2 import verdict
from tagship.domain.units import OUTCOMES, Report

VERDICT = {
    "tagship": 1,
    "action": "deploy",
    "outcome": "healthy",
    "artifact": "0.1.30-dev",
    "serving": "0.1.30-dev",
    "previous": "0.1.29-dev",
    "reason": "",
    "evidence": "",
    "fence": 7,
    "health": {"attempts": 2, "answer": "200"},
    "durations": {"total": 0.4},
    "kept": ["0.1.29-dev", "0.1.30-dev"],
}


def read(value: object, rest: str = "\nlines for people\n") -> Report:
    return verdict.read("i-1", json.dumps(value) + rest, "it ended")


def test_the_first_line_is_the_verdict() -> None:
    report = read(VERDICT)
    assert (report.outcome, report.serving, report.previous) == ("healthy", "0.1.30-dev", "0.1.29-dev")
    assert report.kept == ("0.1.29-dev", "0.1.30-dev")
    assert report.good


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_healthy_and_unchanged_are_good(outcome: str) -> None:
    assert read({**VERDICT, "outcome": outcome}).good == (outcome in {"healthy", "unchanged"})


@pytest.mark.parametrize(
    "value",
    [None, [], "healthy", {}, {**VERDICT, "tagship": 2}, {**VERDICT, "outcome": "thriving"}, {"tagship": 1}],
)
def test_what_is_no_verdict_is_silence_with_the_reason_and_the_output(value: object) -> None:
    report = read(value)
    assert (report.outcome, report.reason) == ("silent", "it ended")
    assert "lines for people" in report.evidence


def test_nothing_at_all_says_so() -> None:
    assert verdict.read("i-1", "", "").reason == "the host said nothing"


def test_a_verdict_that_is_not_first_is_not_believed() -> None:
    assert verdict.read("i-1", "a line\n" + json.dumps(VERDICT), "").outcome == "silent"


@given(st.text(max_size=200))
def test_no_output_breaks_the_reading(output: str) -> None:
    assert verdict.read("i-1", output, "problem").outcome in OUTCOMES


@pytest.mark.parametrize(
    "change", [{"kept": None}, {"kept": 7}, {"durations": []}, {"serving": None}, {"health": "well"}, {"outcome": []}]
)
def test_a_verdict_with_fields_of_another_kind_is_silence(change: dict[str, object]) -> None:
    assert read({**VERDICT, **change}).outcome == "silent"
