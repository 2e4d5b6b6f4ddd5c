"""What a deploymentConfiguration of a strategy is, and how long ECS waits in it by itself."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from tagship.domain.ecs.strategy import configured, waits


@pytest.mark.parametrize(
    ("strategy", "minutes"),
    [("ROLLING", 0), ("BLUE_GREEN", 5), ("CANARY", 5 + 10), ("LINEAR", 5 + 3 * 10)],
)
def test_each_strategy_is_one_of_the_api_and_waits_as_long_as_it_says(strategy: str, minutes: int) -> None:
    chosen = configured(strategy, 5, 30.0, 10)
    model: Any = botocore.session.get_session().get_service_model("ecs")
    assert strategy in model.shape_for("DeploymentStrategy").enum
    members = model.shape_for("DeploymentConfiguration").members
    assert chosen.keys() <= members.keys()
    for name, value in chosen.items():
        if isinstance(value, dict):
            assert value.keys() == members[name].members.keys()
    assert waits(chosen) == minutes


@pytest.mark.parametrize(
    ("configuration", "minutes"),
    [
        ({}, 0),
        ({"strategy": "ROLLING", "bakeTimeInMinutes": 30}, 0),
        ({"strategy": "CANARY"}, 10),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 100.0}}, 0),
        ({"strategy": "LINEAR"}, 9 * 6),
    ],
)
def test_what_is_not_said_is_the_apis_default(configuration: Any, minutes: int) -> None:
    assert waits(configuration) == minutes
