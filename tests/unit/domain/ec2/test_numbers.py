"""Operational numbers: one pattern and one list of names, in the domain, the SSM document and the host program."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain.ec2 import numbers
from tagship.settings import Health
from tagship.settings.ec2 import Ec2

DEPLOY = Path(__file__).parents[4] / "deploy"
PROGRAM = (DEPLOY / "ec2_deploy.sh").read_text("utf-8")
DOCUMENT = json.loads((DEPLOY / "aws/ssm-document.json").read_text("utf-8"))
HOSTS = Ec2(tags={"a": "b"})
HOSTILE = [
    "", " ", "KEEP", "KEEP=", "KEEP=x", "KEEP=-1", "KEEP=0", "HEALTH_TIMEOUT=0", "KEEP=01", "KEEP=1234567", "keep=1",
    "KEEP=1,", ",KEEP=1", "KEEP=1,,DRAIN=1", "KEEP=1 DRAIN=1", "KEEP=1;id", "KEEP=$(id)", "KEEP='1'", "PATH=1",
    "LD_PRELOAD=1", "KEEP=1\nDRAIN=1", "none,KEEP=1", "KEEP=1,none", ",".join(["KEEP=1"] * 9), "KEEP=\u0661",
]  # fmt: skip


def test_the_document_has_this_pattern() -> None:
    assert DOCUMENT["parameters"]["numbers"]["allowedPattern"] == numbers.PATTERN


def test_the_host_program_sets_these_names_and_no_other() -> None:
    found = re.search(r"^take_numbers\(\) \{\n  local rest=\$NUMBERS, each known='([A-Z_|]+)'$", PROGRAM, re.MULTILINE)
    assert found
    assert tuple(found[1].split("|")) == numbers.NAMES


def test_the_host_programs_own_numbers_are_the_defaults_of_the_settings() -> None:
    own = dict(
        re.findall(r"\b([A-Z_]+)=([0-9]+)", "\n".join(re.findall(r"^  K(?:IND|EEP)=.*$", PROGRAM, re.MULTILINE)))
    )
    assert {name: own[name] for name in numbers.NAMES} == dict(
        one.split("=") for one in HOSTS.numbers(Health()).split(",")
    )


def test_every_number_of_the_settings_travels() -> None:
    text = HOSTS.numbers(Health())
    assert re.fullmatch(numbers.PATTERN, text)
    assert [one.split("=")[0] for one in text.split(",")] == list(numbers.NAMES)


def test_no_drain_travels_as_zero() -> None:
    text = Ec2(tags={"a": "b"}, drain=0).numbers(Health())
    assert "DRAIN=0" in text.split(",")
    assert re.fullmatch(numbers.PATTERN, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_none_that_the_document_takes(text: str) -> None:
    assert not re.search(numbers.PATTERN, text)


@given(st.dictionaries(st.sampled_from(numbers.NAMES), st.integers(1, 999_999), min_size=1))
def test_any_numbers_are_written_in_one_order_and_as_the_document_takes_them(values: dict[str, int]) -> None:
    text = numbers.written(values)
    assert re.fullmatch(numbers.PATTERN, text)
    assert {name: int(value) for name, value in (one.split("=") for one in text.split(","))} == values
