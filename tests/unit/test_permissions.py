"""Each role is allowed what the program asks AWS for, on what it asks it for, and nothing else.

What is asked is read from the adapters and the host program themselves: a call that somebody adds fails here until a
policy of deploy/aws allows it, and a permission that nobody uses any more fails until it goes, or has its reason below.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from tagship.domain import foundation, layout
from tests.unit.test_policies import (
    ACCOUNT,
    AT_WORK,
    CI,
    DOCUMENT,
    GIVEN,
    HOST,
    INSTANCE,
    OF_PEOPLE,
    PRIVATE,
    PROMOTED,
    READ_BY_ALL,
    TAGS,
    allowed,
    read,
    s3,
    statements,
)

TOP = Path(__file__).parents[2]
ADAPTERS = TOP / "tagship/adapters"
PEOPLE = [statement for policy in OF_PEOPLE for statement in statements(policy)]
SHARED = [statement for policy in OF_PEOPLE[2:] for statement in statements(policy)]  # the role of CI has them too

# What an operation needs, where that is not the action of its own name (Service Authorization Reference). A write with
# If-Match, and a conditional deletion, need s3:GetObject on the key as well (S3 User Guide, Conditional requests).
NEEDS = {
    "s3:HeadObject": ["s3:GetObject"],
    "s3:GetObject": ["s3:GetObject"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:PutObject": ["s3:PutObject", "s3:GetObject"],
    "s3:CopyObject": ["s3:PutObject", "s3:GetObject"],  # of the source; its tags are not asked for
    "s3:DeleteObject": ["s3:DeleteObject", "s3:GetObject"],
    "s3:DeleteObjects": ["s3:DeleteObject"],
    "s3:GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "lambda:Invoke": ["lambda:InvokeFunction"],
    "sts:GetCallerIdentity": [],  # needs none: it answers even where a policy denies it
}

ACTIONS = {"elbv2": "elasticloadbalancing"}  # how IAM names a service that boto3 names otherwise

# Who uses which adapter. `foundation` is `setup`: a person who may create roles runs it, as docs/setup.md says.
LAMBDA = ["targets/lambda_/calls", "targets/lambda_/watching", "targets/lambda_/logs"]
ECS = ["targets/ecs/calls", "targets/ecs/around", "targets/ecs/logs", "targets/ecs/hook_task"]
EC2 = ["targets/ec2/target", "targets/ec2/instances", "targets/ec2/sending", "targets/ec2/answers"]
ASG = ["targets/asg/calls", "targets/asg/launching"]
RELEASE = [
    "hook_runner",
    "aws/s3",
    *EC2,
    *LAMBDA,
    *ECS,
    *ASG,
    "aws/site",
    "aws/calendar",
    "aws/identity",
    "aws/logs",
    "aws/figures",
]
USES = {"Ci": [*RELEASE, "aws/ecr_images", "aws/secrets", "signing"], "People": [*RELEASE, "signing"]}
SWEEP = ["aws/tags"]  # of previews: tests/permissions judges their role
SHELL = ["aws/sessions"]  # a shell on a host is root there: no policy of `setup` allows it
LEFT = ["targets/lambda_/leftovers", "targets/ecs/leftovers", "targets/asg/leftovers", "aws/ecr_shelf", "aws/lifecycle"]
SETUP = ["aws/elsewhere", "aws/foundation", "aws/repositories", "aws/removal"]
NOTIFY = ["aws/topics"]
OTHERS = {"kms:Verify": "a method of the library that verifies with a public key"}

WHY = {
    "Ci": {
        "s3:AbortMultipartUpload": "Terraform's, for a state above 5 MB",
        "ecr:BatchCheckLayerAvailability": "docker push",
        "ecr:BatchGetImage": "docker pull, of an image that is there already",
        "ecr:CompleteLayerUpload": "docker push",
        "ecr:GetDownloadUrlForLayer": "docker pull, of an image that is there already",
        "ecr:InitiateLayerUpload": "docker push",
        "ecr:PutImage": "docker push",
        "ecr:UploadLayerPart": "docker push",
        "iam:PassRole": "RegisterTaskDefinition, of a definition that names roles",
        "ec2:RunInstances": "StartInstanceRefresh, of who names a launch template",
        "ec2:CreateTags": "the same, where the template tags what it launches",
    },
    "People": {
        "ec2:RunInstances": "StartInstanceRefresh, of who names a launch template",
        "ec2:CreateTags": "the same, where the template tags what it launches",
        "ecr:DescribeImages": "whether a service's image is there, before the service is brought to it",
        "ecr:BatchGetImage": "UpdateFunctionCode, of a function that runs an image",
        "ecr:GetDownloadUrlForLayer": "UpdateFunctionCode, of a function that runs an image",
        "iam:PassRole": "RegisterTaskDefinition, of a definition that names roles",
        "s3:AbortMultipartUpload": "Terraform's, for a state above 5 MB",
    },
}
"""What a program asks for that tagship starts."""

HOST_CALLS = {
    r"\bs3 cp|\bs3api (head|get)-object": ["s3:GetObject"],
    r"\bs3 ls": ["s3:ListBucket"],
    r"ssm get-parameters --with-decryption": ["ssm:GetParameters", "kms:Decrypt"],
    r"secretsmanager get-secret-value": ["secretsmanager:GetSecretValue", "kms:Decrypt"],
    r"\becr get-login-password": ["ecr:GetAuthorizationToken"],
    r"docker pull|DOCKER\w* pull|\bpull \"\$": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
}
AGENT = re.compile(r"(ec2messages|ssmmessages):|ssm:(ListAssociations|ListInstanceAssociations|UpdateInstance)")


@cache
def methods(service: str) -> dict[str, str]:
    """boto3's name of each operation of a service."""
    return {xform_name(one): one for one in Session().get_service_model(service).operation_names}


