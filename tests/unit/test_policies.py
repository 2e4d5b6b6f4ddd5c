"""What the templates of deploy/aws allow, and what they do not: each statement evaluated as IAM does.

A small evaluator stands here because moto enforces no conditions: with its IAM switched on, it would let SendCommand go
to a host with any tag, a write without If-None-Match, and a signature by any algorithm. What stands here proves the
documents; that AWS reads them so is for the account that they are installed in (`aws iam simulate-custom-policy`).
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagship.domain import foundation, layout

AWS = Path(__file__).parents[2] / "deploy/aws"
ACCOUNT = "123456789012"
GIVEN = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "App": "hello",
    "Environment": "dev",
    "Bucket": "hello-artifacts",
    "Lease": "dev",
    "Document": "tagship-deploy",
    "KeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234",
    "OrderKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/9012",
    "ImageRepository": "hello",
    "NamedImages": "no",
    "ImageCopies": "no",
    "Hosts": "yes",
    "Functions": "yes",
    "Services": "yes",
    "Groups": "yes",
    "Figures": "yes",
    "ReportPage": "hello-pages/deployments/index.html",
    "Sites": "yes",
    "Distributions": "yes",
    "ProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com",
    "Repository": "acme/hello",
    "NumberedRepository": "acme@12/hello@34",
    "ShipWorkflows": "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/*-dev",
    "RollbackWorkflows": "acme/hello/.github/workflows/rollback.yml@refs/heads/main",
    "VerifyWorkflows": "acme/hello/.github/workflows/verify.yml@refs/heads/main",
    "CleanupWorkflow": "cleanup.yml",
    "CleanupBranch": "main",
    "LockDays": "0",
    "MakeBucket": "yes",
    "KeyAlias": "alias/hello-release",
}
DOCUMENT = f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/tagship-deploy"
INSTANCE = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-0123456789abcdef0"
TAGS = {"ssm:resourceTag/tagship:app": "hello", "ssm:resourceTag/tagship:environment": "dev"}
NOTHING = object()


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms."""


def _short(loader: Any, suffix: str, node: Any) -> Any:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    return {name: loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _short)


def resolved(value: Any, given: Mapping[str, str], conditions: Mapping[str, bool]) -> Any:
    """A template's value with its functions worked out."""

    def again(one: Any) -> Any:
        return resolved(one, given, conditions)

    match value:
        case {"Ref": name}:
            value = NOTHING if name == "AWS::NoValue" else given.get(name, name)
        case {"Fn::Split": [mark, text]}:
            value = again(text).split(mark)
        case {"Fn::Sub": text}:
            value = re.sub(r"\$\{([\w:]+)\}", lambda found: given.get(found[1], found[1]), text)
        case {"Fn::If": [name, yes, no]}:
            value = again(yes if conditions[name] else no)
        case dict():
            members = {key: again(one) for key, one in value.items()}  # once each: else twice as often at each level
            value = {key: one for key, one in members.items() if one is not NOTHING}
        case list():
            value = [one for one in map(again, value) if one is not NOTHING]
    return value


def _holds(condition: Any, given: Mapping[str, str]) -> bool:
    match condition:
        case {"Fn::And": every}:
            return all(_holds(inner, given) for inner in every)
        case {"Fn::Not": [inner]}:
            return not _holds(inner, given)
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return given.get(name, "") == value
    raise AssertionError(condition)


@cache
def _loaded(text: str) -> Any:
    return yaml.load(text, _Loader)


def template(text: str, **changes: str) -> Any:
    """The resources of a template, everything worked out."""
    given = {**GIVEN, "Artifacts": "hello-artifacts", **changes}
    loaded = _loaded(text)
    conditions = {name: _holds(one, given) for name, one in loaded["Conditions"].items()}
    return resolved(loaded["Resources"], given, conditions)


def read(name: str) -> str:
    return (AWS / f"{name}.yaml").read_text("utf-8")


