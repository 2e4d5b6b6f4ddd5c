"""What a call asks IAM for: actions, each on a resource, with the context that conditions look at.

By the Service Authorization Reference; scripts/lint/iam.mjs holds what stands here against a copy of it, and judges it
a second time. A call that is not known here raises KeyError: nobody could say what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

ACCOUNT, REGION = "123456789012", "us-east-1"
NO_RESOURCE = {
    *("cloudformation:ListStacks", "ec2:DescribeRegions"),
    "cloudformation:DescribeStacks",  # what follows is asked by `doctor` and `setup`, for an administrator
    *("cloudformation:GetTemplate", "iam:ListOpenIDConnectProviders", "kms:DescribeKey", "kms:GetPublicKey"),
    *("ssm:DescribeDocument", "ssm:GetDocument", "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy"),
    *("ssm:CancelCommand", "ssm:DescribeInstanceInformation", "ssm:DescribeParameters", "ssm:GetCommandInvocation"),
    *("ssm:ListCommandInvocations", "ssm:ListCommands", "ec2:DescribeInstances", "ecr:GetAuthorizationToken"),
    *("ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"),
    "lambda:ListEventSourceMappings",
    *("cloudwatch:DescribeAlarms", "elbv2:DescribeListeners", "elbv2:DescribeRules", "elbv2:DescribeTargetHealth"),
}
"""Actions that are asked of everything: they take no resource, or the answer of a lookup names none."""
IAM_NAMES = {"resourcegroupstaggingapi:GetResources": "tag:GetResources"}  # of such actions: IAM's own names
S3_ACTIONS = {
    **dict.fromkeys(("HeadObject", "GetObject"), "GetObject"),
    **dict.fromkeys(("HeadBucket", "ListObjectsV2"), "ListBucket"),
    "GetBucketVersioning": "GetBucketVersioning",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketPolicy": "GetBucketPolicy",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
}
TAKES_QUALIFIER = {
    *("InvokeFunction", "GetFunction", "GetFunctionConfiguration", "GetProvisionedConcurrencyConfig"),
    *("DeleteFunction", "ListDurableExecutionsByFunction"),
}
CONTEXT = {"aws:SecureTransport": "true"}  # what every call of a client has


@dataclass(frozen=True)
class Request:
    """One action on one resource."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


class Facts(Protocol):
    """What the account knows, and a call does not say."""

    def tags(self, instance: str) -> Mapping[str, str]:
        """An instance's tags."""

    def key(self, name: str) -> str:
        """The ARN of a key, by its alias."""


Asking = Callable[[str, Mapping[str, Any], Facts], Iterator[Request]]


def requests(service: str, operation: str, given: Mapping[str, Any], facts: Facts) -> list[Request]:
    """All that has to be allowed for one call."""
    if action := IAM_NAMES.get(f"{service}:{operation}"):
        return [Request(action, "*", CONTEXT)]
    if f"{service}:{operation}" in NO_RESOURCE:
        return [Request(f"{service}:{operation}", "*", CONTEXT)]
    return list(BY_SERVICE[service](operation, given, facts))


def missing(service: str, operation: str, given: Mapping[str, Any]) -> Request | None:
    """What S3 has to allow before it says that a key is not there (GetObject, HeadObject: permissions)."""
    asks = service == "s3" and operation in {"GetObject", "HeadObject"}
    return Request("s3:ListBucket", _bucket(given["Bucket"]), CONTEXT) if asks else None


def _bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def _arn(service: str, name: str, region: str = REGION) -> str:
    return name if name.startswith("arn:") else f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


