"""Parameter Store and Secrets Manager by names and versions.

DescribeParameters and DescribeSecret answer without values (SSM and Secrets Manager API references), so CI's role needs
neither the right to read a value nor to decrypt one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tagship.adapters.aws.session import Aws
from tagship.domain import aws_commands
from tagship.domain.aws_commands import Where
from tagship.errors import Refused

CURRENT = "AWSCURRENT"


@dataclass(frozen=True)
class AwsSecrets:
    """The region's secrets, as far as their names and versions go."""

    aws: Aws

    def parameters(self, path: str) -> Mapping[str, str]:
        """Find every parameter below a path, with its newest version's number."""
        below = [{"Key": "Path", "Option": "Recursive", "Values": [path.rstrip("/")]}]
        with self.aws.translated(f"looking for the parameters below {path}"):
            pages = self.aws.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=below)  # type: ignore[arg-type]
            return {entry["Name"]: str(entry["Version"]) for page in pages for entry in page["Parameters"]}

    def current(self, name: str) -> str:
        """Find the version id of a secret that is labelled AWSCURRENT.

        Raises Refused if there is none.
        """
        client = self.aws.client("secretsmanager")
        with self.aws.translated(f"looking at the secret {name}"):
            try:
                secret = client.describe_secret(SecretId=name)
            except client.exceptions.ResourceNotFoundException:
                raise self._refused(name, "does not exist", aws_commands.make_secret) from None
        if "DeletedDate" in secret:
            raise self._refused(name, "is being deleted", aws_commands.keep_secret)
        for version, labels in secret.get("VersionIdsToStages", {}).items():
            if CURRENT in labels:
                return version
        raise self._refused(name, "has no value", aws_commands.put_secret)

    def _refused(self, name: str, problem: str, command: Callable[[str, Where], str]) -> Refused:
        where = self.aws.where
        return Refused(
            f"The secret {name} {problem} in {where.region}.",
            remedy=f"Correct its name in tagship.toml, or: {command(name, where)}",
        )
