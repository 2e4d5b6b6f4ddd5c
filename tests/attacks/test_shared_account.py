"""What the credentials of dev's jobs reach of prod, where both are in one account: what AWS knows by account alone."""

from __future__ import annotations

import pytest

from tagship.domain import foundation
from tests.attacks.arsenal import ACCOUNT
from tests.unit.test_policies import allowed, read, statements

GROUPS, SERVICES = statements("PeopleOfGroups"), statements("PeopleOfServices")
REGION = f"us-east-1:{ACCOUNT}"
BY_TEMPLATE = {
    "ec2:LaunchTemplate": f"arn:aws:ec2:{REGION}:launch-template/lt-01",
    "ec2:IsLaunchTemplateResource": "true",
}
OWN = {"aws:ResourceTag/tagship:app": "hello", "aws:ResourceTag/tagship:environment": "dev"}


@pytest.mark.parametrize("action", ["ecs:RegisterTaskDefinition", "ecs:TagResource"])
def test_a_token_of_dev_registers_and_tags_no_task_definition_of_prods_family(action: str) -> None:
    """A deployment takes its family's newest along, and believes its tags: version and fencing number."""
    own, prod = (f"arn:aws:ecs:{REGION}:task-definition/hello-{name}:7" for name in ("dev", "prod"))
    assert allowed(SERVICES, action, own)
    assert not allowed(SERVICES, action, prod)
    assert not allowed(SERVICES, action, own.replace("-dev:", "-dev2:"))


def test_a_token_of_dev_launches_from_no_template_of_prod() -> None:
    template = f"arn:aws:ec2:{REGION}:launch-template/lt-01"
    assert allowed(GROUPS, "ec2:RunInstances", template, BY_TEMPLATE | OWN)
    prod = BY_TEMPLATE | OWN | {"aws:ResourceTag/tagship:environment": "prod"}
    assert not allowed(GROUPS, "ec2:RunInstances", template, prod)
    assert not allowed(GROUPS, "ec2:RunInstances", template, BY_TEMPLATE)
    for kind in ("image", "instance", "network-interface", "security-group", "subnet", "volume"):
        assert allowed(GROUPS, "ec2:RunInstances", f"arn:aws:ec2:{REGION}:{kind}/x-1", BY_TEMPLATE), kind
    assert allowed(GROUPS, "ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-1", BY_TEMPLATE)  # Amazon's


@pytest.mark.parametrize("name", ["tagship:environment", "tagship:app"])
def test_a_token_of_dev_launches_no_host_with_prods_tags(name: str) -> None:
    """By a version of its own template: prod's orders go to whatever has prod's tags."""
    host, context = f"arn:aws:ec2:{REGION}:instance/i-1", {"ec2:CreateAction": "RunInstances"}
    tags = {"aws:RequestTag/tagship:app": "hello", "aws:RequestTag/tagship:environment": "dev"}
    assert allowed(GROUPS, "ec2:CreateTags", host, context | tags)
    assert allowed(GROUPS, "ec2:CreateTags", host, context)  # a volume's name
    assert not allowed(GROUPS, "ec2:CreateTags", host, context | tags | {f"aws:RequestTag/{name}": "prod"})


LOGS = {  # a policy that reads logs, with the group of an environment
    "PeopleOfHosts": "/hello/{}",
    "PeopleOfFunctions": "/aws/lambda/hello-{}",
    "Change": "/ecs/hello-{}",
    "People": "/ecs/hello-{}",
}


@pytest.mark.parametrize("action", ["logs:FilterLogEvents", "logs:GetLogEvents"])
@pytest.mark.parametrize(("policy", "group"), LOGS.items(), ids=list(LOGS))
@pytest.mark.parametrize("filled", [False, True], ids=["as it stands", "as setup writes it"])
def test_production_reads_no_log_of_an_environment_whose_name_begins_like_its_own(
    policy: str, group: str, action: str, *, filled: bool
) -> None:
    """What hosts, functions and tasks write may be a customer's."""
    text = read("environment")
    if filled:
        named: dict[str, object] = {"functions": ["hello-production"], "services": ["all/hello-production"]}
        if policy == "PeopleOfHosts":
            named = {"host_logs": "/hello/production"}
        tags = {"tagship:environment": "production"} if policy == "PeopleOfHosts" else {}
        text = foundation.with_blocks(text, tags, "", [], **named)  # type: ignore[arg-type]
    given = statements(policy, text, Environment="production")

    def reads(environment: str) -> bool:
        arn = f"arn:aws:logs:{REGION}:log-group:{group.format(environment)}:log-stream:"
        return bool(allowed(given, action, arn))

    assert reads("production") == (action == "logs:FilterLogEvents" or "ecs" in group)
    assert not any(map(reads, ("production-auto", "production2", "production-auto/web", "productionx/web", "prod")))
