"""A bucket's policy is judged by what it denies: renamed statements are as good, and hollow ones no good."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tagship.domain.denials import gaps
from tests.unit.test_policies import read, template

BUCKET = "hello-artifacts"
OVER, GONE, REWRITTEN, DELETED, PLAIN = (
    "artifacts can be written over",
    "artifacts can be deleted by anybody",
    "the ledger can be written over",
    "the ledger can be deleted",
    "it can be spoken to without TLS",
)


def ours() -> dict[str, Any]:
    policy: dict[str, Any] = template(read("foundation"))["ArtifactsPolicy"]["Properties"]["PolicyDocument"]
    return copy.deepcopy(policy)


def of(policy: dict[str, Any], sid: str) -> dict[str, Any]:
    [statement] = [each for each in policy["Statement"] if each["Sid"] == sid]
    return dict(statement)


def changed(sid: str, **changes: Any) -> dict[str, Any]:
    policy = ours()
    for statement in policy["Statement"]:
        if statement["Sid"] == sid:
            statement.update(changes)
    return policy


def test_our_own_policy_has_no_gap() -> None:
    assert gaps(ours(), BUCKET, "hello") == []


@pytest.mark.parametrize("policy", [{}, {"Statement": []}, {"Statement": {"Effect": "Allow", "Action": "s3:*"}}])
def test_without_denials_all_of_it_is_open(policy: dict[str, Any]) -> None:
    assert gaps(policy, BUCKET, "hello") == [OVER, GONE, REWRITTEN, DELETED, PLAIN]


def test_another_bucket_or_app_is_not_covered() -> None:
    assert gaps(ours(), "other-artifacts", "hello") == [OVER, GONE, REWRITTEN, DELETED, PLAIN]
    assert gaps(ours(), BUCKET, "other") == [OVER, GONE, REWRITTEN, DELETED]


def test_what_statements_are_called_means_nothing() -> None:
    renamed = ours()
    for number, statement in enumerate(renamed["Statement"]):
        statement["Sid"] = f"S{number}"
    assert gaps(renamed, BUCKET, "hello") == []


@pytest.mark.parametrize(
    ("sid", "gap"),
    [
        ("ArtifactsAreWrittenOnce", OVER),
        ("ArtifactsAreCleanedUpByTheirRole", GONE),
        ("RecordsAreWrittenOnce", REWRITTEN),
        ("RecordsStay", DELETED),
        ("TlsOnly", PLAIN),
    ],
)
@pytest.mark.parametrize(
    "hollow",
    [
        {"Effect": "Allow"},
        {"Action": "s3:GetObjectTagging"},
        {"Resource": "arn:aws:s3:::hello-artifacts/none/*"},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:user/ada"}},
        {"Condition": {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/ada"}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}},  # not known here: rather a gap too many
    ],
    ids="-".join,
)
def test_a_statement_that_is_called_right_and_denies_nothing_is_a_gap(
    sid: str, gap: str, hollow: dict[str, Any]
) -> None:
    assert gaps(changed(sid, **hollow), BUCKET, "hello") == [gap]


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": "s3:*"},
        {"Action": ["S3:DELETE*"]},
        {"NotAction": "s3:Get*", "Action": None},
        {"Resource": "arn:aws:s3:::hello-artifacts/*"},
        {"Resource": "arn:aws-cn:s3:::hello-artifacts/hello/_ledger/*"},
        {"Resource": "*"},
        {"Principal": {"AWS": "*"}},
        {"Condition": {"StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/auditor"}}},
    ],
)
def test_other_words_for_the_same_denial_are_as_good(changes: dict[str, Any]) -> None:
    policy = changed("RecordsStay", **changes)
    for statement in policy["Statement"]:
        if statement.get("Action", "") is None:
            del statement["Action"]
    assert gaps(policy, BUCKET, "hello") == []


def test_one_statement_may_do_for_several() -> None:
    everything = {**of(ours(), "RecordsStay"), "Action": "s3:*", "Resource": "*"}
    assert gaps({"Statement": everything}, BUCKET, "hello") == []


def test_brackets_in_a_pattern_are_letters() -> None:
    assert gaps(changed("RecordsStay", Resource="arn:aws:s3:::hello-artifact[s]/*"), BUCKET, "hello") == [DELETED]
