"""Previews of services, groups and hosts by their tags: what the team's own tool makes is deployed to, and goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.engine.previews import find
from tagship.errors import Held, Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import processes
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.infra_apply import infra_apply
from tagship.verbs.preview_close import preview_close
from tagship.verbs.preview_sweep import preview_sweep
from tagship.verbs.publish import publish
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.journeys.test_release import BIN
from tests.sandbox import shapes
from tests.sandbox.conftest import client, git, post, repository, start, until
from tests.sandbox.head import KEYS, bundle_of, head
from tests.sandbox.previews import DEV

PREVIEWS = """\
[previews]
remove = ["PYTHON", "infra.py", "down", "pr-{n}"]
[previews.environment]
health = { attempts = 4, attempts_after_rollback = 2, passes = 1, cap = 1 }
infra = { directory = ".", command = ["PYTHON", "infra.py", "up", "pr-{n}"] }
"""
SERVICES = """
[previews.environment.image]
repository = "registry.example/shop-previews"
[previews.environment.ecs]
cluster = "previews"
timeout = 60
[previews.environment.ecs.services."shop-pr-{n}"]
"""
GROUPS = """
[previews.environment.asg]
groups = ["shop-pr-{n}"]
tags = { "tagship:app" = "shop", "tagship:environment" = "pr-{n}" }
command = ["python3", "app.py"]
drain = 0
timeout = 60
[previews.environment.asg.refresh]
timeout = 300
warmup = 10
"""
HOSTS = """
[previews.environment.ec2]
tags = { "tagship:app" = "shop", "tagship:environment" = "pr-{n}" }
command = ["python3", "app.py"]
drain = 0
timeout = 60
"""
OF_SERVICES = """\
import sys
import boto3

action, environment = sys.argv[1:3]
ecs, name = boto3.client("ecs"), f"shop-{environment}"
tags = [{"key": "tagship:app", "value": "shop"}, {"key": "tagship:environment", "value": environment}]
ecs.create_cluster(clusterName="previews")
services = ecs.describe_services(cluster="previews", services=[name])["services"]
exists = any(service["status"] == "ACTIVE" for service in services)
if action == "up" and not exists:
    image = "registry.example/shop-previews:none"
    container = {"name": "app", "image": image, "portMappings": [{"containerPort": 8080}]}
    ecs.register_task_definition(
        family=name, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[container],
    )
    ecs.create_service(
        cluster="previews", serviceName=name, taskDefinition=name, desiredCount=1, launchType="FARGATE", tags=tags
    )
if action == "down" and exists:
    ecs.delete_service(cluster="previews", service=name, force=True)
"""
OF_GROUPS = """\
import sys
import boto3

action, environment = sys.argv[1:3]
ec2, scaling, name = boto3.client("ec2"), boto3.client("autoscaling"), f"shop-{environment}"
tags = [{"Key": "tagship:app", "Value": "shop"}, {"Key": "tagship:environment", "Value": environment}]
exists = bool(scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"])
if action == "up" and not exists:
    ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-0a5b1c2d3e4f50617", "InstanceType": "t3.micro"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, MaxSize=3, DesiredCapacity=1, AvailabilityZones=["us-east-1a"],
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
    )
if action == "down" and exists:
    scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    ec2.delete_launch_template(LaunchTemplateName=name)
"""
OF_HOSTS = """\
import subprocess, sys
from pathlib import Path
import boto3

action, environment = sys.argv[1:3]
ec2 = boto3.client("ec2")
tags = {"tagship:app": "shop", "tagship:environment": environment}
filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
filters.append({"Name": "instance-state-name", "Values": ["pending", "running"]})
held = ec2.describe_instances(Filters=filters)["Reservations"]
ids = [instance["InstanceId"] for reservation in held for instance in reservation["Instances"]]
if action == "up" and not ids:
    subprocess.run(["inv", "user-data", "--env", environment, "--output", ".tagship/boot.sh"], check=True)
    named = [{"Key": key, "Value": value} for key, value in tags.items()]
    ec2.run_instances(
        ImageId="ami-0a5b1c2d3e4f50617", InstanceType="t3.micro", MinCount=1, MaxCount=1,
        UserData=Path(".tagship/boot.sh").read_text(),
        TagSpecifications=[{"ResourceType": "instance", "Tags": named}],
    )
if action == "down" and ids:
    ec2.terminate_instances(InstanceIds=ids)