def statements(role: str, text: str | None = None, **changes: str) -> list[Any]:
    """A role's, with those of policies that all kinds of target need, or those of a policy that stands by itself."""
    resources = template(text or read("environment"), **changes)
    properties = resources[role]["Properties"]
    common = [
        resources[name]["Properties"] for name in ("Observe", "ObserveOfFunctions", "Change") if name in resources
    ]
    attached = [policy for policy in common if role in policy["Roles"]]
    own = [properties] if "PolicyDocument" in properties else properties.get("Policies", [])
    return [one for policy in [*own, *attached] for one in policy["PolicyDocument"]["Statement"]]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def applies(statement: Any, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a statement is about a request, as IAM says: actions whatever their case, `*` and `?` in resources."""
    if not any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in _list(statement["Action"])):
        return False
    if not any(fnmatch.fnmatchcase(resource, one) for one in _list(statement["Resource"])):
        return False
    return all(
        _condition(kind, key, _list(wanted), context)
        for kind, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _condition(kind: str, key: str, wanted: list[str], context: Mapping[str, str]) -> bool:
    there = context.get(key)
    if kind.endswith("IfExists"):
        return there is None or _condition(kind.removesuffix("IfExists"), key, wanted, context)
    if kind == "Null":
        return (there is None) == (wanted == ["true"])
    if kind == "ArnNotLike":
        return there is None or not any(fnmatch.fnmatchcase(there, pattern) for pattern in wanted)
    if kind in {"StringLike", "ArnLike"}:
        return there is not None and any(fnmatch.fnmatchcase(there, pattern) for pattern in wanted)
    assert kind in {"StringEquals", "ArnEquals", "Bool"}, kind
    return there is not None and there in wanted


def allowed(given: list[Any], action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """An explicit denial wins; without an allowance nothing is allowed."""
    about = [one["Effect"] for one in given if applies(one, action, resource, context or {})]
    return "Allow" in about and "Deny" not in about


OF_PEOPLE = (
    *("People", "PeopleOfHosts", "PeopleOfFunctions", "PeopleOfServices", "PeopleOfGroups", "PeopleOfSites"),
    *("PeopleOfFigures", "PeopleOfReport"),
)
CI, HOST = statements("Ci"), statements("Host")


def s3(key: str) -> str:
    return f"arn:aws:s3:::hello-artifacts/{key}"


# -- what CI may send, and to whom -------------------------------------------------------------------------------------


def test_ci_may_send_this_document_to_hosts_with_these_tags() -> None:
    assert allowed(CI, "ssm:SendCommand", DOCUMENT)
    assert allowed(CI, "ssm:SendCommand", INSTANCE, TAGS)


@pytest.mark.parametrize(
    "document",
    [
        "arn:aws:ssm:us-east-1::document/AWS-RunShellScript",
        f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/tagship-deploy-2",
        f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/other",
        "arn:aws:ssm:us-east-1:999999999999:document/tagship-deploy",
        f"arn:aws:ssm:eu-west-1:{ACCOUNT}:document/tagship-deploy",
    ],
)
def test_ci_may_send_no_other_document(document: str) -> None:
    assert not allowed(CI, "ssm:SendCommand", document, TAGS)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"ssm:resourceTag/tagship:app": "hello"},
        {**TAGS, "ssm:resourceTag/tagship:environment": "prod"},
        {**TAGS, "ssm:resourceTag/tagship:app": "other"},
    ],
)
def test_ci_may_send_to_no_host_with_other_tags(tags: dict[str, str]) -> None:
    assert not allowed(CI, "ssm:SendCommand", INSTANCE, tags)


@pytest.mark.parametrize(
    "action",
    [
        *("ssm:UpdateDocument", "ssm:CreateDocument", "ssm:UpdateDocumentDefaultVersion", "ssm:StartSession"),
        *("ec2:CreateTags", "iam:PassRole", "ssm:GetParameter", "secretsmanager:GetSecretValue", "kms:GetPublicKey"),
        *("ssm:AddTagsToResource", "s3:PutBucketPolicy", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"),
        *("ecr:BatchDeleteImage", "ecr:PutImageTagMutability", "sts:AssumeRole", "cloudformation:UpdateStack"),
    ],
)
def test_ci_may_not_widen_what_it_may(action: str) -> None:
    anywhere = ["*", DOCUMENT, INSTANCE, s3("hello/dev/x"), GIVEN["KeyArn"], "arn:aws:s3:::hello-artifacts"]
    assert not any(allowed(CI, action, one, TAGS) for one in anywhere)


def test_the_tags_of_the_settings_take_the_place_of_the_usual_ones() -> None:
    text = foundation.with_blocks(read("environment"), {"Name": "web: 'x'", "team": "a"}, "", [])
    given = statements("Ci", text)
    assert not allowed(given, "ssm:SendCommand", INSTANCE, TAGS)
    named = {"ssm:resourceTag/Name": "web: 'x'", "ssm:resourceTag/team": "a"}
    assert allowed(given, "ssm:SendCommand", INSTANCE, named)
    assert not allowed(given, "ssm:SendCommand", INSTANCE, {**named, "ssm:resourceTag/team": "b"})


# -- whose jobs they are -----------------------------------------------------------------------------------------------


WORKFLOW = "acme/hello/.github/workflows/deploy-dev.yml@refs/tags/0.1.30-dev"


def trusted(
    subject: str, audience: str = "sts.amazonaws.com", role: str = "Ci", workflow: str = WORKFLOW, **changes: str
) -> bool:
    properties = template(read("environment"), **changes)[role]["Properties"]
    [statement] = properties["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Federated": GIVEN["ProviderArn"]}
    host = "token.actions.githubusercontent.com"
    context = {f"{host}:sub": subject, f"{host}:aud": audience, f"{host}:job_workflow_ref": workflow}
    return allowed([{**statement, "Resource": "*"}], "sts:AssumeRoleWithWebIdentity", "*", context)


def test_both_forms_of_a_subject_are_trusted() -> None:
    assert trusted("repo:acme/hello:environment:dev")
    assert trusted("repo:acme@12/hello@34:environment:dev")
    assert not trusted("repo:acme@12/hello@34:environment:dev", NumberedRepository="")


@pytest.mark.parametrize(
    "subject",
    [
        "repo:acme/hello:environment:prod",
        "repo:acme/hello:environment:dev2",
        "repo:acme/hello:ref:refs/heads/dev",
        "repo:acme/hello:pull_request",
        "repo:acme/hello2:environment:dev",
        "repo:evil/hello:environment:dev",
        "repo:acme@13/hello@34:environment:dev",
        "repo:acme@12/hello@35:environment:dev",
        "repo:acme@12/hello@34:environment:prod",
        "repo:ACME/hello:environment:dev",
        "*",
    ],
)
def test_no_other_job_is_trusted(subject: str) -> None:
    assert not trusted(subject)


def test_a_token_for_somebody_else_is_not_trusted() -> None:
    assert not trusted("repo:acme/hello:environment:dev", audience="https://github.com/acme")


ELSEWHERE = {
    "another file": WORKFLOW.replace("deploy-dev", "ci"),
    "a branch": WORKFLOW.replace("tags/0.1.30-dev", "heads/feature"),
    "a branch that is named like a tag": WORKFLOW.replace("tags/0.1.30-dev", "heads/0.1.30-dev"),
    "a pull request": WORKFLOW.replace("tags/0.1.30-dev", "pull/51/merge"),
    "another channel's tag": WORKFLOW.replace("0.1.30-dev", "0.1.30-prod"),
    "another repository": WORKFLOW.replace("acme/hello", "evil/hello"),
    "no claim": "",
}


@pytest.mark.parametrize("role", ["Ci", "Notify"])
def test_the_workflow_file_and_its_tags_are_pinned(role: str) -> None:
    subject = "repo:acme/hello:environment:dev"
    assert trusted(subject, role=role)
    assert not [where for where, workflow in ELSEWHERE.items() if trusted(subject, role=role, workflow=workflow)]
    anywhere = WORKFLOW.replace("deploy-dev", "ci")
    assert trusted(subject, role=role, workflow=anywhere, ShipWorkflows="")


PROMOTION = "acme/hello/.github/workflows/promote.yml@refs/heads/main"
PROMOTES = {"ShipWorkflows": f"{GIVEN['ShipWorkflows']},{PROMOTION}"}


def _wrong(workflow: str) -> dict[str, str]:
    """What a job says of itself that is not quite this file on main."""
    file = workflow.partition("@")[0].rpartition("/")[2]
    return {
        "another file": workflow.replace(file, "ci.yml"),
        "another branch": workflow.replace("main", "feature"),
        "a branch that begins so": workflow + "-2",
        "a tag that is named like the branch": workflow.replace("heads", "tags"),
        "a pull request": workflow.replace("heads/main", "pull/51/merge"),
        "the file that deploys, on that branch": workflow.replace(file, "deploy-dev.yml"),
        "another repository": workflow.replace("acme/hello", "evil/hello"),
        "no claim": "",
    }


NOT_PROMOTION = _wrong(PROMOTION)


@pytest.mark.parametrize("role", ["Ci", "Notify"])
def test_several_workflows_may_ship_and_each_is_one_file_at_one_ref(role: str) -> None:
    subject = "repo:acme/hello:environment:dev"
    assert trusted(subject, role=role, workflow=PROMOTION, **PROMOTES)
    assert trusted(subject, role=role, **PROMOTES), "a tag still ships"
    assert not trusted(subject, role=role, workflow=PROMOTION), "nothing is promoted there"
    wrong = {**NOT_PROMOTION, **{f"tag: {name}": workflow for name, workflow in ELSEWHERE.items()}}
    assert not [name for name, ref in wrong.items() if trusted(subject, role=role, workflow=ref, **PROMOTES)]
    assert not trusted("repo:acme/hello:environment:prod", role=role, workflow=PROMOTION, **PROMOTES)
    assert not [role for role in ("Cleanup", "Rollback", "Verify") if trusted(subject, role=role, workflow=PROMOTION)]


@pytest.mark.parametrize("role", ["Rollback", "Verify"])
@pytest.mark.parametrize("subject", ["repo:acme/hello:environment:dev", "repo:acme@12/hello@34:environment:dev"])
def test_a_rollback_and_a_verification_have_a_role_and_a_file_each(role: str, subject: str) -> None:
    own = GIVEN[f"{role}Workflows"]
    assert trusted(subject, role=role, workflow=own)
    assert not [name for name, ref in _wrong(own).items() if trusted(subject, role=role, workflow=ref)]
    every = ("Ci", "Notify", "Cleanup", "Rollback", "Verify")
    assert [other for other in every if trusted(subject, role=other, workflow=own)] == [role]
    assert not trusted(subject.replace(":dev", ":prod"), role=role, workflow=own)
    assert not trusted("repo:acme/hello:pull_request", role=role, workflow=own)
    assert trusted(subject, role=role, workflow="x/y/.github/workflows/z.yml@refs/heads/w", **{f"{role}Workflows": ""})


def test_roles_that_nobody_is_to_take_are_not_made() -> None:
    conditions = yaml.load(read("environment"), _Loader)["Conditions"]
    for role in ("Rollback", "Verify"):
        assert template(read("environment"))[role]["Condition"] == f"Makes{role}"
        assert not _holds(conditions[f"Makes{role}"], {f"{role}Workflows": "none"})
        assert _holds(conditions[f"Makes{role}"], {f"{role}Workflows": ""})


def test_a_trust_policy_is_no_longer_than_setup_takes_it_for() -> None:
    """2,048 characters (IAM quotas)."""
    name, environment = f"{'o' * 39}/{'r' * 100}", "e" * 31
    files = [f"{name}/.github/workflows/{'w' * 60}{number}.yml@refs/heads/{'b' * 40}" for number in range(3)]
    long = {"Repository": name, "NumberedRepository": f"{'o' * 39}@{'1' * 9}/{'r' * 100}@{'1' * 10}"}
    for count in (1, 2, 3):
        given = {**long, "Environment": environment, "ShipWorkflows": ",".join(files[:count])}
        for role in ("Ci", "Notify"):
            trust = template(read("environment"), **given)[role]["Properties"]["AssumeRolePolicyDocument"]
            size = len(json.dumps(trust, separators=(",", ":")))
            assert size <= foundation.trust_size(name, environment, files[:count])
    assert foundation.trust_size(
        "acme/hello", "dev", [f"acme/hello/.github/workflows/{'w' * 20}.yml@refs/heads/main"] * 9
    )
    assert foundation.trust_size(name, environment, files) <= foundation.LARGEST_TRUST


CLEANUP = "acme/hello/.github/workflows/cleanup.yml@refs/heads/main"
NOT_CLEANUP = {**_wrong(CLEANUP), "the file that deploys": WORKFLOW}


def test_cleanup_is_for_a_github_environment_and_a_workflow_file_of_its_own() -> None:
    subject = "repo:acme/hello:environment:dev-cleanup"
    assert trusted(subject, role="Cleanup", workflow=CLEANUP)
    assert not trusted("repo:acme/hello:environment:dev", role="Cleanup", workflow=CLEANUP)
    assert not [where for where, workflow in NOT_CLEANUP.items() if trusted(subject, role="Cleanup", workflow=workflow)]
    assert trusted(subject, role="Cleanup", workflow=NOT_CLEANUP["another file"], CleanupWorkflow="")
    assert not trusted(subject)
    assert trusted("repo:acme/hello:environment:dev", role="Notify")
    assert not trusted("repo:acme/hello:environment:prod", role="Notify")


# -- the bucket --------------------------------------------------------------------------------------------------------

OWN: list[Callable[[str], str]] = [
    lambda env: layout.artifact("hello", env, "0.1.30-dev", layout.BUNDLE),
    lambda env: layout.artifact("hello", env, "0.1.30-dev", layout.MANIFEST),
    lambda env: layout.artifact("hello", env, "0.1.30-dev", layout.SIGNATURE),
    lambda env: layout.ledger_entry("hello", env, "d", 1, "healthy"),
    lambda env: layout.index_segment("hello", env, "a", "b"),
    lambda env: layout.mark("hello", env, "m"),
    lambda env: layout.lease("hello", env),
    lambda env: layout.pointer("hello", env),
    lambda env: layout.state("hello", env),
    lambda env: layout.state("hello", env) + ".tflock",
    lambda env: layout.at_work("hello", env) + "x.json",
]


@pytest.mark.parametrize("key", [one("dev") for one in OWN])
def test_ci_reads_and_writes_every_key_of_its_environment(key: str) -> None:
    assert allowed(CI, "s3:GetObject", s3(key))
    assert allowed(CI, "s3:PutObject", s3(key))


@pytest.mark.parametrize("key", [one("prod") for one in OWN])
def test_ci_writes_no_key_of_another_environment(key: str) -> None:
    assert not allowed(CI, "s3:PutObject", s3(key))
    assert not allowed(CI, "s3:DeleteObject", s3(key))


READ_BY_ALL = [
    layout.artifact("hello", "prod", "0.1.30-dev", layout.MANIFEST),
    layout.ledger_entry("hello", "prod", "d", 1, "healthy"),
    layout.index_segment("hello", "prod", "a", "b"),
    layout.mark("hello", "prod", "m"),
    layout.lease("hello", "prod"),
    layout.freeze("hello", "prod"),
]
SETS = (layout.static("site"), layout.static_files("site"))
CARRIED = (*SETS, layout.BUNDLE, layout.SIGNATURE, layout.signature_by("0" * 16), layout.PROVENANCE, layout.SBOM)
PROMOTED = [layout.artifact("hello", "prod", "0.1.30-dev", name) for name in (*CARRIED, layout.package("api"))]
AT_WORK = [layout.state("hello", "prod") + ".tflock", layout.at_work("hello", "prod") + "x.json"]
PRIVATE = [
    layout.state("hello", "prod"),
    layout.state("hello", "prod") + ".backup",
    layout.pointer("hello", "prod"),
    "hello/prod/terraform.tfstate",  # a state_key of somebody's own
    "hello/prod.tfstate",
    "hello/prod/0.1.30-dev/x",
    "bundles/prod/deploy-bundle-0.1.30.tar.gz",
    "other/dev/0.1.30-dev/manifest.json",
]


@pytest.mark.parametrize("key", [*READ_BY_ALL, *PROMOTED])
def test_ci_reads_of_another_environment_what_is_promoted_and_what_everybody_is_told_of(key: str) -> None:
    assert allowed(CI, "s3:GetObject", s3(key))


@pytest.mark.parametrize("key", [*PRIVATE, *AT_WORK])
def test_ci_reads_no_terraform_state_of_another_environment_and_nothing_else_of_it(key: str) -> None:
    assert not allowed(CI, "s3:GetObject", s3(key))


@pytest.mark.parametrize("key", ["other/dev/x/manifest.json", "bundles/dev/deploy-bundle-1.tar.gz", "x", "hello"])
def test_ci_writes_nothing_outside_its_app(key: str) -> None:
    assert not allowed(CI, "s3:PutObject", s3(key))


def test_the_ledger_the_lease_and_the_pointer_are_never_deleted() -> None:
    keys = [
        layout.ledger_entry("hello", "dev", "d", 1, "x"),
        layout.mark("hello", "dev", "m"),
        layout.lease("hello", "dev"),
        layout.pointer("hello", "dev"),
    ]
    assert not any(allowed(CI, "s3:DeleteObject", s3(key)) for key in keys)


def test_ci_may_read_the_stores_clock_and_ask_a_calendar() -> None:
    assert allowed(CI, "s3:GetObject", s3("_now"))
    assert not allowed(CI, "s3:PutObject", s3("_now"))
    calendar = f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/office-hours"
    assert allowed(CI, "ssm:GetCalendarState", calendar)
    assert not allowed(CI, "ssm:GetDocument", calendar)


def test_environments_of_one_lease_may_take_it() -> None:
    given = statements("Ci", Lease="shared")
    assert allowed(given, "s3:PutObject", s3(layout.lease("hello", "shared")))
    assert not allowed(given, "s3:PutObject", s3(layout.lease("hello", "prod")))


def test_a_host_reads_its_environment_and_writes_nothing() -> None:
    bundle = layout.artifact("hello", "dev", "0.1.30-dev", layout.BUNDLE)
    readable = [bundle, layout.pointer("hello", "dev"), "bundles/dev/deploy-bundle-0.1.0-dev.tar.gz"]
    assert all(allowed(HOST, "s3:GetObject", s3(key)) for key in readable)
    assert allowed(HOST, "s3:GetObject", s3("hello/dev/hello-deployment.tar.gz"))
    unreadable = [one("prod") for one in OWN] + [layout.ledger("hello", "dev") + "x", layout.lease("hello", "dev")]
    assert not any(allowed(HOST, "s3:GetObject", s3(key)) for key in unreadable)
    assert not any(allowed(HOST, action, s3(bundle)) for action in ("s3:PutObject", "s3:DeleteObject"))


def test_a_host_reads_the_secrets_of_its_environment_alone() -> None:
    parameter = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/hello/"
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:hello/"
    assert allowed(HOST, "ssm:GetParameters", parameter + "dev/db")
    assert not allowed(HOST, "ssm:GetParameters", parameter + "prod/db")
    assert allowed(HOST, "secretsmanager:GetSecretValue", secret + "dev/db-AbCdEf")
    assert not allowed(HOST, "secretsmanager:GetSecretValue", secret + "prod/db-AbCdEf")


def test_a_host_reads_the_secrets_that_the_settings_name() -> None:
    text = foundation.with_blocks(read("environment"), {}, "/x/dev/", ["team/db", "team/db", "y"])
    given = statements("Host", text)
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:"
    assert allowed(given, "ssm:GetParameters", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/x/dev/a/b")
    assert allowed(given, "secretsmanager:GetSecretValue", secret + "team/db-AbCdEf")
    assert not allowed(given, "secretsmanager:GetSecretValue", secret + "team/db-more-AbCdEf")
    assert not allowed(given, "secretsmanager:GetSecretValue", secret + "hello/dev/db-AbCdEf")
    assert not allowed(statements("Ci", text), "secretsmanager:GetSecretValue", secret + "team/db-AbCdEf")
    assert allowed(statements("Ci", text), "secretsmanager:DescribeSecret", secret + "team/db-AbCdEf")


OF_PREVIEWS = ("Preview", "PreviewsOfFunctions", "PreviewsOfServices", "PreviewsOfGroups", "PeopleOfPreviews")


def test_only_what_takes_no_resource_is_allowed_on_everything() -> None:
    """Service Authorization Reference: these actions of SSM, EC2, ECS, ECR, CloudWatch and the agent name none.

    DescribeAlarms could name alarms, but of composite alarms only as `*`.
    """
    free = re.compile(
        r"ssm:(CancelCommand|Describe(InstanceInformation|Parameters)|GetCommandInvocation|List\w+|UpdateInstanceInformation)"
        r"|ecs:DescribeTaskDefinition|ecs:ListTaskDefinitions"
        r"|ecs:ListTasks"  # of which a condition names the clusters
        r"|autoscaling:Describe(AutoScalingGroups|InstanceRefreshes)|ec2:DescribeLaunchTemplateVersions"
        r"|ec2:Describe(Images|InstanceTypes)"
        r"|cloudwatch:(DescribeAlarms|GetMetricData)|elasticloadbalancing:Describe(Listeners|Rules|TargetHealth)"
        r"|ec2:DescribeInstances|ecr:GetAuthorizationToken|ec2messages:\w+|ssmmessages:\w+|tag:GetResources"
    )
    every = [
        one
        for role in ("Ci", "Host", "Notify", "Cleanup", "Rollback", "Verify", *OF_PEOPLE)
        for one in statements(role)
    ]
    every += [one for role in OF_PREVIEWS for one in statements(role, read("previews"), Images="yes")]
    every = [one for one in every if one["Effect"] == "Allow"]
    open_ = [action for one in every if one["Resource"] == "*" for action in _list(one["Action"])]
    assert open_
    assert all(free.fullmatch(action) for action in open_)
    assert not [action for one in every for action in _list(one["Action"]) if "*" in action]


@pytest.mark.parametrize("policy", OF_PEOPLE[1:])
def test_a_rollback_runs_nothing_that_was_not_published(policy: str) -> None:
    """It has CI's policies of what runs there; a denial of its own wins."""
    given = [*statements("Rollback"), *statements(policy)]
    place = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:hello-dev"
    task = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/hello:*"
    for action in ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:PublishVersion"):
        assert not allowed(given, action, place)
    assert not allowed(given, "ecs:RegisterTaskDefinition", task)
    assert allowed(given, "lambda:UpdateAlias", place) == (policy == "PeopleOfFunctions")
    assert allowed(given, "ecs:UpdateService", f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/hello-dev/web") == (
        policy == "PeopleOfServices"
    )


# -- signing, images, the bucket's own policy --------------------------------------------------------------------------


def test_ci_signs_with_that_key_and_that_algorithm() -> None:
    for key in (GIVEN["KeyArn"], GIVEN["OrderKeyArn"]):
        assert allowed(CI, "kms:Sign", key, {"kms:SigningAlgorithm": "ECDSA_SHA_256"})
        assert not allowed(CI, "kms:Sign", key, {"kms:SigningAlgorithm": "RSASSA_PSS_SHA_256"})
        assert not allowed(CI, "kms:Sign", key + "5", {"kms:SigningAlgorithm": "ECDSA_SHA_256"})
    assert not any(one["Sid"].startswith("Sign") for one in statements("Ci", KeyArn="none", OrderKeyArn="none"))


def test_what_an_environments_keys_are_made_for_is_what_may_be_signed_with_them() -> None:
    """Keys of its own, made by its stack: CI signs with both, people with the one for orders."""
    made = {"KeyArn": "none", "ReleaseKeyAlias": "alias/r", "OrderKeyArn": "none", "OrderKeyAlias": "alias/o"}
    release, orders = ({"Fn::GetAtt": f"{name}Key0.Arn"} for name in ("Release", "Order"))
    for role, signs in (("Ci", [release, orders]), ("Rollback", [orders]), ("People", [orders])):
        given = [one for one in statements(role, read("environment"), **made) if one["Action"] == "kms:Sign"]
        assert [one["Resource"] for one in given] == signs
        assert all(one["Condition"] == {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}} for one in given)
    for one in ("Notify", "Cleanup", "Verify", "Host"):
        assert not any("kms:Sign" in str(each["Action"]) for each in statements(one, read("environment"), **made))


