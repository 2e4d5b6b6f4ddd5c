"""Somebody with the policy that `setup` gives people, and nothing else, at the strict AWS with IAM enforced.

What moto's IAM would not notice: a condition (it takes each as not met, so SendCommand by tags is never allowed), and
that a write with If-Match needs s3:GetObject as well. tests/unit/test_policies.py and test_permissions.py evaluate
both, and what a remedy asks of SSM and EC2: hosts are fakes here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from moto import settings as moto_settings
from moto.core.authorization import ActionAuthenticatorMixin

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.bucket.freezes import StoredFreezes
from tagship.adapters.bucket.leases import StoredLeases
from tagship.adapters.bucket.ledger import StoredLedger
from tests.contract import strict_aws
from tests.fakes.app import FakeApp, environments, settings
from tests.unit.test_policies import read, statements

numbers = itertools.count(1)


@contextmanager
def iam_enforced() -> Iterator[None]:
    """Each request has to be allowed, from the first on."""
    with (
        patch.object(moto_settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0),
        patch.object(ActionAuthenticatorMixin, "request_count", 0),
    ):
        yield


@dataclass(frozen=True)
class Person(Aws):
    """Clients with a person's own keys."""

    key: str = ""
    secret: str = ""

    def _session(self) -> object:
        from botocore.session import Session

        core = Session()
        core.set_credentials(self.key, self.secret)
        return core


def person(bucket: str) -> Person:
    """A new user whose one policy is People's of dev, in that bucket."""
    return user(statements("People", text=read("environment"), Bucket=bucket))


def owner() -> Person:
    """A new user who may do all that there is."""
    return user([{"Effect": "Allow", "Action": "*", "Resource": "*"}])


def user(policy: Sequence[object]) -> Person:
    iam, name = strict_aws.aws().client("iam"), f"user-{next(numbers)}"
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": policy})
    iam.put_user_policy(UserName=name, PolicyName="its", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Person(
        strict_aws.REGION, strict_aws.url(), sandbox=True, key=key["AccessKeyId"], secret=key["SecretAccessKey"]
    )


def app_over(store: S3Store) -> FakeApp:
    """An app whose records are in a bucket; hosts and artifacts' signatures are fakes."""
    app = FakeApp(settings(environments=environments(infra={"directory": "infra"})), given={"forge": None})
    app.store = store  # type: ignore[assignment]
    app.leases = StoredLeases(store, "hello")  # type: ignore[assignment]
    app.freezes = StoredFreezes(store, "hello")  # type: ignore[assignment]
    app.ledger = StoredLedger(store, "hello")  # type: ignore[assignment]
    return app