"""
PREVIEW = "pr-51"


@dataclass
class Place:
    """A repository whose pull requests have environments of a kind, in a sandbox."""

    kind: str
    root: Path
    running: Running

    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.root)

    def say(self, state: str) -> None:
        post(self.running, "faults", {"pulls": {"51": state}})

    def make(self) -> str:
        """Commit, and make an artifact of it for the preview; its id."""
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", "Change something")
        form = "--format=%H %cd"
        commit, seconds = git(self.root, "log", "-1", "--date=format-local:%Y%m%d-%H%M%S", form).split()
        artifact = f"{commit[:8]}-{seconds}"
        for verb in (build, bundle, publish):
            verb(self.app(), artifact=artifact, env=PREVIEW)
        return artifact

    def ship(self, artifact: str) -> None:
        infra_apply(self.app(), artifact=artifact, env=PREVIEW)
        until(lambda: self.deployed(artifact))
        verify(self.app(), artifact=artifact, env=PREVIEW)

    def deployed(self, artifact: str) -> bool:
        """Deploy; not yet, if a host that boots is still at what ran there last, as its error says."""
        try:
            return deploy(self.app(), artifact=artifact, env=PREVIEW).state == "healthy"
        except Held as held:
            if self.kind != "ec2" or "deploy again once it has ended: inv status --env " not in held.remedy:
                raise
            return False

    def there(self) -> list[str]:
        """What of the preview the account has."""
        if self.kind == "ec2":
            tags = [{"Name": "tag:tagship:environment", "Values": [PREVIEW]}]
            filters = [*tags, {"Name": "instance-state-name", "Values": ["pending", "running"]}]
            held: Any = client(self.running, "ec2").describe_instances(Filters=filters)["Reservations"]
            return ["shop-pr-51" for reservation in held for _ in reservation["Instances"]]
        if self.kind == "asg":
            groups: Any = client(self.running, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
            return [group["AutoScalingGroupName"] for group in groups]
        arns: list[str] = client(self.running, "ecs").list_services(cluster="previews")["serviceArns"]
        return [arn.rpartition("/")[2] for arn in arns]

    def runs(self) -> list[str]:
        [environment] = status(self.app(), env=PREVIEW)
        return [unit.runs for unit in environment.units]

    def state(self) -> str:
        record = find(self.app(), PREVIEW)
        return record.state if record else ""


KINDS = {"ecs": (SERVICES, OF_SERVICES), "asg": (GROUPS, OF_GROUPS), "ec2": (HOSTS, OF_HOSTS)}
EXAMPLES = {"ec2": "asg"}  # hosts run what instances of groups run


@pytest.fixture(scope="module", params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    table, tool = KINDS[request.param]
    example = shapes.REPOSITORY / "examples" / EXAMPLES.get(request.param, request.param)
    files = {path.name: path.read_text("utf-8") for path in example.iterdir() if path.is_file()}
    carried = bundle_of("app.py", "page.json") if request.param != "ecs" else ""
    previews = PREVIEWS.replace("PYTHON", sys.executable)
    files |= {
        "tagship.toml": head("shop", carried, DEV, previews, table, signing=KEYS),
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\n",
        "infra.py": tool,
        "api/app.py": "def handler(event, context): return {}\n",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        root = repository(tmp_path_factory.mktemp(request.param), files)
        made = Place(request.param, root, start(root))
        yield made
    lifecycle.down(root)
    assert not processes.belonging(made.running.folder)


def test_a_preview_is_made_follows_its_pull_request_and_goes(place: Place) -> None:
    place.say("open")
    first = place.make()
    place.ship(first)
    assert (place.there(), place.state()) == (["shop-pr-51"], "open")
    second = place.make()
    place.ship(second)
    assert place.runs() == [second]

    place.say("closed")
    with pytest.raises(Refused, match="Pull request 51 is closed"):
        deploy(place.app(), artifact=place.make(), env=PREVIEW)
    assert preview_close(place.app(), pr="51").state == "closed"
    assert (place.there(), place.state()) == ([], "closed")
    assert preview_close(place.app(), pr="51").state == "was-closed"

    place.say("open")
    again = place.make()
    place.ship(again)
    assert (place.runs(), place.state()) == ([again], "open")
    place.say("closed")
    assert {swept.environment: swept.state for swept in preview_sweep(place.app()).previews} == {PREVIEW: "closed"}
    assert (place.there(), place.state()) == ([], "closed")
