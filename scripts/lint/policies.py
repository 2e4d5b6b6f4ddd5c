"""parliament and cloudsplaining over every policy of deploy/aws, rendered as tests/unit/test_policies.py renders them.

Each finding is explained below or fails; so does an explanation that nothing needs any more.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from tests.unit.test_policies import ACCOUNT, AWS, template

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/5678"
TRUST, OF_A_KEY, OF_A_BUCKET = "AssumeRolePolicyDocument", "KeyPolicy", "ArtifactsPolicy"
OF_JOBS = ("Ci", "Notify", "Cleanup", "Rollback", "Verify", "Preview")
TAKES_NO_RESOURCE = "takes no resource (Service Authorization Reference): test_policies.py holds the list of such"

# (policy, finding) → why it stays. A policy is its resource in the template, then its own name.
EXPLAINED = {
    **{
        (f"{who}OfServices", finding): why
        for who in ("People", "Previews")
        for finding, why in (
            ("RESOURCE_STAR", "task definitions have no resource that these actions could be bound to"),
            ("UNKNOWN_ACTION ecs:StopServiceDeployment", "newer than the linter's list; botocore has it"),
            ("UNKNOWN_ACTION ecs:ContinueServiceDeployment", "newer than its list; botocore has it"),
        )
    },
    **{
        (f"{who}OfFunctions", "RESOURCE_STAR"): (
            "GetMetricData takes no resource; of composite alarms DescribeAlarms neither"
        )
        for who in ("People", "Previews")
    },
    ("PeopleOfGroups", "RESOURCE_MISMATCH ec2:RunInstances"): "one launch is allowed on many kinds of resources",
    ("PeopleOfGroups", "INVALID_ARN"): "the role of hosts, whose ARN CloudFormation fills in",
    (
        "ObserveOfFunctions",
        "UNKNOWN_ACTION lambda:ListDurableExecutionsByFunction",
    ): "newer than its list; botocore has it",
    ("CleanupOfServices", "RESOURCE_STAR"): "task definitions, as above; of services a condition names the cluster",
    (
        "CleanupOfServices",
        "RESOURCE_MISMATCH ecs:DescribeServiceRevisions ecs:DescribeTasks",
    ): "of the template as it stands; `setup` writes services, revisions and tasks in its place",
    ("Observe", "RESOURCE_STAR"): "the same, and tasks, of which a condition names the cluster",
    (
        "Observe",
        "RESOURCE_MISMATCH ecs:DescribeServiceRevisions ecs:DescribeTasks",
    ): "of the template as it stands; `setup` writes services, revisions and tasks in its place",
    **{
        (f"{role}/{TRUST}", "MALFORMED Statement contains neither Resource nor NotResource"): (
            "a trust policy has no Resource: it is on the role itself"
        )
        for role in (*OF_JOBS, "Host")
    },
    **{
        (f"{role}/{TRUST}", "UNKNOWN_FEDERATION_SOURCE"): "GitHub's provider, whose subject and audience are pinned"
        for role in OF_JOBS
    },
    **{
        (f"{key}/{OF_A_KEY}", "RESOURCE_STAR"): "in a key's policy * is that key; IAM policies decide who may sign"
        for key in ("SigningKey", "ReleaseKey0", "OrderKey0")
    },
    **{
        (policy, "RESOURCE_MISMATCH ssm:SendCommand document"): (
            "one SendCommand is allowed on two resources, the document and each host: a statement for each"
        )
        for policy in ("Observe", "People", "Preview/previews")
    },
    **{
        (policy, "credentials ecr:GetAuthorizationToken"): "docker's login to the registry; it " + TAKES_NO_RESOURCE
        for policy in ("Ci/release", "Host/run", "People")
    },
    ("Host/agent", "unbounded ssm:UpdateInstanceInformation"): "the agent's PingStatus; it " + TAKES_NO_RESOURCE,
}


def policies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy document of every template, each condition of a template switched on."""
    for file in sorted(AWS.glob("*.yaml")):
        for resource, body in template(file.read_text("utf-8"), SecretsKeyArn=KEY).items():
            properties = body.get("Properties", {})
            for policy in properties.get("Policies", ()):
                yield f"{resource}/{policy['PolicyName']}", policy["PolicyDocument"]
            if "PolicyDocument" in properties:
                yield resource, properties["PolicyDocument"]
            for kind in (TRUST, OF_A_KEY):
                if kind in properties:
                    yield f"{resource}/{kind}", properties[kind]


def findings(name: str, policy: Mapping[str, Any]) -> Iterator[str]:
    """What the two say of a policy; cloudsplaining knows those of identities alone."""
    yield from _of_parliament(policy)
    if not name.endswith((TRUST, OF_A_KEY, OF_A_BUCKET)):
        yield from _of_cloudsplaining(dict(policy))


def _of_parliament(policy: Mapping[str, Any]) -> Iterator[str]:
    from parliament import analyze_policy_string

    for finding in analyze_policy_string(json.dumps(policy)).findings:
        match finding.issue, finding.detail:
            case "RESOURCE_MISMATCH", [{"action": action, "required_format": wanted}]:
                yield f"{finding.issue} {action} {wanted.split(':')[-1].split('/')[0]}"
            case "RESOURCE_MISMATCH", [_, _, *_] as several if isinstance(several[0], dict):
                yield f"{finding.issue} {' '.join(sorted({row['action'] for row in several}))}"
            case "UNKNOWN_ACTION", detail:  # a statement's first one
                yield f"{finding.issue} {str(detail).split()[-1]}"
            case "MALFORMED" | "RESOURCE_MISMATCH", detail:
                yield f"{finding.issue} {detail}"
            case issue, _:
                yield issue


def _of_cloudsplaining(policy: dict[str, Any]) -> Iterator[str]:
    from cloudsplaining.scan.policy_document import PolicyDocument

    said = PolicyDocument(policy)
    kinds = {
        "escalation": [method["type"] for method in said.allows_privilege_escalation],
        "exfiltration": said.allows_data_exfiltration_actions,
        "permissions": said.permissions_management_without_constraints,
        "unbounded": said.infrastructure_modification,
        "credentials": said.credentials_exposure,
        "wildcard": said.service_wildcard,
    }
    for kind, actions in kinds.items():
        yield from (f"{kind} {action}" for action in actions)


def faults() -> Iterator[str]:
    """Findings that nobody explained, and explanations of nothing."""
    found = {(name, finding) for name, policy in policies() for finding in findings(name, policy)}
    stale = set(EXPLAINED) - found
    yield from (f"{name}: {finding}" for name, finding in sorted(found - set(EXPLAINED)))
    yield from (f"{name}: explained, and not found any more: {finding}" for name, finding in sorted(stale))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # parliament imports pkg_resources, which says that it is deprecated
    wrong = list(faults())
    print("\n".join(wrong) or f"parliament, cloudsplaining: {len(list(policies()))} policies, nothing unexplained")
    sys.exit(bool(wrong))
