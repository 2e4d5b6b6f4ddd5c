"""What descriptions of aliases and versions say is read back as it was written."""

from __future__ import annotations

import pytest

from tagship.domain.change import Change
from tagship.domain.lambda_.record import BEGUN, DONE, ENDED, Label, Record
from tagship.domain.version import MAX_LENGTH, ArtifactId

DIGEST = "a" * 64
CHANGE = Change("deploy", "hello", "dev", ArtifactId("0.1.2-dev"), DIGEST, "20261120-155301-123456-9f3a1c", 12)


@pytest.mark.parametrize("previous", ["", "0.1.1-dev"])
def test_a_record_is_read_as_it_was_written(previous: str) -> None:
    record = Record.of(CHANGE, BEGUN, "3", previous, "3")
    assert Record.read(record.text()) == record
    assert record.belongs_to(CHANGE)


@pytest.mark.parametrize(
    "text", ["", "the alias of people", "tagship", "tagship x deploy a b c d e f", "tagship 1 a b"]
)
def test_a_description_of_somebody_else_is_no_record(text: str) -> None:
    assert Record.read(text) is None


@pytest.mark.parametrize(("state", "serving"), [(BEGUN, "0.1.1-dev"), (DONE, "0.1.2-dev"), (ENDED, "0.1.1-dev")])
def test_what_serves_follows_from_the_state(state: str, serving: str) -> None:
    assert Record.of(CHANGE, state, "4", "0.1.1-dev", "3").serving == serving


def test_the_longest_names_fit_into_what_aws_takes() -> None:
    longest = "1" * MAX_LENGTH
    change = Change("rollback", "a", "b", ArtifactId(longest), DIGEST, CHANGE.deployment_id, 999_999_999_999_999)
    assert len(Record.of(change, BEGUN, "9" * 9, longest, "9" * 9).text()) <= 256
    assert len(Label(longest, DIGEST).text()) <= 256


def test_a_label_is_read_as_it_was_written_and_another_description_is_none() -> None:
    label = Label("0.1.2-dev", DIGEST)
    assert Label.read(label.text()) == label
    assert Label.read("of people, since yesterday") is None
