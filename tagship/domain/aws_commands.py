"""The commands of the AWS CLI that messages advise."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FILE = "file://value.txt"  # what a person writes a secret into


@dataclass(frozen=True)
class Where:
    """The region that a command names, and the profile of its account.

    Whoever types it may have other ones, or none: without the profile it would reach another account. Empty: the
    settings name none.
    """

    region: str
    profile: str = ""


def put_parameter(name: str, where: Where) -> str:
    """Spell AWS's own command that stores a secret from a file."""
    return _in(where, "ssm", "put-parameter", "--type", "SecureString", "--name", name, "--value", FILE)


def store_again(bucket: str, key: str, metadata: Mapping[str, str], where: Where) -> str:
    """Spell AWS's commands that store an object again, with its SHA-256.

    The bucket's policy lets nobody write over an artifact: it is fetched, removed and put.
    """
    place, file = f"s3://{bucket}/{key}", key.rpartition("/")[2]
    put = ("--bucket", bucket, "--key", key, "--body", file, "--if-none-match", "*", "--checksum-algorithm", "SHA256")
    steps = [
        ("s3", "cp", place, file),
        ("s3", "rm", place),
        ("s3api", "put-object", *put, "--metadata", json.dumps(dict(metadata))),
    ]
    return " && ".join(_in(where, *step) for step in steps)


def _in(where: Where, *words: str) -> str:
    """Spell a command for a region, as a profile."""
    return _as(where.profile, *words, "--region", where.region)


def alarms(names: Sequence[str], where: Where) -> str:
    """Spell AWS's command that shows alarms and their reasons."""
    return _in(where, "cloudwatch", "describe-alarms", "--alarm-names", *names)


def target_health(group: str, where: Where) -> str:
    """Spell AWS's command that shows how the targets of a group are."""
    return _in(where, "elbv2", "describe-target-health", "--target-group-arn", group)


def machine_image(image: str, where: Where) -> str:
    """Spell AWS's command that shows an AMI."""
    return _in(where, "ec2", "describe-images", "--image-ids", image)


def calendar_state(calendar: str, where: Where) -> str:
    """Spell AWS's command that asks whether a change calendar is open."""
    return _in(where, "ssm", "get-calendar-state", "--calendar-names", calendar)


def restore_image(repository: str, digest: str, where: Where) -> str:
    """Spell AWS's command that takes an image out of ECR's archive."""
    image = ("--image-id", f"imageDigest={digest}", "--target-storage-class", "STANDARD")
    return _in(where, "ecr", "update-image-storage-class", "--repository-name", repository, *image)


def make_repository(name: str, where: Where) -> str:
    """Spell AWS's command that makes a repository whose tags stay."""
    immutable = ("--image-tag-mutability", "IMMUTABLE")
    return _in(where, "ecr", "create-repository", "--repository-name", name, *immutable)


def lifecycle_policy(repository: str, where: Where) -> str:
    """Spell AWS's command that shows which images a repository deletes."""
    return _in(where, "ecr", "get-lifecycle-policy", "--repository-name", repository)


def keep_tags(repository: str, moving: Sequence[str], where: Where) -> str:
    """Spell AWS's command that keeps all tags but those that move."""
    words = ["ecr", "put-image-tag-mutability", "--repository-name", repository, "--image-tag-mutability"]
    if not moving:
        return _in(where, *words, "IMMUTABLE")
    filters = [f"filterType=WILDCARD,filter={tag}" for tag in moving]
    excluding = ("IMMUTABLE_WITH_EXCLUSION", "--image-tag-mutability-exclusion-filters")
    return _in(where, *words, *excluding, *filters)


def caller(where: Where) -> str:
    """Spell AWS's command that says whose credentials these are."""
    return _in(where, "sts", "get-caller-identity")


def sign_in(profile: str = "") -> str:
    """Spell AWS's command that signs in by a browser."""
    return _as(profile, "sso", "login")


