"""The commands of the AWS CLI that messages advise."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence


def put_parameter(name: str, region: str) -> str:
    """Spell AWS's own command that stores a secret from a file."""
    words = ["aws", "ssm", "put-parameter", "--type", "SecureString", "--name", name, "--value", "file://value.txt"]
    return shlex.join([*words, "--region", region])


def store_again(bucket: str, key: str, metadata: Mapping[str, str], region: str) -> str:
    """Spell AWS's commands that store an object again, with its SHA-256.

    The bucket's policy lets nobody write over an artifact: it is fetched, removed and put.
    """
    place, file, where = f"s3://{bucket}/{key}", key.rpartition("/")[2], ["--region", region]
    put = ["aws", "s3api", "put-object", "--bucket", bucket, "--key", key, "--body", file, "--if-none-match", "*"]
    put += ["--checksum-algorithm", "SHA256", "--metadata", json.dumps(dict(metadata)), *where]
    steps = [["aws", "s3", "cp", place, file, *where], ["aws", "s3", "rm", place, *where], put]
    return " && ".join(map(shlex.join, steps))


def alarms(names: Sequence[str]) -> str:
    """Spell AWS's command that shows alarms and their reasons."""
    return shlex.join(["aws", "cloudwatch", "describe-alarms", "--alarm-names", *names])


def target_health(group: str) -> str:
    """Spell AWS's command that shows how the targets of a group are."""
    return shlex.join(["aws", "elbv2", "describe-target-health", "--target-group-arn", group])


def machine_image(image: str, region: str) -> str:
    """Spell AWS's command that shows an AMI."""
    return shlex.join(["aws", "ec2", "describe-images", "--image-ids", image, "--region", region])


def calendar_state(calendar: str) -> str:
    """Spell AWS's command that asks whether a change calendar is open."""
    return shlex.join(["aws", "ssm", "get-calendar-state", "--calendar-names", calendar])


def restore_image(repository: str, digest: str, region: str) -> str:
    """Spell AWS's command that takes an image out of ECR's archive."""
    command = ["aws", "ecr", "update-image-storage-class", "--repository-name", repository]
    return shlex.join(
        [*command, "--image-id", f"imageDigest={digest}", "--target-storage-class", "STANDARD", "--region", region]
    )


def use_key_again(key: str, region: str) -> str:
    """Spell AWS's commands that take a key's deletion back, and enable it.

    The first one fails for a key that is disabled alone, and need not work.
    """
    where = ["--key-id", key, "--region", region]
    return "; ".join(shlex.join(["aws", "kms", verb, *where]) for verb in ("cancel-key-deletion", "enable-key"))