def test_images_that_have_names_are_pushed_to_their_repositories_and_copied_from_those_before() -> None:
    here, before = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/", "210987654321.dkr.ecr.eu-west-1.amazonaws.com/"
    text = foundation.with_blocks(
        read("environment"), {}, "", [], images=[here + "api", here + "worker", "ghcr.io/x/y"], copied=[before + "api"]
    )
    given = statements("Ci", text, ImageRepository="", NamedImages="yes", ImageCopies="yes")
    own = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/"
    assert allowed(given, "ecr:PutImage", own + "api")
    assert allowed(given, "ecr:PutImage", own + "worker")
    assert not allowed(given, "ecr:PutImage", own)
    source = "arn:aws:ecr:eu-west-1:210987654321:repository/api"
    assert allowed(given, "ecr:BatchGetImage", source)
    assert not allowed(given, "ecr:PutImage", source)


def test_images_are_pushed_by_ci_and_pulled_by_hosts() -> None:
    repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/hello"
    assert allowed(CI, "ecr:PutImage", repository)
    assert allowed(HOST, "ecr:BatchGetImage", repository)
    assert not allowed(HOST, "ecr:PutImage", repository)
    assert not allowed(CI, "ecr:PutImage", repository + "2")
    assert not [
        one for one in statements("Ci", ImageRepository="") if "Image" in one["Sid"] or "Registry" in one["Sid"]
    ]