def profiles() -> str:
    """Spell AWS's command that lists the profiles of this machine."""
    return _as("", "configure", "list-profiles")


def _as(profile: str, *words: str) -> str:
    return shlex.join(["aws", *words, *(["--profile", profile] if profile else [])])


def object_versions(bucket: str, prefix: str, where: Where) -> str:
    """Spell AWS's command that shows who wrote objects, and when."""
    return _in(where, "s3api", "list-object-versions", "--bucket", bucket, "--prefix", prefix)


def remove_object(url: str, where: Where) -> str:
    """Spell AWS's command that deletes an object."""
    return _in(where, "s3", "rm", url)


def create_bucket(name: str, where: Where) -> str:
    """Spell AWS's command that makes a bucket."""
    return _in(where, "s3", "mb", f"s3://{name}")


def make_secret(name: str, where: Where) -> str:
    """Spell AWS's command that makes a secret of a file."""
    return _in(where, "secretsmanager", "create-secret", "--name", name, "--secret-string", FILE)


def put_secret(name: str, where: Where) -> str:
    """Spell AWS's command that gives a secret the value in a file."""
    return _in(where, "secretsmanager", "put-secret-value", "--secret-id", name, "--secret-string", FILE)


def keep_secret(name: str, where: Where) -> str:
    """Spell AWS's command that takes a secret's deletion back."""
    return _in(where, "secretsmanager", "restore-secret", "--secret-id", name)


def delete_stack(name: str, where: Where) -> str:
    """Spell AWS's commands that delete a stack, and wait for that."""
    return _stack(name, where, "delete-stack", "stack-delete-complete")


def continue_stack(name: str, where: Where) -> str:
    """Spell AWS's commands that end a stack's rollback which failed."""
    return _stack(name, where, "continue-update-rollback", "stack-rollback-complete")


def _stack(name: str, where: Where, act: str, wait: str) -> str:
    """Act on a stack, and wait: CloudFormation answers when it has begun."""
    named = ("--stack-name", name)
    begin = _in(where, "cloudformation", act, *named)
    return f"{begin} && {_in(where, 'cloudformation', 'wait', wait, *named)}"


def stack_status(name: str, where: Where) -> str:
    """Spell AWS's command that shows how a stack is."""
    return _in(where, "cloudformation", "describe-stacks", "--stack-name", name, "--query", "Stacks[0].StackStatus")


def service(cluster: str, name: str, where: Where) -> str:
    """Spell AWS's command that shows a service of ECS."""
    return _in(where, "ecs", "describe-services", "--cluster", cluster, "--services", name)


def tasks(cluster: str, name: str, where: Where) -> str:
    """Spell AWS's command that lists the tasks of a service."""
    return _in(where, "ecs", "list-tasks", "--cluster", cluster, "--service-name", name)


def let_enter(cluster: str, name: str, where: Where) -> str:
    """Spell AWS's command that starts tasks which take a shell."""
    words = ("--service", name, "--enable-execute-command", "--force-new-deployment")
    return _in(where, "ecs", "update-service", "--cluster", cluster, *words)


def launch_numbered(group: str, template: str, where: Where) -> str:
    """Spell AWS's command that has a group launch a numbered version.

    Whoever types it puts the number in.
    """
    version = ("--launch-template", f"LaunchTemplateId={template},Version=NUMBER")
    return _in(where, "autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", group, *version)


def unreserve(function: str, where: Where) -> str:
    """Spell AWS's command that takes a limit of concurrency away."""
    return _in(where, "lambda", "delete-function-concurrency", "--function-name", function)


def use_key_again(key: str, where: Where) -> str:
    """Spell AWS's commands that take a key's deletion back, and enable it.

    The first one fails for a key that is disabled alone, and need not work.
    """
    return "; ".join(_in(where, "kms", verb, "--key-id", key) for verb in ("cancel-key-deletion", "enable-key"))
