"""Why a stack could not be changed, by the events that CloudFormation lists: newest first, since it was made."""

from __future__ import annotations

from typing import Any

from tagship.adapters.aws.stack_status import first_failure


def event(resource: str, status: str, reason: str = "") -> dict[str, Any]:
    return {"LogicalResourceId": resource, "ResourceStatus": status, "ResourceStatusReason": reason}


def test_the_first_failure_of_the_latest_change_counts_and_none_of_an_earlier_one() -> None:
    events = [
        event("hello", "DELETE_FAILED", "The following resources failed to delete: [Bucket]"),
        event("Bucket", "DELETE_FAILED", "not empty"),
        event("hello", "DELETE_IN_PROGRESS", "User Initiated"),
        event("People", "DELETE_FAILED", "in use"),
        event("hello", "DELETE_IN_PROGRESS", "User Initiated"),
    ]
    assert first_failure(events) == "Bucket: not empty"


def test_a_change_that_names_no_failure_gave_no_reason() -> None:
    assert first_failure([event("hello", "UPDATE_IN_PROGRESS", "User Initiated")]) == "it gave no reason"