def test_an_environments_own_repository_is_made_with_it_and_is_nobody_elses() -> None:
    own = template(read("environment"), MakeImages="yes", ImageRepository="hello-dev")["Images"]
    assert own["Condition"] == "MakesImages"
    assert own["Properties"] == {**template(read("foundation"))["Images"]["Properties"], "RepositoryName": "hello-dev"}
    assert own["DeletionPolicy"] == "RetainExceptOnCreate"
    given = statements("Ci", ImageRepository="hello-dev")
    assert allowed(given, "ecr:PutImage", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/hello-dev")
    assert not allowed(given, "ecr:PutImage", f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/hello-prod")


def bucket_policy() -> list[Any]:
    given = template(read("foundation"))["ArtifactsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, *given]


TLS = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
ENTRY = layout.ledger_entry("hello", "dev", "20261120-155301-123456-9f3a1c", 1, "healthy")
RECORDS = [s3(ENTRY), s3(layout.mark("hello", "dev", "20261120-155301-123456-9f3a1c"))]
ARTIFACTS = [
    s3(layout.artifact("hello", "dev", "0.1.30-dev", name))
    for name in (
        layout.BUNDLE,
        layout.MANIFEST,
        layout.SIGNATURE,
        layout.PROVENANCE,
        layout.SBOM,
        layout.package("api"),
    )
]


def _as(role: str) -> dict[str, str]:
    return {**TLS, "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{role}"}


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_is_written_once_and_stays(record: str) -> None:
    """Whoever asks, and whatever their own policies say."""
    assert allowed(bucket_policy(), "s3:PutObject", record, {**TLS, "s3:if-none-match": "*"})
    assert not allowed(bucket_policy(), "s3:PutObject", record, TLS)
    for who in (_as("admin"), _as("tagship/hello/cleanup/dev")):
        assert not any(
            allowed(bucket_policy(), action, record, who) for action in ("s3:DeleteObject", "s3:DeleteObjectVersion")
        )


def test_the_index_of_copies_may_be_written_again_and_deleted() -> None:
    index = s3(layout.index_segment("hello", "dev", "20261120-155301-123456-9f3a1c", "20261121-155301-123456-9f3a1c"))
    assert allowed(bucket_policy(), "s3:PutObject", index, TLS)
    assert allowed(bucket_policy(), "s3:DeleteObject", index, TLS)


@pytest.mark.parametrize("artifact", ARTIFACTS)
def test_artifacts_are_deleted_by_cleanups_role_alone(artifact: str) -> None:
    """The policy of the bucket and that of the role both have to allow it."""
    cleanup = template(read("environment"))["Cleanup"]["Properties"]
    who = _as(f"{cleanup['Path'].strip('/')}/tagship-hello-dev-Cleanup-1A2B3C")
    assert allowed(bucket_policy(), "s3:DeleteObject", artifact, who)
    assert allowed(statements("Cleanup"), "s3:DeleteObject", artifact)
    for role in ("tagship-hello-dev-Ci-1A2B3C", "admin", "tagship/other/cleanup/dev"):
        assert not allowed(bucket_policy(), "s3:DeleteObject", artifact, _as(role))
    assert not allowed(CI, "s3:DeleteObject", artifact)
    assert not allowed(statements("Cleanup"), "s3:DeleteObjectVersion", artifact)
    assert not allowed(statements("Cleanup"), "s3:PutObject", artifact)


def test_notify_reads_the_ledger_and_changes_nothing() -> None:
    notify = statements("Notify")
    assert allowed(notify, "s3:GetObject", s3(ENTRY))
    assert not allowed(notify, "s3:GetObject", s3(layout.artifact("hello", "dev", "0.1.30-dev", layout.BUNDLE)))
    assert {action for statement in notify for action in _list(statement["Action"])} == {
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
    }


def test_notify_writes_notes_of_its_own_once_and_nothing_else() -> None:
    notify = statements("Notify")
    note = s3(layout.notified("hello", "dev", "20261120-120000-000000-abcdef", "team-1"))
    assert allowed(notify, "s3:PutObject", note, {"s3:if-none-match": "*"})
    assert not allowed(notify, "s3:PutObject", note)
    assert not allowed(notify, "s3:PutObject", s3(ENTRY), {"s3:if-none-match": "*"})


@pytest.mark.parametrize("name", [layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE, layout.PROVENANCE])
def test_an_artifact_is_written_with_if_none_match_or_not_at_all(name: str) -> None:
    key = s3(layout.artifact("hello", "dev", "0.1.30-dev", name))
    assert not allowed(bucket_policy(), "s3:PutObject", key, TLS)
    assert allowed(bucket_policy(), "s3:PutObject", key, {**TLS, "s3:if-none-match": "*"})


def test_the_parts_of_a_large_bundle_and_everything_else_need_no_condition() -> None:
    part = {**TLS, "s3:ObjectCreationOperation": "false"}
    assert allowed(bucket_policy(), "s3:PutObject", s3(layout.artifact("hello", "dev", "1.0.0", layout.BUNDLE)), part)
    for key in (layout.lease("hello", "dev"), layout.pointer("hello", "dev"), layout.state("hello", "dev")):
        assert allowed(bucket_policy(), "s3:PutObject", s3(key), TLS)


def test_object_lock_is_there_if_it_was_chosen_and_nobody_passes_it_by() -> None:
    bucket = template(read("foundation"), LockDays="30")["Artifacts"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    rule = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert rule == {"Mode": "GOVERNANCE", "Days": "30"}
    without = template(read("foundation"))["Artifacts"]["Properties"]
    assert not {"ObjectLockEnabled", "ObjectLockConfiguration"} & set(without)
    for action in ("s3:BypassGovernanceRetention", "s3:PutObjectRetention"):
        assert not any(allowed(bucket_policy(), action, key, _as("admin")) for key in [*RECORDS, *ARTIFACTS])


def test_nothing_is_said_to_the_bucket_without_tls() -> None:
    plain = {**TLS, "aws:SecureTransport": "false"}
    assert not allowed(bucket_policy(), "s3:GetObject", s3("hello/dev/x"), plain)
    assert not allowed(bucket_policy(), "s3:ListBucket", "arn:aws:s3:::hello-artifacts", plain)


def test_what_holds_data_stays_when_a_stack_goes() -> None:
    keys = template(read("environment"), ReleaseKeyAlias="alias/r", OrderKeyAlias="alias/o")
    made = {**template(read("foundation")), **keys}
    of_keys = [f"{purpose}Key{kind}0" for purpose in ("Release", "Order") for kind in ("", "Alias")]
    for name in ("Artifacts", "SigningKey", "SigningKeyAlias", "Images", "GitHub", *of_keys):
        assert made[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert made[name]["UpdateReplacePolicy"] == "Retain"


def test_the_foundation_is_what_the_design_says() -> None:
    made = {name: one.get("Properties", {}) for name, one in template(read("foundation")).items()}
    assert made["SigningKey"]["KeySpec"] == "ECC_NIST_P256"
    assert made["SigningKey"]["KeyUsage"] == "SIGN_VERIFY"
    assert made["Artifacts"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(made["Artifacts"]["PublicAccessBlockConfiguration"].values())
    assert made["Images"]["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    json.loads(made["Images"]["LifecyclePolicy"]["LifecyclePolicyText"])


@pytest.mark.parametrize("name", ["environment", "previews"])
def test_every_statement_has_its_reason_beside_it(name: str) -> None:
    """A comment in the line of the Sid, or in the lines just before its statement."""
    lines = read(name).splitlines()
    for number, line in enumerate(lines):
        if "Sid: " not in line:
            continue
        before = [one.strip() for one in lines[max(0, number - 4) : number]]
        inside = [one for one in lines[number + 1 : number + 8] if "Sid: " not in one]
        assert "#" in line or any(one.startswith("#") for one in before) or any(" # " in one for one in inside), line


@pytest.mark.parametrize(
    ("role", "most"),
    [
        *(("Ci", 10_240), ("Host", 10_240), ("Cleanup", 10_240), ("Verify", 10_240)),
        *(("People", 6_144), ("Observe", 6_144), ("Change", 6_144)),
    ],
)
def test_the_longest_names_fit_into_what_iam_takes(role: str, most: int) -> None:
    """10,240 characters of inline policies a role, 6,144 of a managed policy, blanks not counted (IAM quotas); 51,200
    bytes of template."""
    long = {"App": "a" * 31, "Environment": "e" * 31, "Lease": "e" * 31, "Bucket": "b" * 63, "Document": "d" * 121}
    text = foundation.with_blocks(
        read("environment"),
        {f"{n}{'k' * 126}": "v" * 256 for n in range(4)},
        "/" + "p" * 200,
        [f"{n}{'s' * 100}" for n in range(10)],
    )
    given = {**long, "ImageRepository": "i" * 200, "Functions": "no", "Services": "no"}
    properties = template(text, **given)[role]["Properties"]
    policies = properties.get("Policies") or [properties]  # what is attached to a role has a size of its own
    size = len(json.dumps([policy["PolicyDocument"] for policy in policies], separators=(",", ":")))
    assert size < most - 200


def test_twenty_functions_with_names_of_thirty_characters_fit_too() -> None:
    """An environment has hosts or functions: the tags of hosts are not in it."""
    role, most = "PeopleOfFunctions", 6_144
    long = {"App": "a" * 31, "Environment": "e" * 31, "Lease": "e" * 31, "Bucket": "b" * 63}
    text = foundation.with_blocks(read("environment"), {}, "", [], functions=[f"{n}{'f' * 28}" for n in range(10, 30)])
    assert len(json.dumps(statements(role, text, **long, Services="no"), separators=(",", ":"))) < most - 200
    assert len(text.encode()) < 51_200
    assert len(read("foundation").encode()) < 51_200


@pytest.mark.parametrize("name", ["foundation", "environment", "previews"])
def test_a_template_is_ascii(name: str) -> None:
    """CloudFormation gives other characters back as question marks: a stack would never be as it is wanted."""
    assert read(name).isascii()
    assert foundation.with_blocks(read(name), {"Näme": "\u2028 \U0001f600"}, "", []).isascii()


def test_the_functions_of_the_environment_are_changed_and_no_others() -> None:
    text = foundation.with_blocks(read("environment"), {}, "", [], functions=["hello-api"])
    place = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"
    given = statements("PeopleOfFunctions", text=text)  # which the role of CI has too
    for action in ("lambda:UpdateFunctionCode", "lambda:UpdateAlias", "lambda:InvokeFunction"):
        assert allowed(given, action, f"{place}:hello-api")
        assert allowed(given, action, f"{place}:hello-api:live")
        assert not allowed(given, action, f"{place}:hello-api-prod")
    assert not allowed(given, "lambda:AddPermission", f"{place}:hello-api")
    properties = template(text)["PeopleOfFunctions"]["Properties"]
    assert properties["Roles"] == ["Ci", "Rollback"]


@pytest.mark.parametrize("policy", OF_PEOPLE[2:-1])
def test_what_only_some_environments_run_is_granted_to_ci_where_they_run_it(policy: str) -> None:
    made = yaml.load(read("environment"), _Loader)
    resource = made["Resources"][policy]
    noun = policy.removeprefix("PeopleOf")
    assert resource["Condition"] == f"Has{noun}"
    assert _holds(made["Conditions"][f"Has{noun}"], {noun: "yes"})
    assert not _holds(made["Conditions"][f"Has{noun}"], {noun: "no"})
    rollback = {"Fn::If": ["MakesRollback", {"Ref": "Rollback"}, {"Ref": "AWS::NoValue"}]}
    verify = {"Fn::If": ["MakesVerify", {"Ref": "Verify"}, {"Ref": "AWS::NoValue"}]}
    looks = [verify] if noun == "Figures" else []  # a monitor writes what it saw
    assert resource["Properties"]["Roles"] == [{"Ref": "Ci"}, rollback, *looks]


def test_the_report_is_published_at_its_page_and_nowhere_else() -> None:
    given = statements("PeopleOfReport")
    assert allowed(given, "s3:PutObject", "arn:aws:s3:::hello-pages/deployments/index.html")
    assert not allowed(given, "s3:PutObject", "arn:aws:s3:::hello-pages/index.html")
    made = yaml.load(read("environment"), _Loader)
    assert made["Resources"]["PeopleOfReport"]["Properties"]["Roles"] == [{"Ref": "Ci"}]
    assert not _holds(made["Conditions"]["HasReport"], {"ReportPage": ""})


def test_figures_go_into_the_environments_own_stream() -> None:
    given = statements("PeopleOfFigures")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/tagship/hello:log-stream"
    for action in ("logs:PutLogEvents", "logs:CreateLogStream"):
        assert allowed(given, action, f"{group}:dev")
        assert not allowed(given, action, f"{group}:prod")


def test_ten_services_with_names_of_thirty_characters_fit_too() -> None:
    long = {"App": "a" * 31, "Environment": "e" * 31, "Lease": "e" * 31, "Bucket": "b" * 63, "Functions": "no"}
    names = [f"{'c' * 30}/{n}{'s' * 28}" for n in range(10, 20)]
    families = [f"{name.partition('/')[2]}{suffix}" for name in names for suffix in ("", "-hook")]
    roles = ["r" * 64, "x" * 64]
    text = foundation.with_blocks(read("environment"), {}, "", [], services=names, roles=roles, families=families)
    assert len(json.dumps(statements("PeopleOfServices", text, **long), separators=(",", ":"))) < 6_144 - 200
    assert len(text.encode()) < 51_200


def test_a_policy_that_is_left_out_is_named_nowhere() -> None:
    """An environment of ten services has no room for the policies of functions, groups and sites."""
    names = [f"{'c' * 30}/{n}{'s' * 28}" for n in range(10, 20)]
    text = foundation.with_blocks(read("environment"), {}, "", [], services=names, roles=["r" * 64, "x" * 64])
    there = set(re.findall(r"^  (\w+):$", text, re.MULTILINE))
    assert set(re.findall(r"!Ref (PeopleOf\w+)", text)) <= there
    assert "PeopleOfServices" in there
    assert not {"PeopleOfFunctions", "PeopleOfFunctionsPolicyArn"} <= there


def test_the_groups_of_the_environment_are_refreshed_and_no_others() -> None:
    given = statements("PeopleOfGroups", foundation.with_blocks(read("environment"), {}, "", [], groups=["web"]))
    name = f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName"
    template_ = f"arn:aws:ec2:us-east-1:{ACCOUNT}:launch-template/lt-1"
    tags = {"aws:ResourceTag/tagship:app": "hello", "aws:ResourceTag/tagship:environment": "dev"}
    assert allowed(given, "autoscaling:StartInstanceRefresh", f"{name}/web")
    assert not allowed(given, "autoscaling:StartInstanceRefresh", f"{name}/api")
    assert not allowed(given, "autoscaling:UpdateAutoScalingGroup", f"{name}/web")
    assert allowed(given, "ec2:CreateLaunchTemplateVersion", template_, tags)
    assert not allowed(
        given, "ec2:CreateLaunchTemplateVersion", template_, {**tags, "aws:ResourceTag/tagship:environment": "prod"}
    )
    assert allowed(given, "s3:PutObject", s3(layout.group("hello", "dev", "web")))
    assert not allowed(given, "s3:PutObject", s3(layout.group("hello", "prod", "web")))


def test_ten_groups_with_names_of_sixty_characters_fit_too() -> None:
    long = {"App": "a" * 31, "Environment": "e" * 31, "Bucket": "b" * 63}
    text = foundation.with_blocks(read("environment"), {}, "", [], groups=[f"{n}{'g' * 58}" for n in range(10, 20)])
    assert len(json.dumps(statements("PeopleOfGroups", text, **long), separators=(",", ":"))) < 6_144 - 200
    assert len(text.encode()) < 51_200


def test_no_policy_has_a_wildcard_in_the_type_of_a_resource() -> None:
    """IAM takes none there: what is granted so would be denied (reference-arns, "Use paths in ARNs")."""
    functions, groups = ["api"], ["web"]
    text = foundation.with_blocks(
        read("environment"), {"a": "b"}, "/x/", [], functions=functions, services=["dev/api"], groups=groups
    )
    types = re.findall(r":ecs:[^:]*:[^:]*:([^/\"]+)", text) + re.findall(r":lambda:[^:]*:[^:]*:([^:/\"]+)", text)
    assert len(types) > 10
    assert [name for name in types if "*" in name] == []


def test_the_services_of_the_environment_are_changed_and_no_others() -> None:
    text = foundation.with_blocks(read("environment"), {}, "", [], services=["dev/api"], roles=["task"])
    place, role_ = f"arn:aws:ecs:us-east-1:{ACCOUNT}", f"arn:aws:iam::{ACCOUNT}:role"
    to_tasks = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    for role in ("PeopleOfServices",):  # which the role of CI has too
        given = statements(role, text=text)
        assert allowed(given, "ecs:UpdateService", f"{place}:service/dev/api")
        assert allowed(given, "ecs:StopServiceDeployment", f"{place}:service-deployment/dev/api/0123")
        assert not allowed(given, "ecs:StopServiceDeployment", f"{place}:service-deployment/dev/web/0123")
        assert allowed(given, "ecs:DescribeServiceRevisions", f"{place}:service-revision/dev/api/0123")
        assert not allowed(given, "ecs:DescribeServiceRevisions", f"{place}:service-revision/prod/api/0123")
        assert not allowed(given, "ecs:UpdateService", f"{place}:service/dev/web")
        assert not allowed(given, "ecs:DeleteService", f"{place}:service/dev/api")
        here, elsewhere = ({"ecs:cluster": f"{place}:cluster/{cluster}"} for cluster in ("dev", "prod"))
        assert allowed(given, "ecs:RunTask", f"{place}:task-definition/api-hook:3", here)
        assert not allowed(given, "ecs:RunTask", f"{place}:task-definition/api-hook:3", elsewhere)
        assert not allowed(given, "ecs:RunTask", f"{place}:task-definition/api:3", here)
        assert allowed(given, "ecs:StopTask", f"{place}:task/dev/0123")
        assert not allowed(given, "ecs:StopTask", f"{place}:task/prod/0123")
        assert allowed(given, "iam:PassRole", f"{role_}/task", to_tasks)
        assert not allowed(given, "iam:PassRole", f"{role_}/task", {"iam:PassedToService": "lambda.amazonaws.com"})
        assert not allowed(given, "iam:PassRole", f"{role_}/admin", to_tasks)


def test_ten_static_sets_with_names_of_the_longest_fit_too() -> None:
    long = {"App": "a" * 31, "Environment": "e" * 31, "Bucket": "b" * 63}
    places = [f"{n}{'s' * 61}/{'p' * 100}/" for n in range(10, 20)]
    text = foundation.with_blocks(
        read("environment"), {}, "", [], sites=places, distributions=[f"E{n}{'D' * 12}" for n in range(10, 20)]
    )
    assert len(json.dumps(statements("PeopleOfSites", text, **long), separators=(",", ":"))) < 6_144 - 200
    assert len(text.encode()) < 51_200


def test_whatever_is_cleaned_up_by_what_manifests_name_may_be_asked_of_the_manifests_of_every_environment() -> None:
    for kind in ("CleanupOfFunctions", "CleanupOfImages"):
        given = statements(kind)
        assert allowed(given, "s3:GetObject", s3("hello/prod/1.0.0/manifest.json"))
        assert not allowed(given, "s3:GetObject", s3("hello/prod/1.0.0/deploy-bundle.tar.gz"))
        assert not allowed(given, "s3:DeleteObject", s3("hello/prod/1.0.0/manifest.json"))


def test_the_static_sets_of_the_environment_are_changed_and_no_others() -> None:
    text = foundation.with_blocks(
        read("environment"), {}, "", [], sites=["site-dev/www/", "docs-dev/", "site-dev/www/"], distributions=["E2DEV"]
    )
    given = statements("PeopleOfSites", text)  # which the role of CI has too
    distribution = f"arn:aws:cloudfront::{ACCOUNT}:distribution"
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert allowed(given, action, "arn:aws:s3:::site-dev/www/index.html")
        assert allowed(given, action, "arn:aws:s3:::docs-dev/index.html")
        assert not allowed(given, action, "arn:aws:s3:::site-dev/other/index.html")
        assert not allowed(given, action, "arn:aws:s3:::site-prod/www/index.html")
        assert not allowed(given, action, "arn:aws:s3:::hello-dev-site/index.html")
    assert not allowed(given, "s3:GetObject", "arn:aws:s3:::site-dev/www/index.html")
    assert allowed(given, "cloudfront:CreateInvalidation", f"{distribution}/E2DEV")
    assert not allowed(given, "cloudfront:CreateInvalidation", f"{distribution}/E2PROD")
    assert allowed(given, "cloudfront:GetDistributionConfig", f"{distribution}/E2DEV")
    assert not allowed(given, "cloudfront:GetDistributionConfig", f"{distribution}/E2PROD")
    assert not allowed(given, "cloudfront:UpdateDistribution", f"{distribution}/E2DEV")
    record = layout.static_presence("hello", "dev", "site")
    assert all(allowed(given, action, s3(record)) for action in ("s3:GetObject", "s3:PutObject"))
    assert not allowed(given, "s3:PutObject", s3(record.replace("/dev/", "/prod/")))


def test_without_a_distribution_nothing_of_cloudfront_is_granted() -> None:
    assert not [one for one in statements("PeopleOfSites", Distributions="no") if "cloudfront" in str(one["Action"])]


def test_an_environment_without_hosts_gets_no_role_for_them() -> None:
    made = yaml.load(read("environment"), _Loader)
    places = (made["Resources"]["Host"], made["Resources"]["HostProfile"], made["Outputs"]["HostProfile"])
    assert {place["Condition"] for place in places} == {"HasHosts"}
    assert not _holds(made["Conditions"]["HasHosts"], {"Hosts": "no"})


def test_a_template_that_is_too_large_loses_what_its_environment_does_not_run() -> None:
    """Nobody's permission: its condition would leave it out. The reasons beside the others stay."""
    assert len(read("environment").encode()) > foundation.LARGEST, "else this would show nothing"
    text = foundation.with_blocks(read("environment"), {}, "", [], services=["dev/api"])
    made, bare = yaml.load(read("environment"), _Loader), yaml.load(text, _Loader)
    gone = set(made["Resources"]) - set(bare["Resources"])
    assert gone
    assert {name.partition("Of")[2] for name in gone} <= {
        "Functions",
        "Groups",
        "Sites",
        "Images",
        "Hosts",
        "Figures",
        "Report",
    }
    of_people = {f"{name}PolicyArn" for name in gone if name.startswith("People")}
    assert of_people == set(made["Outputs"]) - set(bare["Outputs"])
    assert "# which bytes each task runs" in text
    assert {name: made["Resources"][name] for name in bare["Resources"] if name != "PeopleOfServices"}.keys() <= bare[
        "Resources"
    ].keys()


def test_a_template_that_loses_its_comments_says_the_same() -> None:
    text = read("environment")
    bare = foundation.COMMENT.sub("", text)
    assert len(bare) < len(text) * 0.9
    assert yaml.load(bare, _Loader) == yaml.load(text, _Loader)


def test_each_services_own_group_is_read_and_no_other() -> None:
    text = foundation.with_blocks(
        read("environment"), {}, "", [], services=["all/hello-dev-web"], functions=["hello-api"]
    )
    place = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    assert allowed(statements("Change", text), "logs:GetLogEvents", f"{place}/ecs/hello-dev-web:log-stream:ecs/app/1")
    assert not allowed(statements("Change", text), "logs:GetLogEvents", f"{place}/ecs/hello-dev-web2:log-stream:1")
    functions = statements("PeopleOfFunctions", text)
    assert allowed(functions, "logs:FilterLogEvents", f"{place}/aws/lambda/hello-api:log-stream:")
    assert not allowed(functions, "logs:FilterLogEvents", f"{place}/aws/lambda/hello-api-auto:log-stream:")
