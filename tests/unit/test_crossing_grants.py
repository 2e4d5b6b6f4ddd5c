"""What promotions between accounts are granted: by the bucket that they read, and to the role that reads."""

from __future__ import annotations

from typing import Any

import pytest

from tagship.account.crossing import crossings, readers, source_of
from tagship.domain.crossing_grants import Reader, SourceBucket, with_readers, with_source
from tagship.errors import SettingsError
from tests.fakes.app import VALUES, FakeApp, settings
from tests.unit.test_policies import allowed, read, s3, statements, template

READER = Reader("prod", "222222222222", "preprod")
ROLE = "arn:aws:iam::222222222222:role/tagship/hello/ship/prod/tagship-hello-prod-Ci-1A2B"
BUCKET = "arn:aws:s3:::hello-artifacts"
DEV: dict[str, Any] = VALUES["environments"]["dev"]


def granted(role: str, action: str, resource: str, **context: str) -> bool:
    """Whether the bucket's policy lets that role; its denials count."""
    policy = template(with_readers(read("foundation"), [READER]))["ArtifactsPolicy"]["Properties"]["PolicyDocument"]
    about = {"aws:PrincipalArn": role, "aws:SecureTransport": "true", **context}
    ours = [one for one in policy["Statement"] if one["Principal"] == "*" or _names(one["Principal"], role)]
    return allowed(ours, action, resource, about)


def _names(principal: dict[str, str], role: str) -> bool:
    return principal["AWS"] == f"arn:aws:iam::{role.split(':')[4]}:root"


@pytest.mark.parametrize(
    "key",
    ["hello/preprod/1.0.0/manifest.json", "hello/preprod/1.0.0/deploy-bundle.tar.gz", "hello/_ledger/preprod/1/1-x"],
)
def test_the_job_that_promotes_reads_what_it_promotes(key: str) -> None:
    assert granted(ROLE, "s3:GetObject", s3(key))


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:GetObject", "hello/dev/1.0.0/manifest.json"),
        ("s3:GetObject", "hello/_infra/preprod/terraform.tfstate"),
        ("s3:GetObject", "hello/_lease/preprod.json"),
        ("s3:PutObject", "hello/preprod/1.0.0/manifest.json"),
        ("s3:PutObject", "hello/_ledger/preprod/1/1-x"),
        ("s3:DeleteObject", "hello/preprod/1.0.0/manifest.json"),
    ],
)
def test_it_reads_nothing_else_and_writes_nothing(action: str, key: str) -> None:
    assert not granted(ROLE, action, s3(key))


@pytest.mark.parametrize(
    "role",
    [
        ROLE.replace("/ship/prod/", "/ship/dev/"),
        ROLE.replace("/tagship/hello/", "/tagship/other/"),
        "arn:aws:iam::222222222222:role/admin",
        ROLE.replace("222222222222", "333333333333"),
    ],
)
def test_no_other_role_reads_it(role: str) -> None:
    assert not granted(role, "s3:GetObject", s3("hello/preprod/1.0.0/manifest.json"))


def test_it_lists_what_it_promotes_and_no_other_environment() -> None:
    assert granted(ROLE, "s3:ListBucket", BUCKET, **{"s3:prefix": "hello/_ledger/preprod/"})
    assert granted(ROLE, "s3:ListBucket", BUCKET)  # of a GetObject: 404 and not 403
    assert not granted(ROLE, "s3:ListBucket", BUCKET, **{"s3:prefix": "hello/_ledger/dev/"})


def test_without_another_account_nothing_is_granted() -> None:
    policy = template(with_readers(read("foundation"), []))["ArtifactsPolicy"]["Properties"]["PolicyDocument"]
    assert all(one["Effect"] == "Deny" for one in policy["Statement"])
    assert "WhatIsPromoted" not in with_source(read("environment"), None)


def test_the_role_may_read_that_bucket_and_write_nothing_there() -> None:
    ci = statements("Ci", with_source(read("environment"), SourceBucket("preprod", "hello-preprod")))
    there = "arn:aws:s3:::hello-preprod"
    assert allowed(ci, "s3:GetObject", f"{there}/hello/preprod/1.0.0/manifest.json")
    assert allowed(ci, "s3:GetObject", f"{there}/hello/_ledger/preprod/1/1-healthy.json")
    assert allowed(ci, "s3:ListBucket", there)
    for action, key in (
        ("s3:PutObject", "hello/preprod/1.0.0/manifest.json"),
        ("s3:GetObject", "hello/dev/1.0.0/manifest.json"),
        ("s3:DeleteObject", "hello/preprod/1.0.0/manifest.json"),
    ):
        assert not allowed(ci, action, f"{there}/{key}")
    own = statements("Ci")
    assert not allowed(own, "s3:GetObject", f"{there}/hello/preprod/1.0.0/manifest.json")


def test_the_role_has_the_path_that_the_bucket_knows_it_by() -> None:
    assert template(read("environment"), Environment="prod")["Ci"]["Properties"]["Path"] == "/tagship/hello/ship/prod/"


def test_images_may_be_pulled_by_that_role_alone() -> None:
    made = template(with_readers(read("foundation"), [READER]), ImageRepository="hello")["Images"]["Properties"]
    [statement] = made["RepositoryPolicyText"]["Statement"]
    assert statement["Action"] == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == ROLE.replace("tagship-hello-prod-Ci-1A2B", "*")


# -- from the settings -------------------------------------------------------------------------------------------------


def app(**accounts: dict[str, str]) -> FakeApp:
    environments = {name: {**DEV, "branch": "main", "suffix": name, "aws": own} for name, own in accounts.items()}
    return FakeApp(settings=settings(environments=environments, promotion={"order": list(accounts)}))


def test_a_step_between_two_buckets_crosses() -> None:
    chosen = app(dev={}, preprod={}, prod={"bucket": "hello-prod", "account": "222222222222"})
    assert list(crossings(chosen)) == [("preprod", "prod")]
    assert list(readers(chosen)) == [Reader("prod", "222222222222", "preprod")]
    assert source_of(chosen, "prod") == SourceBucket("preprod", "hello-artifacts")
    assert source_of(chosen, "preprod") is None


def test_the_account_that_reads_has_to_be_named() -> None:
    with pytest.raises(SettingsError, match=r"environments.prod.aws.account is missing"):
        list(readers(app(dev={}, prod={"bucket": "hello-prod"})))