def asked(adapter: str) -> set[str]:
    """Every operation that a module names, as a method or as a string (a paginator's, a method chosen by name)."""
    tree = ast.parse((ADAPTERS / f"{adapter}.py").read_text("utf-8"))
    words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    services = texts & {
        "s3",
        "ssm",
        "ec2",
        "ecr",
        "kms",
        "secretsmanager",
        "iam",
        "cloudformation",
        "sts",
        "lambda",
        "ecs",
        "autoscaling",
        "cloudfront",
        "elbv2",
        "logs",
        "cloudwatch",
        "sns",
    }
    return {
        f"{ACTIONS.get(service, service)}:{operation}"
        for service in services
        for name, operation in methods(service).items()
        if name in words | texts and f"{service}:{operation}" not in OTHERS
    }


PEOPLES = {"ssm:CancelCommand"}  # of any command of the account's, prod's too: what a person asks for by --preempt


def needed(role: str) -> set[str]:
    operations = {one for adapter in USES[role] for one in asked(adapter)}
    actions = {action for one in operations for action in NEEDS.get(one, [one])}
    return actions - PEOPLES if role == "Ci" else actions


def granted(given: Iterable[dict[str, object]]) -> set[str]:
    found: set[str] = set()
    for one in given:
        action = one["Action"]
        found |= {str(each) for each in (action if isinstance(action, list) else [action])}
    return found


def test_every_adapter_that_asks_aws_is_somebodys() -> None:
    talking = {
        str(file.relative_to(ADAPTERS).with_suffix(""))
        for file in ADAPTERS.rglob("*.py")
        if file.stem != "session" and re.search(r"\.(client|once)\(\"", file.read_text("utf-8"))
    }
    assert talking == {one for used in (*USES.values(), SETUP, SWEEP, SHELL, LEFT, NOTIFY) for one in used}


@pytest.mark.parametrize("adapter", sorted({one for used in USES.values() for one in used}))
def test_the_calls_of_an_adapter_are_found(adapter: str) -> None:
    """Were they not, everything below would pass."""
    assert asked(adapter)


