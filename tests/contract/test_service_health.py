"""Kinds of health checks of a service: what each asks once its tasks run the digest."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from tagship.domain.health import Sample
from tagship.domain.hook import HookOutcome
from tagship.settings.ecs import Ecs
from tests.contract.services import Services
from tests.fakes.hooks import FakeHookRunner
from tests.fakes.web import FakeWeb


@pytest.fixture(scope="module")
def place() -> Iterator[Services]:
    made = Services.made(["api"], url=False)
    made.deploy("0.1.0-dev")
    yield made
    made.remove()


def observed(place: Services, check: dict[str, Any], *answers: Sample) -> tuple[str, str]:
    """What the service reports if it is asked so."""
    place.app.web = FakeWeb(*answers)
    target = place.connect()
    values = {"cluster": target.table.cluster, "services": {"api": {"containers": ["app"], "health": check}}}
    target.table = Ecs.model_validate_json(json.dumps(values))
    [report] = target.observe(target.units(), lambda _phase: None)
    assert report.serving == "0.1.0-dev", "the digests of the tasks say so, whatever answers"
    return report.outcome, report.reason


URL = {"url": "http://api"}


def test_without_a_key_any_good_status_is_healthy_and_the_digests_say_which_version_it_is(place: Services) -> None:
    assert observed(place, URL, Sample(200)) == ("healthy", "")


def test_with_a_key_the_answer_has_to_name_the_version(place: Services) -> None:
    named = {**URL, "version_key": "version"}
    assert observed(place, named, Sample(200, "0.1.0-dev"))[0] == "healthy"
    assert observed(place, named, Sample(200, "0.0.9-dev")) == (
        "failed",
        "it answered as 0.0.9-dev, not as 0.1.0-dev",
    )


@pytest.mark.parametrize(("more", "outcome"), [({}, "failed"), ({"redirects": True}, "healthy")])
def test_a_redirect_is_healthy_only_if_the_settings_allow_it(
    place: Services, more: dict[str, Any], outcome: str
) -> None:
    assert observed(place, {**URL, **more}, Sample(302))[0] == outcome


def test_the_statuses_are_those_of_the_settings(place: Services) -> None:
    assert observed(place, {**URL, "status": ["401"]}, Sample(401))[0] == "healthy"
    assert observed(place, {**URL, "status": ["401"]}, Sample(200)) == ("failed", "it answered 200")


def test_a_port_is_connected_to(place: Services) -> None:
    check = {"kind": "tcp", "address": "api:5432"}
    assert observed(place, check, Sample(200))[0] == "healthy"
    refused = Sample(0, problem="api:5432 takes no connection: refused")
    assert observed(place, check, refused) == ("failed", refused.problem)


def test_a_command_is_told_the_version_and_judges_by_its_exit_code(place: Services) -> None:
    hooks = FakeHookRunner()
    place.app.given["hook_runner"] = hooks
    check = {"kind": "command", "command": ["sh", "check.sh"]}
    assert observed(place, check, Sample(0))[0] == "healthy"
    assert hooks.ran[0] == (
        ("sh", "check.sh"),
        {"VERSION": "0.1.0-dev", "ARTIFACT_ID": "0.1.0-dev", "ENVIRONMENT": "dev", "SERVICE": "api"},
    )
    hooks.outcomes = deque([HookOutcome("it ended with exit code 1")] * 2)
    assert observed(place, check, Sample(0)) == ("failed", "sh check.sh: it ended with exit code 1")


def test_tasks_have_to_stay_up(place: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    check = {"kind": "alive", "seconds": 1}
    assert observed(place, check, Sample(0))[0] == "healthy"

    def fewer(_seconds: float) -> None:
        place.client.update_service(cluster=place.cluster, service="api", desiredCount=1)
        while len(place.digests("api")) > 1:
            pass

    monkeypatch.setattr(place.app.clock, "sleep", fewer)
    outcome, reason = observed(place, check, Sample(0))
    assert outcome == "failed"
    assert reason == "1 of 2 tasks stopped within 1 s"
