"""Accounts: a session writes to its own, a bucket is its owner's, and a key finds its environment's bucket."""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.bucket.several import SeveralStores
from tagship.errors import NotAllowed, Refused, ServiceFailed
from tagship.ports.bucket import Store
from tagship.sandbox.aws import identities
from tests.contract import strict_aws
from tests.fakes.store import MemoryStore

OTHER, THIRD = "222222222222", "333333333333"
numbers = itertools.count(1)


@functools.cache
def session(account: str) -> Aws:
    return replace(strict_aws.aws(), keys=identities.issue(account), account=account, _sessions=[])


def bucket_of(account: str) -> S3Store:
    aws, name = session(account), f"of-{account}-{next(numbers)}"
    aws.client("s3").create_bucket(Bucket=name)
    return S3Store(aws, name)


# -- whose credentials -------------------------------------------------------------------------------------------------


def test_a_session_of_the_named_account_writes(tmp_path: Path) -> None:
    assert bucket_of(OTHER).create("a", b"body").size == 4


def test_a_session_of_another_account_writes_nothing_anywhere() -> None:
    store = bucket_of(OTHER)
    wrong = S3Store(replace(session(OTHER), account=THIRD, profile="prod", _sessions=[]), store.bucket)
    with pytest.raises(Refused) as refused:
        wrong.create("a", b"body")
    assert refused.value.what == f"The AWS credentials are of the account {OTHER}, and tagship.toml says {THIRD}."
    assert refused.value.remedy == f"Sign in to {THIRD} with that profile: aws sso login --profile prod"
    assert store.get("a") is None


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("ssm", "put_parameter", {"Name": "a", "Value": "b", "Type": "String"}),
        ("ec2", "create_tags", {"Resources": ["i-1"], "Tags": [{"Key": "a", "Value": "b"}]}),
        ("lambda", "invoke", {"FunctionName": "a"}),
        ("ecs", "update_service", {"service": "a"}),
        ("cloudformation", "delete_stack", {"StackName": "a"}),
    ],
)
def test_no_service_is_sent_a_change_by_another_accounts_session(
    service: str, call: str, given: dict[str, object]
) -> None:
    wrong = replace(session(OTHER), account=THIRD, _sessions=[])
    with pytest.raises(Refused, match=f"tagship.toml says {THIRD}"):
        getattr(wrong.client(service), call)(**given)


def test_reading_asks_nobody_whose_account_it_is() -> None:
    """A job of CI reads what it promotes from another account, by that account's leave."""
    wrong = S3Store(replace(session(OTHER), account=THIRD, _sessions=[]), bucket_of(OTHER).bucket)
    assert wrong.get("a") is None
    assert list(wrong.list("")) == []


def test_an_account_that_sts_does_not_name_is_written_to_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = replace(session(OTHER), account=THIRD, endpoint="http://127.0.0.1:9", attempts=1, _sessions=[])
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    with pytest.raises(ServiceFailed, match="asking AWS whose account this is"):
        S3Store(silent, "anything").create("a", b"body")


# -- the sandbox keeps accounts apart ----------------------------------------------------------------------------------


def test_a_client_of_one_account_reads_and_writes_nothing_of_anothers_bucket() -> None:
    theirs = bucket_of(THIRD)
    theirs.create("a", b"body")
    ours = S3Store(session(OTHER), theirs.bucket)
    for act in (
        lambda: ours.create("b", b"body"),
        lambda: ours.get("a"),
        lambda: ours.head("a"),
        lambda: list(ours.list("")),
        lambda: ours.delete("a", theirs.head("a").etag),  # type: ignore[union-attr]
    ):
        with pytest.raises(NotAllowed):
            act()
    assert [entry.key for entry in theirs.list("")] == ["a"]