def test_the_calls_that_matter_most_are_among_them() -> None:
    assert {"ssm:SendCommand", "ssm:ListCommands", "ssm:ListCommandInvocations"} <= needed("Ci")
    assert "ssm:CancelCommand" in needed("People") - needed("Ci")
    assert {"s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "kms:Sign", "ssm:GetCalendarState"} <= needed("Ci")
    assert "ecr:DescribeImages" not in needed("People")


@pytest.mark.parametrize("role", USES)
def test_what_is_asked_is_what_is_granted(role: str) -> None:
    given = {"Ci": CI + SHARED, "People": PEOPLE}[role]
    assert granted(given) == needed(role) | set(WHY[role])
    assert not set(WHY[role]) & needed(role), "a reason that is not needed any more"


def test_notify_publishes_to_the_topics_of_the_settings_alone() -> None:
    assert asked("aws/topics") == {"sns:Publish"}
    topic = "arn:aws:sns:eu-west-1:210987654321:oncall"
    text = foundation.with_blocks(read("environment"), {"a": "b"}, "", [], topics=[topic])
    given = statements("Notify", text, Topics="yes")
    assert allowed(given, "sns:Publish", topic)
    assert not allowed(given, "sns:Publish", f"{topic}-2")
    assert "sns:Publish" not in granted(statements("Notify", text))


def test_a_host_is_granted_what_its_program_asks_and_the_agents_own() -> None:
    scripts = "\n".join(file.read_text("utf-8") for file in (TOP / "deploy").rglob("*.sh"))
    for pattern in HOST_CALLS:
        assert re.search(pattern, scripts), f"nobody asks {pattern} any more"
    given = statements("Host", SecretsKeyArn=KEY)
    own = {one for one in granted(given) if not AGENT.match(one)}
    assert own == {action for actions in HOST_CALLS.values() for action in actions}
    code = "\n".join(line for line in scripts.splitlines() if not line.lstrip().startswith("#"))
    words = re.findall(r"\baws ([a-z0-9]+ [a-z][a-z-]+)|\bask_for [^\n]* (ssm|secretsmanager) ([a-z-]+)", code)
    told = {"sts get-caller-identity", "ec2 associate-iam-instance-profile"}  # people, to be typed
    called = {" ".join(filter(None, one)) for one in words} - told - {"openssl flock"}  # a list of programs
    unknown = [
        one for one in called if not any(re.search(pattern, f"aws {one} --with-decryption") for pattern in HOST_CALLS)
    ]
    assert called
    assert unknown == []


OF_CLEANUP = ("Cleanup", "CleanupOfFunctions", "CleanupOfServices", "CleanupOfGroups", "CleanupOfImages")
CLEANUP = [statement for name in OF_CLEANUP for statement in statements(name)]
ASKED_BY_CLEANUP = {  # of the same adapters: those calls that looking, asking and deleting make
    "s3": ["s3:ListBucket", "s3:GetObject", "s3:DeleteObject", "s3:PutObject"],
    "hosts": [
        "ssm:SendCommand",
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommandInvocations",
        "ec2:DescribeInstances",
    ],
    "groups": ["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeLaunchTemplateVersions"],
    "services": [
        *("ecs:DescribeServices", "ecs:DescribeServiceRevisions", "ecs:DescribeTaskDefinition"),
        *("ecs:DescribeTasks", "ecs:ListTasks"),
    ],
    "functions": ["lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
}  # and all that the adapters of what deployments left ask


def test_cleanup_is_granted_what_looking_asking_and_deleting_need() -> None:
    asks = {action for actions in ASKED_BY_CLEANUP.values() for action in actions}
    left = {action for adapter in LEFT for one in asked(adapter) for action in NEEDS.get(one, [one])}
    assert granted(CLEANUP) == asks | left
    assert asks <= needed("Ci")


def test_cleanup_deletes_versions_of_its_functions_and_never_a_function() -> None:
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:hello-dev"
    assert allowed(CLEANUP, "lambda:DeleteFunction", f"{function}:7")
    assert not allowed(CLEANUP, "lambda:DeleteFunction", function)
    assert not allowed(CLEANUP, "lambda:DeleteFunction", f"{function.replace('dev', 'prod')}:7")
    assert not allowed(CLEANUP, "lambda:UpdateAlias", f"{function}:live")


def test_cleanup_deletes_task_definitions_that_a_deployment_made_alone() -> None:
    arn = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/hello:7"
    assert allowed(CLEANUP, "ecs:DeleteTaskDefinitions", arn, {"aws:ResourceTag/tagship:artifact": "0.1.0-dev 00"})
    assert not allowed(CLEANUP, "ecs:DeleteTaskDefinitions", arn)
    assert not allowed(CLEANUP, "ecs:UpdateService", f"arn:aws:ecs:us-east-1:{ACCOUNT}:service/hello-dev/web")


def test_cleanup_deletes_versions_of_templates_with_its_environments_tags_alone() -> None:
    template = f"arn:aws:ec2:us-east-1:{ACCOUNT}:launch-template/lt-1"
    tags = {"aws:ResourceTag/tagship:app": "hello", "aws:ResourceTag/tagship:environment": "dev"}
    assert allowed(CLEANUP, "ec2:DeleteLaunchTemplateVersions", template, tags)
    theirs = {**tags, "aws:ResourceTag/tagship:environment": "prod"}
    assert not allowed(CLEANUP, "ec2:DeleteLaunchTemplateVersions", template, theirs)
    assert not allowed(CLEANUP, "ec2:DeleteLaunchTemplate", template, tags)


def test_cleanup_deletes_images_of_its_repository_and_pushes_none() -> None:
    repository = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/hello"
    assert allowed(CLEANUP, "ecr:BatchDeleteImage", repository)
    assert not allowed(CLEANUP, "ecr:BatchDeleteImage", f"{repository}-other")
    assert not any(allowed(CLEANUP, f"ecr:{action}", repository) for action in ("PutImage", "DeleteRepository"))


def test_cleanup_deletes_artifacts_of_its_environment_and_writes_the_lease_alone() -> None:
    for key in (ARTIFACT, WRITTEN["ledger"], WRITTEN["mark"], WRITTEN["lease"], WRITTEN["pointer"], FREEZE):
        assert allowed(CLEANUP, "s3:GetObject", s3(key))
        assert allowed(CLEANUP, "s3:PutObject", s3(key)) == (key == WRITTEN["lease"])
        assert allowed(CLEANUP, "s3:DeleteObject", s3(key)) == (key == ARTIFACT)
    assert not allowed(CLEANUP, "s3:DeleteObject", s3(ARTIFACT.replace("dev", "prod")))
    assert allowed(CLEANUP, "s3:GetObject", s3(WRITTEN["ledger"].replace("dev", "prod")))
    assert not any(allowed(CLEANUP, "s3:GetObject", s3(key)) for key in (WRITTEN["state"], WRITTEN["note"]))


@pytest.mark.parametrize("role", ["Cleanup", "Verify"])
def test_who_only_asks_hosts_does_so_by_a_document_that_changes_nothing(role: str) -> None:
    given = statements(role)
    assert allowed(given, "ssm:SendCommand", INSTANCE, TAGS)
    assert not allowed(given, "ssm:SendCommand", INSTANCE, {**TAGS, "ssm:resourceTag/tagship:environment": "prod"})
    assert allowed(given, "ssm:SendCommand", f"{DOCUMENT}-status")
    assert not allowed(given, "ssm:SendCommand", DOCUMENT)
    assert not allowed(given, "ssm:SendCommand", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript")


# -- on what -----------------------------------------------------------------------------------------------------------

WRITTEN = {
    "ledger": layout.ledger_entry("hello", "dev", "d", 1, "healthy"),
    "mark": layout.mark("hello", "dev", "m"),
    "index": layout.index_segment("hello", "dev", "a", "b"),
    "lease": layout.lease("hello", "dev"),
    "pointer": layout.pointer("hello", "dev"),
    "state": layout.state("hello", "dev"),
    "state's lock": layout.state("hello", "dev") + ".tflock",
    "note": layout.at_work("hello", "dev") + "x.json",
}
FREEZE = layout.freeze("hello", "dev")
RESET = layout.fence("hello", "dev")
ARTIFACT = layout.artifact("hello", "dev", "0.1.30-dev", layout.BUNDLE)
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/5678"


@pytest.mark.parametrize("key", WRITTEN.values(), ids=WRITTEN)
def test_ci_and_people_read_and_write_what_a_deployment_writes(key: str) -> None:
    for given in (CI, PEOPLE):
        assert allowed(given, "s3:GetObject", s3(key))
        assert allowed(given, "s3:PutObject", s3(key))


def test_a_freeze_is_written_and_taken_away_by_people_alone() -> None:
    assert all(allowed(PEOPLE, action, s3(FREEZE)) for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"))
    assert allowed(CI, "s3:GetObject", s3(FREEZE))
    assert not any(allowed(CI, action, s3(FREEZE)) for action in ("s3:PutObject", "s3:DeleteObject"))


def test_a_reset_of_the_fencing_numbers_is_a_persons_and_everybody_reads_it() -> None:
    assert allowed(PEOPLE, "s3:PutObject", s3(RESET))
    assert not allowed(CI, "s3:PutObject", s3(RESET))
    assert all(allowed(given, "s3:GetObject", s3(RESET)) for given in (CI, PEOPLE, HOST))
    assert not any(allowed(given, "s3:DeleteObject", s3(RESET)) for given in (CI, PEOPLE, HOST))


def test_a_person_signs_orders_and_neither_signs_an_artifact_nor_puts_it_where_hosts_fetch_it() -> None:
    """Two walls: the release key, and the bucket."""
    release, orders, how = GIVEN["KeyArn"], GIVEN["OrderKeyArn"], {"kms:SigningAlgorithm": "ECDSA_SHA_256"}
    assert allowed(PEOPLE, "kms:Sign", orders, how)
    assert not allowed(PEOPLE, "kms:Sign", orders)
    assert not allowed(PEOPLE, "kms:Sign", release, how)
    assert all(allowed(CI, "kms:Sign", key, how) for key in (release, orders))
    assert not any(allowed(HOST, "kms:Sign", key, how) for key in (release, orders))
    for name in (layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE, layout.signature_by("0123456789abcdef")):
        artifact = layout.artifact("hello", "dev", "0.1.30-dev", name)
        assert allowed(CI, "s3:PutObject", s3(artifact))
        assert not any(allowed(PEOPLE, action, s3(artifact)) for action in ("s3:PutObject", "s3:DeleteObject"))


def test_artifacts_are_written_by_ci_alone() -> None:
    assert allowed(CI, "s3:PutObject", s3(ARTIFACT))
    assert allowed(PEOPLE, "s3:GetObject", s3(ARTIFACT))
    assert not any(allowed(PEOPLE, action, s3(ARTIFACT)) for action in ("s3:PutObject", "s3:DeleteObject"))


@pytest.mark.parametrize("name", ["index", "state's lock", "note"])
def test_what_is_made_of_copies_or_left_by_the_dead_may_be_deleted(name: str) -> None:
    """The index by `history --rebuild-index`, which is a person's."""
    assert allowed(CI, "s3:DeleteObject", s3(WRITTEN[name])) == (name != "index")
    assert allowed(PEOPLE, "s3:DeleteObject", s3(WRITTEN[name]))


@pytest.mark.parametrize("name", ["ledger", "mark", "lease", "pointer"])
def test_what_happened_is_deleted_by_nobody(name: str) -> None:
    assert not any(allowed(given, "s3:DeleteObject", s3(WRITTEN[name])) for given in (CI, PEOPLE, HOST))


@pytest.mark.parametrize("key", [*READ_BY_ALL, *AT_WORK])
def test_people_who_name_no_environment_are_told_of_all(key: str) -> None:
    """`status`, `history`, `lock`, `infra.lock`."""
    assert allowed(PEOPLE, "s3:GetObject", s3(key))


@pytest.mark.parametrize("key", [*PRIVATE, *PROMOTED])
def test_people_of_one_environment_read_no_terraform_state_of_another_and_none_of_its_bundles(key: str) -> None:
    assert not allowed(PEOPLE, "s3:GetObject", s3(key))


def test_people_of_one_environment_change_no_other() -> None:
    others = [key.replace("dev", "prod") for key in (*WRITTEN.values(), FREEZE)]
    assert not any(allowed(PEOPLE, action, s3(key)) for key in others for action in ("s3:PutObject", "s3:DeleteObject"))
    prod = {**TAGS, "ssm:resourceTag/tagship:environment": "prod"}
    assert allowed(PEOPLE, "ssm:SendCommand", INSTANCE, TAGS)
    assert not allowed(PEOPLE, "ssm:SendCommand", INSTANCE, prod)
    assert allowed(PEOPLE, "ssm:SendCommand", DOCUMENT)
    assert not allowed(PEOPLE, "ssm:SendCommand", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript")


def test_a_host_decrypts_by_a_key_of_ones_own_for_the_two_stores_alone() -> None:
    given = statements("Host", SecretsKeyArn=KEY)
    assert allowed(given, "kms:Decrypt", KEY, {"kms:ViaService": "ssm.us-east-1.amazonaws.com"})
    assert allowed(given, "kms:Decrypt", KEY, {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"})
    assert not allowed(given, "kms:Decrypt", KEY, {"kms:ViaService": "s3.us-east-1.amazonaws.com"})
    assert not allowed(given, "kms:Decrypt", GIVEN["KeyArn"], {"kms:ViaService": "ssm.us-east-1.amazonaws.com"})
    assert "kms:Decrypt" not in granted(HOST)
