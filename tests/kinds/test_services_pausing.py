"""Services whose traffic shifts by stages: pauses at hooks, what ends them, and successes before the last task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tagship.errors import Refused
from tests.contract import strict_aws
from tests.contract.services import Services, switch

WAIT = {"timeoutInMinutes": 1440, "action": "ROLLBACK"}
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "timeoutConfiguration": WAIT}
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
PAUSED = {**BLUE_GREEN, "lifecycleHooks": [PAUSE]}
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1}}
LINEAR = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 50.0, "stepBakeTimeInMinutes": 1}}


@pytest.fixture(autouse=True)
def _short_minutes() -> Iterator[None]:
    pace = strict_aws.world().pace
    pace.scale = 0.01
    yield
    pace.scale = 1.0


def made(configuration: dict[str, Any], **more: Any) -> Services:
    """A service on its first version, with nothing that would pause that one."""
    asked = {**configuration, "lifecycleHooks": []} if "lifecycleHooks" in configuration else configuration
    place = Services.made(["api"], url=False, service={"deploymentConfiguration": asked, **more})
    assert place.deploy("0.1.0-dev")["api"].good
    place.client.update_service(cluster=place.cluster, service="api", deploymentConfiguration=configuration)
    return place


def followed(place: Services, version: str, at_pause: Callable[[Any, Any], None]) -> tuple[Any, list[str]]:
    """Deploy; `at_pause` is called once, with a target and the deployment's id, when it is seen to wait."""
    change, target = place.change(place.publish(version)), place.connect()
    heard: list[str] = []

    def tick(phase: str) -> None:
        first = "paused" in phase and not any("paused" in row for row in heard)
        heard.append(phase)
        if first:
            at_pause(place.connect(), change.deployment_id)

    units = target.units()
    [report] = target.finish(target.start(change, units), change, units, tick)
    return report, heard


def test_a_pause_is_shown_with_its_stage_its_end_and_what_happens_then_and_goes_on_when_told() -> None:
    place = made(PAUSED)

    def go_on(target: Any, deployment: str) -> None:
        [pause] = target.pauses(deployment)
        assert (pause.unit, pause.stage, pause.then) == ("api", "post scale up", "ROLLBACK")
        target.go_on(pause)
        with pytest.raises(Refused, match="api no longer waits there"):
            target.go_on(pause)

    report, heard = followed(place, "0.1.1-dev", go_on)
    assert (report.outcome, report.serving) == ("healthy", "0.1.1-dev")
    [words, *_] = [phase for phase in heard if "paused" in phase]
    assert "api: paused at a hook after post scale up until 20" in words
    assert words.endswith(
        "UTC, then ECS does ROLLBACK. To go back: inv rollback --env dev. To go on: inv continue --env dev"
    )
    place.remove()


def test_a_deployment_that_waits_is_taken_back_at_its_hook() -> None:
    place = made(PAUSED)

    def cancel(target: Any, deployment: str) -> None:
        target.cancel(target.operations(deployment, datetime.now(UTC) - timedelta(minutes=5)))

    report, _ = followed(place, "0.1.1-dev", cancel)
    assert (report.outcome, report.serving) == ("rolled-back", "0.1.0-dev")
    assert report.reason == "Service deployment rolled back because a lifecycle hook asked for it"
    assert place.serving() == ["0.1.0-dev"]
    place.remove()


def test_a_deployment_that_is_stopped_on_its_way_is_followed_until_the_version_before_serves() -> None:
    place = made({})
    change, target = place.change(place.publish("0.1.1-dev", "stuck")), place.connect()
    units = target.units()
    operations = target.start(change, units)
    target.stop(operations)
    [report] = target.finish(operations, change, units, lambda _: None)
    assert (report.outcome, report.serving, place.serving()) == ("rolled-back", "0.1.0-dev", ["0.1.0-dev"])
    assert "StopServiceDeployment" in report.reason
    place.remove()


@pytest.mark.parametrize(
    ("configuration", "share"),
    [(BLUE_GREEN, "100%"), (CANARY, "10%"), (LINEAR, "50%")],
    ids=["blue-green", "canary", "linear"],
)
def test_a_service_whose_traffic_shifts_is_followed_stage_by_stage(configuration: Any, share: str) -> None:
    place = made(configuration)
    switch(step=0.2)
    ticks: list[str] = []
    report = place.deploy("0.1.1-dev", ticks=ticks)["api"]
    assert (report.outcome, report.serving) == ("healthy", "0.1.1-dev")
    assert any(f"{share} of the traffic" in phase for phase in ticks), ticks
    back = place.carry_out(place.change(place.artifact("0.1.0-dev"), "rollback"))["api"]
    assert (back.outcome, back.serving) == ("healthy", "0.1.0-dev")
    place.remove()


def test_a_strategy_that_the_settings_ask_for_is_set_with_the_version() -> None:
    """In the one call that brings it: by itself it starts no deployment, and the next version finds it there."""
    place = Services.made(["api"], url=False, strategy={"kind": "canary", "percent": 20, "minutes": 1})
    assert place.deploy("0.1.0-dev")["api"].good
    switch(step=0.2)
    ticks: list[str] = []
    report = place.deploy("0.1.1-dev", ticks=ticks)["api"]
    assert (report.outcome, report.serving) == ("healthy", "0.1.1-dev")
    assert any("20% of the traffic" in phase for phase in ticks), ticks
    deployments = place.client.list_service_deployments(cluster=place.cluster, service="api")["serviceDeployments"]
    assert len(deployments) == 3, "infrastructure's, and one a version"
    place.remove()


def test_what_a_strategy_waits_by_itself_is_no_sign_of_trouble() -> None:
    """A bake that takes longer than `timeout` is a part of the deployment, which is not stopped for it."""
    place = Services.made(["api"], url=False, timeout=5, strategy={"kind": "blue-green", "bake": 12})
    strict_aws.world().pace.scale = 0.01  # 7 s of baking, and time enough by the settings
    report = place.deploy("0.1.0-dev")["api"]
    assert (report.outcome, report.serving) == ("healthy", "0.1.0-dev"), report
    place.remove()


def test_an_early_success_says_at_which_share_and_is_healthy_when_every_task_runs_it() -> None:
    early = {"enable": True, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED"}
    place = made({"earlySuccessCriteria": early, "maximumPercent": 125}, desiredCount=4)
    switch(step=0.3)
    ticks: list[str] = []
    report = place.deploy("0.1.1-dev", ticks=ticks)["api"]
    assert (report.outcome, report.serving) == ("healthy", "0.1.1-dev")
    assert any("succeeded at 50% of its tasks; the others start" in phase for phase in ticks), ticks
    assert len(place.digests("api")) == 4
    place.remove()
