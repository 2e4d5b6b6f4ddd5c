"""What surrounds a service: which targets are unwell, and which streams its containers' logs are in."""

from __future__ import annotations

from typing import Any

from tagship.domain.ecs.surroundings import LogStream, TargetState, streams, unwell

TASK = "arn:aws:ecs:us-east-1:123456789012:task/dev/0123abc"


def container(name: str, **logging: Any) -> dict[str, Any]:
    return {"name": name, **({"logConfiguration": logging} if logging else {})}


def test_a_target_that_is_not_healthy_says_its_code_and_its_description() -> None:
    targets = [
        TargetState("10.0.0.1:80", "healthy"),
        TargetState("10.0.0.2:80", "unhealthy", "Target.Timeout", "Request timed out."),
        TargetState("10.0.0.3:80", "draining", "Target.DeregistrationInProgress"),
        TargetState("10.0.0.4:80", "unavailable"),
    ]
    assert unwell(targets) == [
        "target 10.0.0.2:80 is unhealthy (Target.Timeout: Request timed out)",
        "target 10.0.0.4:80 is unavailable",
    ]


def test_streams_are_named_by_the_options_of_awslogs_and_other_drivers_have_none() -> None:
    options = {"awslogs-group": "/ecs/api", "awslogs-stream-prefix": "ecs"}
    definition = {
        "containerDefinitions": [
            container("app", logDriver="awslogs", options=options),
            container("proxy", logDriver="splunk", options={}),
            container("quiet"),
            container("unnamed", logDriver="awslogs", options={"awslogs-group": "/ecs/api"}),
        ]
    }
    assert list(streams(definition, TASK)) == [LogStream("app", "/ecs/api", "ecs/app/0123abc")]
