"""The account that `setup` made in two regions, and two accounts between which a promotion crosses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tagship import bootstrap
from tagship.domain.foundation import stack_name
from tagship.verbs.setup import setup
from tests.permissions.account import OF_PEOPLE, Account
from tests.permissions.roles import Acting, Role, Statement
from tests.sandbox import conftest
from tests.sandbox.conftest import client, git, start
from tests.sandbox.head import KEYS_AND_ORDER_KEYS, bundle_of, head
from tests.sandbox.shop import HERE

HOME, FAR = "us-east-1", "eu-west-1"
DEV, PROD = "111111111111", "333333333333"
HEAD = head("shop", bundle_of("app"), signing=KEYS_AND_ORDER_KEYS)
HOSTS = """
[environments.{name}]
branch = "main"
health = {{ attempts = 4, attempts_after_rollback = 2, passes = 1, cap = 1, timeout = 1 }}
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "app/app.py"]
ec2.drain = 0
ec2.timeout = 30
logs.group = "/shop/{name}"
"""
REGIONS = f'regions = ["{HOME}", "{FAR}"]\naws.bucket = "shop-dev-{{region}}"\n'
ORDER = '[promotion]\norder = ["dev", "prod"]\n'
OWN = """
[environments.{name}.aws]
account = "{account}"
bucket = "shop-{name}"
"""


def repository(folder: Path, text: str) -> Path:
    """A repository of hosts with these settings, in one commit."""
    shutil.copytree(HERE / "deploy", folder / "deploy")
    shutil.copytree(HERE / "examples/hello", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "public").mkdir()
    return conftest.repository(folder, {"tagship.toml": text, ".gitignore": ".tagship\n__pycache__\n"})


@dataclass
class Placed(Account):
    """Regions and accounts, each with what `setup` made there; clients of a role are judged in all of them."""

    @classmethod
    def made(cls, root: Path, hosts: int = 1) -> Placed:
        account = cls(root, start(root, hosts))
        for part in account._parts(bootstrap.app(root)):
            part.aws.client("s3").delete_bucket(Bucket=part.settings.aws.bucket)
        setup(bootstrap.app(root))
        account.buckets  # noqa: B018  # read before they are taken away
        for part in account._parts(bootstrap.app(root)):
            s3 = part.aws.client("s3")
            account.leave(s3, part.settings.aws.bucket)
            logs = part.aws.client("logs")
            for name in part.settings.environments:
                logs.create_log_group(logGroupName=f"/shop/{name}")
        git(root, "remote", "add", "origin", str(account.running.origin))
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "-m", "Set the account up")
        account.push()
        return account

    def leave(self, s3: Any, bucket: str) -> None:
        """Keep the grants of a bucket: moto takes conditions of denials for not met."""
        policy = {
            "Version": "2012-10-17",
            "Statement": [one for one in self.buckets[bucket] if one["Effect"] == "Allow"],
        }
        s3.delete_bucket_policy(Bucket=bucket)
        if policy["Statement"]:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    @staticmethod
    def _parts(app: bootstrap.Wiring) -> list[Any]:
        """The app in each account, and in each region of an environment."""
        regions = [region for name in app.settings.environments for region in app.regions(name)]
        return list({part.settings.aws.bucket: part for part in [*app.accounts, *regions]}.values())

    def _instances(self) -> list[Any]:
        rows: list[Any] = []
        for part in self._parts(bootstrap.app(self.root)):
            listed = part.aws.client("ec2").describe_instances()["Reservations"]
            rows += [row for reservation in listed for row in reservation["Instances"]]
        return rows

    def key(self, name: str) -> str:
        if name not in self._keys:
            environment = name.rpartition("-")[2]
            kms = bootstrap.app(self.root).at(environment).aws.client("kms")
            self._keys[name] = kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"]
        return self._keys[name]

    @cached_property
    def buckets(self) -> Mapping[str, list[Statement]]:
        policies = {}
        for part in self._parts(bootstrap.app(self.root)):
            bucket = part.settings.aws.bucket
            policies[bucket] = json.loads(part.aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        return policies

    # -- roles ---------------------------------------------------------------------------------------------------------

    def _read(self, kind: str, environment: str) -> Role:
        app = bootstrap.app(self.root)
        [iam_of, *_] = regions = app.regions(environment)
        outputs = [part.foundation.stack(stack_name("shop", environment)).outputs for part in regions]
        self._iam = iam_of.aws.client("iam")
        account = iam_of.settings.aws.account or "123456789012"
        foreign = [part.settings.aws.bucket for part in app.accounts if part.settings.aws.account not in ("", account)]
        if kind == "People":
            arns = [made[name] for made in outputs for part in OF_PEOPLE if (name := f"People{part}PolicyArn") in made]
            statements = [one for arn in arns for one in self._managed(arn)]
            return Role(
                f"People of {environment}", f"arn:aws:iam::{account}:role/oncall", statements, self.buckets, foreign
            )
        arn = outputs[0][f"{kind}RoleArn"]
        statements = self._statements(arn.rpartition("/")[2])
        return Role(f"{kind} of {environment}", arn, statements, self.buckets, foreign)

    def client(self, service: str) -> Any:
        return self._iam if service == "iam" else super().client(service)

    def app(self, role: Role | None = None) -> bootstrap.Wiring:
        """The app with the clients of a role in each region; in CI, its one role in every account."""
        app = bootstrap.app(self.root)
        if role is None:
            return app
        keys = self._keys_of(role)
        everywhere = [
            app,
            *app.accounts,
            *(region for name in app.settings.environments for region in app.regions(name)),
        ]
        for part in everywhere:
            given = {"sandbox": True, "keys": keys, "role": role, "minutes": self.minutes, "facts": self}
            vars(part)["aws"] = Acting(part.settings.aws.region, self.running.aws_url, **given)
            if vars(part).pop("bucket", None):  # of a region that follows: it was opened by the owner
                vars(part)["store"] = part.bucket
        return app

    def _keys_of(self, role: Role) -> Any:
        account = role.arn.split(":")[4]
        if account not in (DEV, PROD):
            return (self.running.keys.access, self.running.keys.secret)
        sts = client(self.running, "sts", account=account)
        taken = sts.assume_role(RoleArn=role.arn, RoleSessionName="job")["Credentials"]
        return tuple(taken[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
