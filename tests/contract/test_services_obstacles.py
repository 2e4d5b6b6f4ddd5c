"""What is known to be in the way of a change of services before anything is changed, and what doctor finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.finding import Finding
from tagship.domain.image import ImageStatus
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tests.contract import strict_aws
from tests.contract.services import PLACEHOLDER, REPOSITORY, Services, switch
from tests.contract.test_ecs_targets import groups, health

__all__ = ["groups"]

ALARM = "api-5xx"
ALARMS = {"alarms": {"alarmNames": [ALARM], "enable": True, "rollback": True}}


@pytest.fixture
def place() -> Iterator[Services]:
    made = Services.made(["api"], url=False)
    yield made
    made.remove()


@pytest.fixture
def alarm() -> Iterator[Any]:
    """CloudWatch, with an alarm that is OK."""
    client = strict_aws.aws().client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=ALARM, MetricName="5xx", Namespace="hello", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="none")
    yield client
    client.delete_alarms(AlarmNames=[ALARM])


def obstacles(place: Services, version: str, action: str = "deploy") -> list[Obstacle]:
    """What is in the way of a version that was published."""
    stored = place.app.store.get(layout.artifact("hello", "dev", version, layout.MANIFEST))
    assert stored
    target = place.connect()
    manifest = Manifest.from_json(stored.body, "here")
    return list(target.obstacles(action, manifest, place.artifact(version)[1], target.units()))


UNASKED = "no health check: a version that answers errors is healthy, as long as its tasks run"


def findings(place: Services) -> list[Finding]:
    return list(place.connect().examine())


def test_nothing_is_in_the_way_of_a_version_whose_image_is_there(place: Services) -> None:
    place.publish("0.1.0-dev")
    assert obstacles(place, "0.1.0-dev") == []


def test_an_image_that_the_registry_lost_is_the_artifacts_own_lack(place: Services) -> None:
    place.publish("0.1.0-dev")
    place.app.registry.stored.clear()  # type: ignore[attr-defined]
    [lost] = obstacles(place, "0.1.0-dev", "rollback")
    assert lost.artifact
    assert lost.what.startswith(f"no task can pull {REPOSITORY}@sha256:")
    assert lost.what.endswith("which 0.1.0-dev runs: the registry no longer has it")
    assert "inv history --env dev" in lost.remedy


@pytest.mark.parametrize(
    ("state", "why"), [("archived", "must be restored first: aws ecr x"), ("activating", "takes some minutes")]
)
def test_an_image_that_is_archived_or_on_its_way_back_says_so(place: Services, state: str, why: str) -> None:
    place.publish("0.1.0-dev")
    registry: Any = place.app.registry
    [image] = registry.stored.values()
    registry.states[image.digest] = ImageStatus(state, restore="aws ecr x")
    [archived] = obstacles(place, "0.1.0-dev", "rollback")
    assert archived.artifact
    assert why in archived.what


def test_an_image_for_other_processors_is_seen_before_a_task_says_exec_format_error(place: Services) -> None:
    place.publish("0.1.0-dev")
    container = {"name": "app", "image": PLACEHOLDER}
    arm = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    family = f"{place.cluster}-api"
    place.client.register_task_definition(family=family, containerDefinitions=[container], runtimePlatform=arm)
    [other] = obstacles(place, "0.1.0-dev")
    assert other.what == "api runs on arm64, and the image of 0.1.0-dev is built for linux/amd64"
    assert obstacles(place, "0.1.0-dev", "rollback") == []


def test_an_alarm_that_rings_already_holds_a_deployment_up_and_warns_of_a_rollback(alarm: Any) -> None:
    place = Services.made(["api"], url=False, service={"deploymentConfiguration": ALARMS})
    place.publish("0.1.0-dev")
    assert obstacles(place, "0.1.0-dev") == []
    alarm.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="9 answers were 5xx.")
    [rings] = obstacles(place, "0.1.0-dev")
    assert rings.what == (
        "the alarm api-5xx of api is in ALARM already (9 answers were 5xx): ECS would not watch it in this deployment"
    )
    assert not rings.warns
    assert "aws cloudwatch describe-alarms --alarm-names api-5xx" in rings.remedy
    assert [found.warns for found in obstacles(place, "0.1.0-dev", "rollback")] == [True]
    place.remove()


def test_an_alarm_that_rings_already_is_a_warning_if_the_settings_say_so(alarm: Any) -> None:
    place = Services.made(["api"], url=False, monitors={"alarms": [ALARM], "firing": "warn"})
    place.publish("0.1.0-dev")
    alarm.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="")
    assert [found.warns for found in obstacles(place, "0.1.0-dev")] == [True]
    place.remove()


def test_a_service_of_express_mode_is_refused_with_the_reason(place: Services) -> None:
    place.publish("0.1.0-dev")
    switch(express=["api"])
    [express] = obstacles(place, "0.1.0-dev")
    assert "api can't be changed: it is a service of ECS Express Mode" in express.what


@pytest.mark.parametrize("controller", ["EXTERNAL", "CODE_DEPLOY"])
def test_a_service_of_another_controller_is_refused_and_named(controller: str) -> None:
    place = Services.made(["api"], url=False, service={"deploymentController": {"type": controller}})
    place.publish("0.1.0-dev")
    [other] = obstacles(place, "0.1.0-dev")
    assert other.what == (
        f"api can't be changed: its deployment controller is {controller}, so ECS itself cannot deploy to it"
    )
    assert "[environments.dev.ecs.services]" in other.remedy
    assert ("failing", "api") in {(found.state, found.about) for found in findings(place)}
    place.remove()


def test_a_rollback_to_a_revision_that_was_deregistered_says_how_to_register_it_again(place: Services) -> None:
    for version in ("0.1.0-dev", "0.1.1-dev"):
        assert place.deploy(version)["api"].good
        if version == "0.1.0-dev":
            first = place.described("api")["taskDefinition"]
    assert obstacles(place, "0.1.0-dev", "rollback") == []
    place.client.deregister_task_definition(taskDefinition=first)
    [gone] = obstacles(place, "0.1.0-dev", "rollback")
    assert gone.what.endswith("the revision of 0.1.0-dev on api, is INACTIVE (deregistered)")
    assert "inv deploy --version 0.1.0-dev --env dev --allow-older" in gone.remedy
    assert obstacles(place, "0.1.0-dev") == []
    assert place.carry_out(place.change(place.artifact("0.1.0-dev"), "rollback"))["api"].serving == "0.1.0-dev"


def test_a_strategy_that_has_nowhere_to_shift_traffic_to_is_told_before(groups: list[str]) -> None:
    balancer = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    place = Services.made(["api"], url=False, service={"loadBalancers": [balancer]}, strategy={"kind": "canary"})
    place.publish("0.1.0-dev")
    [obstacle] = obstacles(place, "0.1.0-dev")
    assert obstacle.what == (
        "api is to be deployed CANARY, and its load balancer has no alternate target group to shift traffic to"
    )
    assert 'strategy = { kind = "rolling" }' in obstacle.remedy
    place.remove()


def test_a_listener_that_points_where_nothing_is_healthy_is_seen_before_traffic_shifts(groups: list[str]) -> None:
    client = strict_aws.aws().client("elbv2")
    rule = shifting_rule(client, groups)
    shifting = {"alternateTargetGroupArn": groups[1], "productionListenerRule": rule}
    balancer = {
        "targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080, "advancedConfiguration": shifting,
    }  # fmt: skip
    configuration = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
    place = Services.made(
        ["api"], url=False, service={"loadBalancers": [balancer], "deploymentConfiguration": configuration}
    )
    assert place.deploy("0.1.0-dev")["api"].good
    full = next(group for group in groups if health(group))
    [empty] = set(groups) - {full}
    point(client, rule, full)
    assert obstacles(place, "0.1.0-dev") == []
    point(client, rule, empty)
    [drifted] = obstacles(place, "0.1.0-dev")
    assert "the production listener of api sends 100 of its traffic's weight to target group" in drifted.what
    assert drifted.what.endswith("which has 0 targets and no healthy one")
    place.remove()
    for balancer in client.describe_load_balancers()["LoadBalancers"]:
        client.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])


def shifting_rule(client: Any, groups: list[str]) -> str:
    ec2 = strict_aws.aws().client("ec2")
    network = client.describe_target_groups(TargetGroupArns=groups)["TargetGroups"][0]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=network, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("ab")
    ]
    balancer = client.create_load_balancer(Name="hello", Subnets=[row["Subnet"]["SubnetId"] for row in subnets])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = client.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[fixed])
    rule = client.create_rule(
        ListenerArn=listener["Listeners"][0]["ListenerArn"], Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}], Actions=[forward(groups[0])],
    )  # fmt: skip
    return str(rule["Rules"][0]["RuleArn"])


def forward(group: str) -> dict[str, Any]:
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group, "Weight": 100}]}}


def point(client: Any, rule: str, group: str) -> None:
    client.modify_rule(RuleArn=rule, Actions=[forward(group)])


# -- doctor ------------------------------------------------------------------------------------------------------------


def test_doctor_says_how_a_service_deploys_and_what_its_tasks_run(place: Services) -> None:
    assert [found.words for found in findings(place)][-1].endswith("which tagship did not deploy")
    place.deploy("0.1.0-dev")
    assert [(found.state, found.words) for found in findings(place)] == [
        ("ok", "ROLLING; the circuit breaker goes back at 2 failures"),
        ("warning", UNASKED),
        ("ok", "every task runs 0.1.0-dev by its digest"),
    ]


def test_doctor_warns_of_a_service_whose_breaker_is_off_unless_the_settings_set_one() -> None:
    for monitors, state in (({}, "warning"), ({"failures": 2}, "ok")):
        place = Services.made(["api"], url=False, service={"deploymentConfiguration": {}}, monitors=monitors)
        assert findings(place)[0].state == state
        place.remove()


def test_doctor_warns_of_a_service_that_nobody_asks_whether_a_version_works() -> None:
    place = Services.made(["api"], url=False)
    assert ("warning", UNASKED, "Set ecs.services.api.health in tagship.toml") in [
        (found.state, found.words, found.fix) for found in findings(place)
    ]
    place.remove()


def test_doctor_is_content_with_a_service_that_a_load_balancer_asks(groups: list[str]) -> None:
    balancer = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    place = Services.made(["api"], url=False, service={"loadBalancers": [balancer]})
    assert not [found.words for found in findings(place) if "no health check" in found.words]
    place.remove()


def test_doctor_warns_of_an_alarm_that_rings_and_fails_for_one_that_is_not_there(alarm: Any) -> None:
    place = Services.made(["api"], url=False, monitors={"alarms": [ALARM, "lost"]})
    alarm.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="")
    about = {found.state: found.words for found in findings(place) if "alarm" in found.words}
    assert about["failing"] == "CloudWatch has no alarm lost: nothing watches a deployment by it"
    assert about["warning"].startswith("the alarm api-5xx is in ALARM")
    place.remove()


def test_doctor_fails_for_a_family_that_no_job_may_register() -> None:
    place = Services.made(["api"], url=False, families=["another"])
    [found] = [found for found in findings(place) if found.state == "failing"]
    words = f"its task definitions are of the family {place.cluster}-api, which no job of CI may register"
    assert (found.words, found.fix) == (words, "Add it to ecs.families in tagship.toml, then: inv setup")
    place.remove()


def test_doctor_warns_of_a_container_whose_tag_may_lead_to_other_bytes(place: Services) -> None:
    container = {"name": "app", "image": PLACEHOLDER, "versionConsistency": "disabled"}
    family = f"{place.cluster}-api"
    place.client.register_task_definition(family=family, containerDefinitions=[container])
    place.client.update_service(cluster=place.cluster, service="api", taskDefinition=family)
    assert "versionConsistency of app is disabled" in findings(place)[1].words
