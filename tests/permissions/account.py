"""An account that `setup` made, in a sandbox: its roles with all their policies, read back from IAM."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tagship import bootstrap
from tagship.domain.foundation import stack_name
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.setup import setup
from tests.journeys.test_static_sets import ORIGIN
from tests.permissions.roles import Acting, Minutes, Role, Statement
from tests.sandbox.conftest import client, git, start

OF_PEOPLE = ("", "OfHosts", "OfFunctions", "OfServices", "OfSites", "OfFigures", "OfReport")


@dataclass
class Account:
    """A repository and the account that it ships to; facts for the judge, asked with the owner's rights."""

    root: Path
    running: Running
    minutes: Minutes = field(default_factory=Minutes)
    _roles: dict[str, Role] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _tags: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def made(cls, root: Path, hosts: int = 1) -> Account:
        """Start the sandbox, and have `setup` make the account: the bucket, too, with its policy."""
        account = cls(root, start(root, hosts))
        account._name_distributions()
        s3 = account.client("s3")
        s3.delete_bucket(Bucket=bootstrap.app(root).settings.aws.bucket)
        setup(bootstrap.app(root))
        account.buckets  # noqa: B018  # read before it is taken away
        s3.delete_bucket_policy(Bucket=bootstrap.app(root).settings.aws.bucket)  # moto takes conditions for not met
        git(root, "remote", "add", "origin", str(account.running.origin))
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "-m", "Set the account up")
        account.push()
        return account

    def _name_distributions(self) -> None:
        """Make a distribution for each that the settings name, and name it there."""
        file = self.root / "tagship.toml"
        text = file.read_text("utf-8")
        for name in re.findall(r'distribution = "(\w+)"', text):
            made = self.client("cloudfront").create_distribution(
                DistributionConfig={**ORIGIN, "CallerReference": name}
            )["Distribution"]["Id"]
            text = text.replace(name, made)
        file.write_text(text, "utf-8")

    def push(self) -> None:
        git(self.root, "push", "--quiet", "--force", "--tags", "origin", "HEAD:refs/heads/main")

    def close(self) -> None:
        lifecycle.down(self.root)

    def client(self, service: str) -> Any:
        return client(self.running, service)

    # -- facts ---------------------------------------------------------------------------------------------------------

    def tags(self, instance: str) -> Mapping[str, str]:
        if instance not in self._tags:
            rows = self._instances()
            self._tags |= {row["InstanceId"]: {tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in rows}
        return self._tags[instance]

    def _instances(self) -> list[Any]:
        listed = self.client("ec2").describe_instances()["Reservations"]
        return [row for reservation in listed for row in reservation["Instances"]]

    def key(self, name: str) -> str:
        if name not in self._keys:
            self._keys[name] = self.client("kms").describe_key(KeyId=name)["KeyMetadata"]["Arn"]
        return self._keys[name]

    # -- roles ---------------------------------------------------------------------------------------------------------

    def role(self, name: str) -> Role:
        """Ci, Notify, Cleanup or People of an environment, such as "Ci of dev"; else somebody without any policy."""
        if name not in self._roles:
            kind, _, environment = name.partition(" of ")
            self._roles[name] = self._read(kind, environment) if environment else self._nobody()
        return self._roles[name]

    def _read(self, kind: str, environment: str) -> Role:
        outputs = self._outputs(environment)
        if kind == "People":
            arns = [outputs[name] for part in OF_PEOPLE if (name := f"People{part}PolicyArn") in outputs]
            statements = [one for arn in arns for one in self._managed(arn)]
            return self._role(f"People of {environment}", "arn:aws:iam::123456789012:role/oncall", statements)
        arn = outputs[f"{kind}RoleArn"]
        return self._role(f"{kind} of {environment}", arn, self._statements(arn.rpartition("/")[2]))

    def _nobody(self) -> Role:
        return self._role("nobody", "arn:aws:iam::123456789012:role/nobody", [])

    def _role(self, name: str, arn: str, statements: list[Statement]) -> Role:
        return Role(name, arn, statements, self.buckets)

    @cached_property
    def buckets(self) -> Mapping[str, list[Statement]]:
        bucket = bootstrap.app(self.root).settings.aws.bucket
        policy = json.loads(self.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
        return {bucket: policy["Statement"]}

    def _outputs(self, environment: str) -> dict[str, str]:
        name = stack_name(bootstrap.app(self.root).settings.app, environment)
        [stack] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def _statements(self, role: str) -> list[Statement]:
        iam = self.client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        inline = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        own = [statement for document in inline for statement in document["Statement"]]
        return own + [one for policy in attached for one in self._managed(policy["PolicyArn"])]

    def _managed(self, arn: str) -> list[Statement]:
        iam = self.client("iam")
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        statements: list[Statement] = document["Statement"]
        return statements

    # -- acting --------------------------------------------------------------------------------------------------------

    def app(self, role: Role | None = None) -> bootstrap.Wiring:
        """The app with the clients of a role; of the owner without one."""
        app = bootstrap.app(self.root)
        if role:
            keys = (self.running.keys.access, self.running.keys.secret)
            given = {"sandbox": True, "keys": keys, "role": role, "minutes": self.minutes, "facts": self}
            vars(app)["aws"] = Acting(app.settings.aws.region, self.running.aws_url, **given)
        return app
