"""What tags of a task definition say is read back as it was written."""

from __future__ import annotations

import pytest

from tagship.domain.change import Change
from tagship.domain.ecs.record import ARTIFACT, CHANGE, RevisionLabel, RevisionRecord, carried_over, tags_of
from tagship.domain.version import MAX_LENGTH, ArtifactId

DIGEST = "a" * 64
ORDER = Change("deploy", "hello", "dev", ArtifactId("0.1.2-dev"), DIGEST, "20261120-155301-123456-9f3a1c", 12)
LABEL = RevisionLabel("0.1.2-dev", DIGEST)


@pytest.mark.parametrize("previous", ["", "0.1.1-dev"])
def test_a_record_is_read_as_it_was_written(previous: str) -> None:
    record = RevisionRecord.of(ORDER, previous, "api:3")
    tags = {"team": "web", **tags_of(LABEL, record)}
    assert (RevisionLabel.read(tags), RevisionRecord.read(tags)) == (LABEL, record)
    assert record.belongs_to(ORDER)


@pytest.mark.parametrize("tags", [{}, {ARTIFACT: "x", CHANGE: "12"}, {ARTIFACT: "a b c", CHANGE: "x deploy a b c"}])
def test_tags_of_somebody_else_are_no_record(tags: dict[str, str]) -> None:
    assert (RevisionLabel.read(tags), RevisionRecord.read(tags)) == (None, None)


def test_the_record_of_another_deployment_or_of_its_rollback_is_not_the_changes() -> None:
    record = RevisionRecord.of(ORDER, "", "api:3")
    assert not RevisionRecord(12, "rollback", record.deployment, "", "api:3").belongs_to(ORDER)
    assert not RevisionRecord(12, "deploy", "another", "", "api:3").belongs_to(ORDER)


def test_long_names_fit_into_what_aws_takes() -> None:
    longest = "1" * MAX_LENGTH
    record = RevisionRecord(999_999_999_999_999, "rollback", ORDER.deployment_id, longest, f"{'f' * 80}:123456")
    assert max(len(value) for value in tags_of(RevisionLabel(longest, DIGEST), record).values()) <= 256


def test_a_new_revision_takes_over_tags_but_those_that_only_aws_may_write() -> None:
    assert carried_over({"team": "web", "aws:cloudformation:stack-id": "x"}) == {"team": "web"}
