"""A stolen token of a preview's job: whoever can push a branch has it. It reaches previews, and nothing of the others.

tests/permissions holds the same against the role that `setup` made in an account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.preview import CLOSED
from tagship.verbs.deploy import deploy
from tagship.verbs.preview_sweep import preview_sweep
from tests.attacks.arsenal import ACCOUNT, SHIPS, Place
from tests.permissions.requests import CONTEXT, Request
from tests.permissions.roles import Role
from tests.unit.test_policies import GIVEN, allowed, read, statements, template
from tests.unit.verbs.test_previews import ARTIFACT, ENVIRONMENT, make, record

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/previews-release"
ORDERS = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/previews-orders"
ROLE = {"KeyArn": KEY, "OrderKeyArn": ORDERS, "Images": "yes"}
POLICIES = ("Preview", "PreviewsOfFunctions", "PreviewsOfServices", "PreviewsOfGroups")
BUCKET = statements("ArtifactsPolicy", text=read("foundation"))
REGION = f"us-east-1:{ACCOUNT}"
FILES = {"Workflow": "preview.yml", "SweepWorkflow": "preview-sweep.yml", "SweepBranch": "main"}


def thief() -> Role:
    """Who has the credentials of a preview's job."""
    own = [one for name in POLICIES for one in statements(name, text=read("previews"), **ROLE)]
    arn = f"arn:aws:iam::{ACCOUNT}:role/tagship-hello-previews-Preview-1A"
    return Role("Preview", arn, own, {"hello-artifacts": BUCKET})


def reach(environment: str, release: str, orders: str) -> set[str]:
    allowing = thief().allowing
    return Place(environment, release, orders).reach(lambda request: bool(allowing(request)))


def test_it_ships_to_previews_and_can_rewrite_or_delete_no_record_or_artifact_of_them() -> None:
    assert reach("pr-51", KEY, ORDERS) == SHIPS | {"move an alias"}


@pytest.mark.parametrize("environment", ["dev", "preprod", "prod", "pr", "prod-pr-51", "xpr-51"])
def test_it_reaches_no_environment_of_the_file(environment: str) -> None:
    """Not even to read: neither artifacts, nor what happened, nor Terraform's state, which holds secrets."""
    keys = (f"arn:aws:kms:{REGION}:key/{environment}-{purpose}" for purpose in ("release", "orders"))
    assert reach(environment, *keys) == set()


THINGS: dict[str, tuple[str, ...]] = {
    "lambda:UpdateFunctionCode": (f"arn:aws:lambda:{REGION}:function:hello-{{}}",),
    "lambda:UpdateAlias": (f"arn:aws:lambda:{REGION}:function:hello-{{}}:live",),
    "lambda:InvokeFunction": (f"arn:aws:lambda:{REGION}:function:hello-{{}}:live",),
    "ecs:UpdateService": (f"arn:aws:ecs:{REGION}:service/hello-{{}}/web",),
    "ecs:RegisterTaskDefinition": (f"arn:aws:ecs:{REGION}:task-definition/hello-{{}}:3",),
    "ecs:TagResource": (f"arn:aws:ecs:{REGION}:task-definition/hello-{{}}:3",),
    "autoscaling:StartInstanceRefresh": (
        f"arn:aws:autoscaling:{REGION}:autoScalingGroup:1-2:autoScalingGroupName/hello-{{}}",
    ),
    "s3:PutObject": (
        "arn:aws:s3:::hello-artifacts/hello/_pointer/{}.json",
        "arn:aws:s3:::hello-artifacts/hello/_infra/{}/terraform.tfstate",
    ),
}


@pytest.mark.parametrize(("action", "resources"), THINGS.items(), ids=list(THINGS))
def test_it_changes_what_has_the_names_of_the_template_and_nothing_else(
    action: str, resources: tuple[str, ...]
) -> None:
    for resource in resources:
        assert thief().allowing(Request(action, resource.format("pr-51"), CONTEXT)), resource
        for other in ("dev", "preprod", "prod"):
            assert not thief().allowing(Request(action, resource.format(other), CONTEXT)), (resource, other)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ecr:PutImage", f"arn:aws:ecr:{REGION}:repository/hello"),
        ("ec2:RunInstances", f"arn:aws:ec2:{REGION}:instance/*"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/hello-prod-task"),
        ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/tagship-hello-previews-Preview-1A"),
        ("cloudformation:UpdateStack", f"arn:aws:cloudformation:{REGION}:stack/tagship-hello-prod/1"),
        ("lambda:AddPermission", f"arn:aws:lambda:{REGION}:function:hello-pr-51"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:secret:hello/pr-51/db-AbCdEf"),
    ],
)
def test_it_makes_itself_no_larger(action: str, resource: str) -> None:
    assert not thief().allowing(Request(action, resource, CONTEXT))