def _s3(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    place = f"{_bucket(given['Bucket'])}/{given.get('Key', '')}"
    conditional = {"s3:if-match": given.get("IfMatch"), "s3:if-none-match": given.get("IfNoneMatch")}
    context = {**CONTEXT, **{key: value for key, value in conditional.items() if value}}
    match operation:
        case "PutObject":
            yield Request("s3:PutObject", place, {**context, "s3:ObjectCreationOperation": "true"})
        case "CopyObject":
            yield Request("s3:PutObject", place, {**context, "s3:ObjectCreationOperation": "true"})
            source = given["CopySource"]
            bucket, key = source.split("/", 1) if isinstance(source, str) else (source["Bucket"], source["Key"])
            yield Request("s3:GetObject", f"{_bucket(bucket)}/{key}", CONTEXT)
        case "DeleteObject":
            yield Request("s3:DeleteObject", place, CONTEXT)
        case "DeleteObjects":
            for row in given["Delete"]["Objects"]:
                yield Request("s3:DeleteObject", place + row["Key"], CONTEXT)
        case _:
            prefix = {"s3:prefix": given["Prefix"]} if given.get("Prefix") else {}
            yield Request(f"s3:{S3_ACTIONS[operation]}", place.rstrip("/"), {**CONTEXT, **prefix})
    if operation in {"PutObject", "DeleteObject"} and given.get("IfMatch"):  # S3 User Guide, Conditional requests
        yield Request("s3:GetObject", place, CONTEXT)


def _ssm(operation: str, given: Mapping[str, Any], facts: Facts) -> Iterator[Request]:
    if operation == "GetCalendarState":
        yield from (Request("ssm:GetCalendarState", _arn("ssm", f"document/{name}")) for name in given["CalendarNames"])
        return
    assert operation == "SendCommand", operation
    name = given["DocumentName"]
    theirs = name.startswith("AWS-")  # Amazon's own documents are in no account
    yield Request(
        "ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/{name}" if theirs else _arn("ssm", f"document/{name}")
    )
    for instance in given["InstanceIds"]:
        tags = {f"ssm:resourceTag/{key}": value for key, value in facts.tags(instance).items()}
        yield Request("ssm:SendCommand", _arn("ec2", f"instance/{instance}"), tags)


def _kms(operation: str, given: Mapping[str, Any], facts: Facts) -> Iterator[Request]:
    assert operation == "Sign", operation
    yield Request("kms:Sign", facts.key(given["KeyId"]), {"kms:SigningAlgorithm": given["SigningAlgorithm"]})


def _lambda(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    action = "InvokeFunction" if operation == "Invoke" else operation
    qualifier = f":{given['Qualifier']}" if action in TAKES_QUALIFIER and given.get("Qualifier") else ""
    yield Request(f"lambda:{action}", _arn("lambda", f"function:{given['FunctionName']}{qualifier}"))
    if given.get("S3Bucket"):
        yield Request("s3:GetObject", f"{_bucket(given['S3Bucket'])}/{given['S3Key']}", CONTEXT)
    if image := re.match(r"\d+\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/([^@:]+)", given.get("ImageUri", "")):
        for reading in ("BatchGetImage", "GetDownloadUrlForLayer"):  # Lambda Developer Guide, Amazon ECR permissions
            yield Request(f"ecr:{reading}", _arn("ecr", f"repository/{image[1]}"))


def _ecs(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    action, cluster = f"ecs:{operation}", given.get("cluster", "")
    within = {"ecs:cluster": _arn("ecs", f"cluster/{cluster}")}
    match operation:
        case "DescribeServices":
            names = [name.rpartition("/")[2] for name in given["services"]]
            yield from (Request(action, _arn("ecs", f"service/{cluster}/{name}"), within) for name in names)
        case "ListServices":
            yield Request(action, "*", within)
        case "DeleteTaskDefinitions":  # those that the call names carry the tags of a deployment
            labelled = {"aws:ResourceTag/tagship:artifact": "an artifact"}
            yield from (Request(action, arn, labelled) for arn in given["taskDefinitions"])
        case "UpdateService" | "ListServiceDeployments":
            yield Request(action, _arn("ecs", f"service/{cluster}/{given['service']}"))
        case "RunTask" | "StopTask" | "DescribeTasks" | "ListTasks":
            yield from _of_tasks(operation, given, cluster, within)
        case (
            "ContinueServiceDeployment"
            | "DescribeServiceDeployments"
            | "StopServiceDeployment"
            | "DescribeServiceRevisions"
        ):
            for arn in _named(given):
                yield Request(action, arn)
                yield Request(action, re.sub(r":service-\w+/(.*)/[^/]+$", r":service/\1", arn))
        case "RegisterTaskDefinition":
            yield from _registering(given)
        case "TagResource":
            yield Request(action, given["resourceArn"])
        case _:
            raise KeyError(action)


def _of_tasks(operation: str, given: Mapping[str, Any], cluster: str, within: Facts) -> Iterator[Request]:
    action = f"ecs:{operation}"
    match operation:
        case "RunTask":
            definition = re.sub(r"^arn:.*:task-definition/", "task-definition/", given["taskDefinition"])
            yield Request(action, _arn("ecs", definition), within)
        case "StopTask":
            yield Request(action, _task(cluster, given["task"].rpartition("/")[2]), within)
        case "DescribeTasks":
            names = [task.rpartition("/")[2] for task in given["tasks"]]
            yield from (Request(action, _task(cluster, name), within) for name in names)
        case "ListTasks":  # names a container instance, which Fargate has none of
            yield Request(action, _arn("ecs", f"container-instance/{cluster}/any"), within)


def _named(given: Mapping[str, Any]) -> Sequence[str]:
    single = given.get("serviceDeploymentArn")
    several: Sequence[str] = given.get("serviceDeploymentArns") or given.get("serviceRevisionArns") or ()
    return [single] if single else several


def _registering(given: Mapping[str, Any]) -> Iterator[Request]:
    family = _arn("ecs", f"task-definition/{given['family']}:1")
    yield Request("ecs:RegisterTaskDefinition", family)
    if given.get("tags"):
        yield Request("ecs:TagResource", family, {"ecs:CreateAction": "RegisterTaskDefinition"})
    for role in {given.get("taskRoleArn"), given.get("executionRoleArn")} - {None}:
        yield Request("iam:PassRole", str(role), {"iam:PassedToService": "ecs-tasks.amazonaws.com"})


def _task(cluster: str, task: str) -> str:
    return _arn("ecs", f"task/{cluster}/{task}")


def _logs(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    # As AWS names it in its own errors: the group, and the stream, if one is asked for.
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{given['logGroupName']}"
    yield Request(f"logs:{operation}", f"{group}:log-stream:{given.get('logStreamName', '')}")


def _cloudfront(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    yield Request(
        f"cloudfront:{operation}",
        _arn("cloudfront", f"distribution/{given.get('DistributionId') or given['Id']}", region=""),
    )


def _secrets(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    yield Request(f"secretsmanager:{operation}", _arn("secretsmanager", f"secret:{given['SecretId']}-AbCdEf"))


def _ecr(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    yield Request(f"ecr:{operation}", _arn("ecr", f"repository/{given['repositoryName']}"))


def _sts(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    assert operation == "GetCallerIdentity", operation  # needs none: it answers even if a policy denies it
    yield from ()


def _sns(operation: str, given: Mapping[str, Any], _: Facts) -> Iterator[Request]:
    assert operation == "Publish", operation
    yield Request("sns:Publish", given["TopicArn"])


BY_SERVICE: dict[str, Asking] = {
    "s3": _s3,
    "ssm": _ssm,
    "kms": _kms,
    "lambda": _lambda,
    "ecs": _ecs,
    "cloudfront": _cloudfront,
    "logs": _logs,
    "secretsmanager": _secrets,
    "ecr": _ecr,
    "sts": _sts,
    "sns": _sns,
}
