"""The commands of the AWS CLI that messages advise, each typed as it is printed: from what is wrong it leads out.

Neither region nor credentials are set where they are typed: each names its region, and the profile that has the keys.
What the sandbox can't do is parsed by the CLI itself.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import aws_commands
from tagship.domain.aws_commands import Where
from tagship.sandbox.aws.machine_images import IMAGE
from tagship.sandbox.state import Running
from tests.aws_cli.conftest import variables
from tests.sandbox.conftest import client, post, sandbox

__all__ = ["sandbox"]
WHERE = Where("us-east-1", "team")
ROLE = "arn:aws:iam::123456789012:role/hello"
STACK = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
CREDENTIALS = "[{}]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
SECOND_CLI = frozenset({"sign_in", "profiles"})  # of version 2 alone, which no package index has


@dataclass
class Place:
    """A folder in which somebody types, and the sandbox."""

    running: Running
    folder: Path

    def aws(self, service: str) -> Any:
        return client(self.running, service)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        program = Path(os.environ["REAL_AWS"])
        own = variables(self.running, self.folder)
        for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del own[name]
        own["PATH"] = f"{program.parent}{os.pathsep}{own['PATH']}"
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=own, capture_output=True, text=True, check=False
        )

    def type(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


@pytest.fixture
def place(sandbox: Running, tmp_path: Path) -> Place:
    (tmp_path / "value.txt").write_text("secret", "utf-8")
    keys = (sandbox.keys.access, sandbox.keys.secret)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS.format(WHERE.profile, *keys), "utf-8")
    return Place(sandbox, tmp_path)


def parameter(place: Place) -> None:
    place.type(aws_commands.put_parameter("/hello/dev/KEY", WHERE))
    assert place.aws("ssm").get_parameter(Name="/hello/dev/KEY", WithDecryption=True)["Parameter"]["Value"] == "secret"


def secret(place: Place) -> None:
    """One that is not there is made with its value; one that is being deleted is restored."""
    secrets = place.aws("secretsmanager")
    place.type(aws_commands.make_secret("hello/db", WHERE))
    assert secrets.get_secret_value(SecretId="hello/db")["SecretString"] == "secret"
    secrets.create_secret(Name="hello/empty")
    place.type(aws_commands.put_secret("hello/empty", WHERE))
    assert secrets.get_secret_value(SecretId="hello/empty")["SecretString"] == "secret"
    secrets.delete_secret(SecretId="hello/db")
    place.type(aws_commands.keep_secret("hello/db", WHERE))
    assert secrets.get_secret_value(SecretId="hello/db")["SecretString"] == "secret"


def stored(place: Place) -> None:
    s3, bucket, key = place.aws("s3"), "advised-artifacts", "hello/dev/0.1.0-dev/deploy-bundle.tar.gz"
    place.type(aws_commands.create_bucket(bucket, WHERE))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key=key, Body=b"bytes")
    place.type(aws_commands.store_again(bucket, key, {"commit-sha": "0" * 40, "branch": "a b"}, WHERE))
    now = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert now["Metadata"] == {"commit-sha": "0" * 40, "branch": "a b"}
    assert now["ChecksumSHA256"]
    rows = json.loads(place.type(aws_commands.object_versions(bucket, key, WHERE)))
    assert (len(rows["Versions"]), len(rows["DeleteMarkers"])) == (2, 1)
    place.type(aws_commands.remove_object(f"s3://{bucket}/{key}", WHERE))
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def alarm(place: Place) -> None:
    about = {"MetricName": "5xx", "Namespace": "shop", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
    place.aws("cloudwatch").put_metric_alarm(
        AlarmName="api 5xx", ComparisonOperator="GreaterThanThreshold", Statistic="Sum", **about
    )
    [row] = json.loads(place.type(aws_commands.alarms(["api 5xx"], WHERE)))["MetricAlarms"]
    assert row["AlarmName"] == "api 5xx"


def targets(place: Place) -> None:
    vpc = place.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    made = place.aws("elbv2").create_target_group(Name="api", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
    group = made["TargetGroups"][0]["TargetGroupArn"]
    assert json.loads(place.type(aws_commands.target_health(group, WHERE))) == {"TargetHealthDescriptions": []}


def machine(place: Place) -> None:
    [row] = json.loads(place.type(aws_commands.machine_image(IMAGE, WHERE)))["Images"]
    assert row["State"] == "available"
    gone = place.run(aws_commands.machine_image("ami-00000000000000000", WHERE))
    assert "InvalidAMIID.NotFound" in gone.stderr


def calendar(place: Place) -> None:
    post(place.running, "faults", {"calendars": {"office-hours": "CLOSED"}})
    assert json.loads(place.type(aws_commands.calendar_state("office-hours", WHERE)))["State"] == "CLOSED"


def repository(place: Place) -> None:
    ecr = place.aws("ecr")
    place.type(aws_commands.make_repository("shop/api", WHERE))
    [row] = ecr.describe_repositories(repositoryNames=["shop/api"])["repositories"]
    assert row["imageTagMutability"] == "IMMUTABLE"
    ecr.put_image_tag_mutability(repositoryName="shop/api", imageTagMutability="MUTABLE")
    place.type(aws_commands.keep_tags("shop/api", [], WHERE))
    [row] = ecr.describe_repositories(repositoryNames=["shop/api"])["repositories"]
    assert row["imageTagMutability"] == "IMMUTABLE"
    rule = {
        "rulePriority": 1,
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 9},
    }
    text = json.dumps({"rules": [{**rule, "action": {"type": "expire"}}]})
    ecr.put_lifecycle_policy(repositoryName="shop/api", lifecyclePolicyText=text)
    assert json.loads(place.type(aws_commands.lifecycle_policy("shop/api", WHERE)))["lifecyclePolicyText"] == text


def identity(place: Place) -> None:
    assert "Arn" in json.loads(place.type(aws_commands.caller(WHERE)))


def stack(place: Place) -> None:
    cloudformation = place.aws("cloudformation")
    cloudformation.create_stack(StackName="tagship-advised", TemplateBody=STACK)
    assert json.loads(place.type(aws_commands.stack_status("tagship-advised", WHERE))) == "CREATE_COMPLETE"
    place.type(aws_commands.delete_stack("tagship-advised", WHERE))
    assert "tagship-advised" not in {row["StackName"] for row in cloudformation.describe_stacks()["Stacks"]}


def service(place: Place) -> None:
    ecs = place.aws("ecs")
    ecs.create_cluster(clusterName="advised")
    ecs.register_task_definition(family="api", containerDefinitions=[{"name": "app", "image": "shop:1"}])
    ecs.create_service(cluster="advised", serviceName="api", taskDefinition="api", desiredCount=1)
    [row] = json.loads(place.type(aws_commands.service("advised", "api", WHERE)))["services"]
    before = row["deployments"][0]["id"]
    assert json.loads(place.type(aws_commands.tasks("advised", "api", WHERE)))["taskArns"]
    row = json.loads(place.type(aws_commands.let_enter("advised", "api", WHERE)))["service"]
    assert row["enableExecuteCommand"]
    assert row["deployments"][0]["id"] != before, "its tasks are started anew"


def function(place: Place) -> None:
    lambda_ = place.aws("lambda")
    from tests.contract.functions import PLACEHOLDER, zipped

    lambda_.create_function(
        FunctionName="advised", Runtime="python3.12", Handler="app.handler", Role=ROLE,
        Code={"ZipFile": zipped(PLACEHOLDER)},
    )  # fmt: skip
    lambda_.put_function_concurrency(FunctionName="advised", ReservedConcurrentExecutions=0)
    place.type(aws_commands.unreserve("advised", WHERE))
    assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName="advised")


def group(place: Place) -> None:
    """A group that launches $Latest; whoever types it puts the number in."""
    ec2, scaling = place.aws("ec2"), place.aws("autoscaling")
    made = ec2.create_launch_template(LaunchTemplateName="advised", LaunchTemplateData={"ImageId": IMAGE})
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="advised", MinSize=0, MaxSize=1, AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
    )  # fmt: skip
    place.type(aws_commands.launch_numbered("advised", template, WHERE).replace("NUMBER", "1"))
    [row] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["advised"])["AutoScalingGroups"]
    assert row["LaunchTemplate"]["Version"] == "1"


def key(place: Place) -> None:
    """One that is being deleted, and one that is disabled alone."""
    kms = place.aws("kms")
    deleted, disabled = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.schedule_key_deletion(KeyId=deleted)
    kms.disable_key(KeyId=disabled)
    for each in (deleted, disabled):
        place.type(aws_commands.use_key_again(each, WHERE))
        assert kms.describe_key(KeyId=each)["KeyMetadata"]["KeyState"] == "Enabled"


# Commands that the sandbox's AWS does not carry out: moto has no archive of images, no exclusions and no such rollback.
PARSED = {
    "restore_image": aws_commands.restore_image("shop/api", f"sha256:{'0' * 64}", WHERE),
    "keep_tags": aws_commands.keep_tags("shop/api", ["latest-dev", "latest"], WHERE),
    "continue_stack": aws_commands.continue_stack("tagship-dev", WHERE).partition(" && ")[0],
}
TYPED: dict[Callable[[Place], None], tuple[str, ...]] = {
    parameter: ("put_parameter",),
    secret: ("make_secret", "put_secret", "keep_secret"),
    stored: ("create_bucket", "store_again", "object_versions", "remove_object"),
    alarm: ("alarms",),
    targets: ("target_health",),
    machine: ("machine_image",),
    calendar: ("calendar_state",),
    repository: ("make_repository", "keep_tags", "lifecycle_policy"),
    identity: ("caller",),
    stack: ("stack_status", "delete_stack"),
    service: ("service", "tasks", "let_enter"),
    function: ("unreserve",),
    group: ("launch_numbered",),
    key: ("use_key_again",),
}


@pytest.mark.parametrize("typing", TYPED, ids=lambda typing: typing.__name__)
def test_a_command_does_what_its_message_says(place: Place, typing: Callable[[Place], None]) -> None:
    typing(place)


@pytest.mark.parametrize("name", PARSED)
def test_the_cli_itself_takes_what_the_sandbox_cannot_do(place: Place, name: str) -> None:
    assert place.run(f"{PARSED[name]} --generate-cli-skeleton").returncode == 0
    wrong = place.run(f"{PARSED[name]} --no-such-option x --generate-cli-skeleton")
    assert "Unknown options: --no-such-option" in wrong.stderr


def test_no_command_is_left_out() -> None:
    every = {
        name
        for name, act in inspect.getmembers(aws_commands, inspect.isfunction)
        if act.__module__ == aws_commands.__name__ and not name.startswith("_")
    }
    assert {*PARSED, *SECOND_CLI, *(name for names in TYPED.values() for name in names)} == every
