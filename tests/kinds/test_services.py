"""Services of ECS, over the sandbox's: how a deployment ends, and what AWS says that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tagship.errors import ServiceFailed, Unheard
from tests.contract.services import Services, switch

NO_BREAKER: dict[str, Any] = {"deploymentConfiguration": {}}
NO_ROLLBACK: dict[str, Any] = {
    "deploymentConfiguration": {
        "deploymentCircuitBreaker": {
            "enable": True, "rollback": False, "thresholdConfiguration": {"type": "COUNT", "value": 2},
        }
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def place() -> Iterator[Services]:
    made = Services.made(["api"], url=False)
    yield made
    made.remove()


def outcome(place: Services, version: str, fault: str = "") -> tuple[str, str, str]:
    report = place.deploy(version, fault)["api"]
    return report.outcome, report.serving, report.previous


def test_a_revision_changes_the_image_and_the_variables_and_keeps_the_rest(place: Services) -> None:
    assert outcome(place, "0.1.0-dev") == ("healthy", "0.1.0-dev", "")
    answer = place.definition("api")
    app, proxy = answer["taskDefinition"]["containerDefinitions"]
    variables = {pair["name"]: pair["value"] for pair in app["environment"]}
    assert (variables["VERSION"], variables["GREETING"], variables["TABLE"]) == ("0.1.0-dev", "hello", "of-infra")
    assert proxy["image"] == "public.ecr.aws/proxy:1"
    assert {"key": "team", "value": "web"} in answer["tags"]
    assert len(set(place.digests("api"))) == 1


def test_a_rollback_by_the_breaker_is_no_success_although_the_service_is_stable(place: Services) -> None:
    outcome(place, "0.2.0-dev")
    report = place.deploy("0.2.1-dev", "crash")["api"]
    assert (report.outcome, report.serving) == ("rolled-back", "0.2.0-dev")
    assert report.reason.startswith("the circuit breaker ended it after 2 of 2 failures")
    assert "app exited with 1" in report.evidence
    assert place.serving() == ["0.2.0-dev"]


def test_an_update_whose_answer_is_lost_is_unheard_and_found_again(place: Services) -> None:
    outcome(place, "0.2.5-dev")
    change, target = place.change(place.publish("0.2.6-dev")), place.connect()

    def lost(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="ecs")

    place.app.aws.client("ecs").meta.events.register("needs-retry.ecs.UpdateService", lost)
    try:
        with pytest.raises(Unheard, match="The answer to UpdateService of api was lost"):
            target.start(change, target.units())
    finally:
        place.app.aws.client("ecs").meta.events.unregister("needs-retry.ecs.UpdateService", lost)
    [operation] = place.connect().operations(change.deployment_id, datetime.now(UTC) - timedelta(minutes=1))
    assert operation.units == ("api",)
    [report] = place.connect().finish([operation], change, target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.2.6-dev")


def test_a_request_that_ecs_refused_asked_no_service(place: Services) -> None:
    outcome(place, "0.2.7-dev")
    change, target = place.change(place.publish("0.2.8-dev")), place.connect()
    switch(throttled=99)
    try:
        with pytest.raises(ServiceFailed) as refusal:
            target.start(change, target.units())
    finally:
        switch(throttled=0)
    assert not isinstance(refusal.value, Unheard)


def test_a_rollback_goes_to_the_revision_that_ran_and_registers_none(place: Services) -> None:
    outcome(place, "0.3.0-dev")
    before = place.described("api")["taskDefinition"]
    outcome(place, "0.3.1-dev")
    [report] = place.carry_out(place.change(place.artifact("0.3.0-dev"), "rollback")).values()
    assert (report.outcome, report.serving, report.previous) == ("healthy", "0.3.0-dev", "0.3.1-dev")
    assert place.described("api")["taskDefinition"] == before


def test_a_revision_that_infrastructure_registered_meanwhile_is_taken_along(place: Services) -> None:
    outcome(place, "0.4.0-dev")
    family = place.definition("api")["taskDefinition"]["family"]
    place.client.register_task_definition(
        family=family, cpu="512", containerDefinitions=[{"name": "app", "image": "placeholder"}]
    )
    assert outcome(place, "0.4.1-dev") == ("healthy", "0.4.1-dev", "0.4.0-dev")
    assert place.definition("api")["taskDefinition"]["cpu"] == "512"


def test_what_this_boto3_does_not_know_is_not_lost_but_refused(place: Services) -> None:
    outcome(place, "0.5.0-dev")
    switch(newer={"brightNewField": {"a": 1}})
    try:
        report = place.deploy("0.5.1-dev")["api"]
    finally:
        switch(newer={})
    assert report.outcome == "failed"
    assert "brightNewField" in report.reason
    assert "upgrade boto3" in report.reason
    assert place.serving() == ["0.5.0-dev"]


def test_somebody_elses_deployment_is_not_taken_for_ours(place: Services) -> None:
    outcome(place, "0.6.0-dev")
    theirs = place.definition("api")["taskDefinition"]["family"] + ":1"
    change, target = place.change(place.publish("0.6.1-dev")), place.connect()
    units = target.units()
    started = target.start(change, units)
    place.client.update_service(cluster=place.cluster, service="api", taskDefinition=theirs)
    [report] = target.finish(started, change, units, lambda _: None)
    assert (report.outcome, report.artifact_id) == ("superseded", "0.6.1-dev")
    assert theirs in report.reason


def test_a_failure_that_ecs_restored_nothing_after_is_put_back() -> None:
    place = Services.made(["api"], url=False, service=NO_ROLLBACK)
    place.deploy("0.1.0-dev")
    report = place.deploy("0.1.1-dev", "crash")["api"]
    assert (report.outcome, report.serving, place.serving()) == ("rolled-back", "0.1.0-dev", ["0.1.0-dev"])
    assert "circuit breaker" in report.reason
    place.remove()


def test_a_version_that_never_settles_is_stopped_in_time_and_rolled_back() -> None:
    place = Services.made(["api"], url=False, service=NO_BREAKER, timeout=5)
    place.deploy("0.1.0-dev")
    report = place.deploy("0.1.1-dev", "stuck")["api"]
    assert (report.outcome, report.serving, place.serving()) == ("rolled-back", "0.1.0-dev", ["0.1.0-dev"])
    assert "after 5 s" in report.reason
    place.remove()


def test_monitors_that_the_settings_ask_for_are_set_with_the_version() -> None:
    place = Services.made(["api"], url=False, service=NO_BREAKER, monitors={"failures": 2})
    place.deploy("0.1.0-dev")
    report = place.deploy("0.1.1-dev", "crash")["api"]
    assert (report.outcome, report.serving) == ("rolled-back", "0.1.0-dev")
    assert len(place.client.list_service_deployments(cluster=place.cluster, service="api")["serviceDeployments"]) == 3
    place.remove()


def test_a_service_that_scales_to_none_shows_nothing_and_is_not_called_healthy() -> None:
    place = Services.made(["api"], url=False, service={"desiredCount": 0}, timeout=5)
    report = place.deploy("0.1.0-dev")["api"]
    assert not report.good
    place.remove()


def test_tasks_that_run_other_bytes_are_seen_by_an_observation(place: Services) -> None:
    outcome(place, "0.7.0-dev")
    target = place.connect()
    [report] = target.observe(target.units(), lambda _: None)
    assert (report.outcome, report.serving) == ("healthy", "0.7.0-dev")
    place.client.update_service(
        cluster=place.cluster, service="api", taskDefinition=place.definition("api")["taskDefinition"]["family"] + ":1"
    )
    [report] = target.observe(target.units(), lambda _: None)
    assert report.outcome == "empty"


def test_services_that_cannot_be_changed_say_why() -> None:
    place = Services.made(["api"], url=False, service={"deploymentController": {"type": "EXTERNAL"}})
    [unit] = place.connect().units()
    assert unit.online, "it can be asked what it runs"
    report = place.deploy("0.1.0-dev")["api"]
    assert (report.outcome, report.reason) == (
        "failed", "its deployment controller is EXTERNAL, so ECS itself cannot deploy to it",
    )  # fmt: skip
    place.remove()
    [unit] = place.connect().units()
    assert not unit.online


def test_nothing_is_found_of_a_deployment_that_began_before(place: Services) -> None:
    change = place.change(place.publish("0.9.0-dev"))
    place.carry_out(change)
    target = place.connect()
    assert len(target.operations(change.deployment_id, datetime.now(UTC) - timedelta(hours=1))) == 1
    assert target.operations(change.deployment_id, datetime.now(UTC) + timedelta(hours=1)) == []