def test_what_a_policy_grants_is_read_and_no_more() -> None:
    theirs, role = bucket_of(THIRD), f"arn:aws:iam::{OTHER}:role/tagship/hello/ship/prod/x"
    theirs.create("hello/preprod/1/a", b"body")
    theirs.create("hello/dev/1/a", b"body")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{theirs.bucket}/hello/preprod/*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": role.replace("/x", "/*")}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    theirs.aws.client("s3").put_bucket_policy(Bucket=theirs.bucket, Policy=policy)
    taken = session(OTHER).client("sts").assume_role(RoleArn=role, RoleSessionName="promote")["Credentials"]
    s3 = _with_token(taken)
    assert s3.get_object(Bucket=theirs.bucket, Key="hello/preprod/1/a")["Body"].read() == b"body"
    for call, given in (
        (s3.get_object, {"Key": "hello/dev/1/a"}),
        (s3.put_object, {"Key": "hello/preprod/1/b", "Body": b""}),
        (s3.delete_object, {"Key": "hello/preprod/1/a"}),
        (s3.list_objects_v2, {}),
    ):
        with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
            call(Bucket=theirs.bucket, **given)
    with pytest.raises(NotAllowed):  # the same account, and not that role
        S3Store(session(OTHER), theirs.bucket).get("hello/preprod/1/a")


def _with_token(taken: dict[str, str]):  # type: ignore[no-untyped-def]
    import boto3

    return boto3.client(
        "s3",
        region_name=strict_aws.REGION,
        endpoint_url=strict_aws.url(),
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
    )


# -- a key finds its bucket --------------------------------------------------------------------------------------------


def several(**stores: MemoryStore) -> SeveralStores:
    opened = {name: functools.partial(_same, store) for name, store in stores.items()}
    return SeveralStores(opened, lambda key: next((name for name in stores if f"/{name}/" in key), ""))


def _same(store: Store) -> Store:
    return store


def test_each_key_is_in_its_environments_bucket() -> None:
    dev, prod = MemoryStore("d"), MemoryStore("p")
    store = several(dev=dev, prod=prod)
    store.create("hello/prod/1/a", b"body")
    store.create("hello/dev/1/a", b"body")
    assert (list(dev.objects), list(prod.objects)) == (["hello/dev/1/a"], ["hello/prod/1/a"])
    assert store.url("hello/prod/1/a") == "s3://p/hello/prod/1/a"


def test_a_listing_across_environments_takes_each_from_its_own_bucket() -> None:
    """What another bucket has under an environment's name, of a time before it moved, is not that environment's."""
    dev, prod = MemoryStore("d"), MemoryStore("p")
    dev.create("hello/prod/0/stale", b"")
    for store, key in ((dev, "hello/dev/1/a"), (prod, "hello/prod/1/a"), (prod, "hello/dev/9/stale")):
        store.create(key, b"")
    assert [entry.key for entry in several(dev=dev, prod=prod).list("hello/")] == ["hello/dev/1/a", "hello/prod/1/a"]


def test_many_are_deleted_each_where_it_is() -> None:
    dev, prod = MemoryStore("d"), MemoryStore("p")
    store = several(dev=dev, prod=prod)
    for key in ("hello/dev/1/a", "hello/prod/1/a", "hello/prod/1/b"):
        store.create(key, b"")
    assert store.delete_all(["hello/dev/1/a", "hello/prod/1/a"]) == {}
    assert (list(dev.objects), list(prod.objects)) == ([], ["hello/prod/1/b"])


def test_a_copy_from_bucket_to_bucket_has_the_same_bytes() -> None:
    dev, prod = MemoryStore("d"), MemoryStore("p")
    store = several(dev=dev, prod=prod)
    made = store.create("hello/dev/1/a", b"body")
    store.copy(made, "hello/prod/1/a", {"branch": "main"})
    assert prod.objects["hello/prod/1/a"].body == b"body"
    prod.objects.clear()
    dev.objects["hello/dev/1/a"] = replace(made, etag="another")
    with pytest.raises(ServiceFailed, match="has changed since it was read"):
        store.copy(made, "hello/prod/1/a", {})
    assert not prod.objects


def test_the_time_is_told_by_the_first_bucket_that_answers() -> None:
    class Mute(MemoryStore):
        def now(self):  # type: ignore[no-untyped-def]
            raise NotAllowed("Access denied", remedy="none")

    assert several(dev=Mute("d"), prod=MemoryStore("p")).now()
    with pytest.raises(NotAllowed):
        several(dev=Mute("d")).now()