def trusted(subject: str, workflow: str, audience: str = "sts.amazonaws.com") -> bool:
    role: Any = template(read("previews"), **FILES)["Preview"]["Properties"]
    host = "token.actions.githubusercontent.com"
    context = {f"{host}:sub": subject, f"{host}:aud": audience, f"{host}:job_workflow_ref": workflow}
    rules = [{**statement, "Resource": "*"} for statement in role["AssumeRolePolicyDocument"]["Statement"]]
    assert all(rule["Principal"] == {"Federated": GIVEN["ProviderArn"]} for rule in rules)
    return allowed(rules, "sts:AssumeRoleWithWebIdentity", "*", context)


PULL, SWEEP = "repo:acme/hello:pull_request", "repo:acme/hello:environment:preview-sweep"
OURS = "acme/hello/.github/workflows/preview.yml@"
SWEEPS = "acme/hello/.github/workflows/preview-sweep.yml@refs/heads/main"


@pytest.mark.parametrize(
    ("subject", "workflow"),
    [
        (PULL, f"{OURS}refs/pull/51/merge"),
        (PULL, f"{OURS}refs/heads/main"),  # of a pull request that was merged
        ("repo:acme@12/hello@34:pull_request", f"{OURS}refs/pull/51/merge"),
        (SWEEP, SWEEPS),
        ("repo:acme@12/hello@34:environment:preview-sweep", SWEEPS),
    ],
)
def test_jobs_of_pull_requests_and_of_the_sweep_get_it(subject: str, workflow: str) -> None:
    assert trusted(subject, workflow)
    assert not trusted(subject, workflow, audience="https://github.com/acme")


@pytest.mark.parametrize(
    ("subject", "workflow"),
    [
        ("repo:mallory/hello:pull_request", "mallory/hello/.github/workflows/preview.yml@refs/pull/1/merge"),
        ("repo:mallory/hello:pull_request", f"{OURS}refs/pull/51/merge"),
        ("repo:acme@12/hello@35:pull_request", f"{OURS}refs/pull/51/merge"),
        (PULL, "acme/hello/.github/workflows/ci.yml@refs/pull/51/merge"),  # tests, and actions that they use
        ("repo:acme/hello:ref:refs/heads/main", f"{OURS}refs/heads/main"),
        ("repo:acme/hello:environment:prod", f"{OURS}refs/heads/main"),
        (SWEEP, "acme/hello/.github/workflows/preview-sweep.yml@refs/heads/feature"),
        (SWEEP, f"{OURS}refs/heads/main"),
        ("*", "*"),
    ],
)
def test_no_other_job_gets_it_and_no_other_repositorys(subject: str, workflow: str) -> None:
    assert not trusted(subject, workflow)


@pytest.mark.parametrize(
    "lie",
    [{"used": "2999-01-01T00:00:00+00:00"}, {"state": CLOSED, "since": "2999-01-01T00:00:00+00:00"}],
    ids=["used later", "closed later"],
)
def test_a_time_to_come_in_its_record_keeps_no_preview_from_the_sweep(lie: dict[str, str]) -> None:
    """The record is the token's to write. S3's own time of it is not."""
    app = make(ttl=48)
    deploy(app, artifact=ARTIFACT, env=ENVIRONMENT)
    app.given["foundation"].tags = [ENVIRONMENT]
    key, stored = layout.preview("hello", ENVIRONMENT), record(app)
    assert stored
    app.store.replace(key, replace(stored, **lie).to_json(), app.store.objects[key].etag)

    def swept() -> str:
        return {preview.environment: preview.state for preview in preview_sweep(app).previews}[ENVIRONMENT]

    assert swept() == "kept"  # it was written just now
    app.clock.advance(49 * 3600)
    assert swept() == CLOSED
