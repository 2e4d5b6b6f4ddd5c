"""Task definitions: registered, described with what ECS computes, and deregistered.

Follows https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html and its neighbours.
A revision that is deleted is gone at once, where ECS keeps it while something refers to it. Does not model: the checks
of CPU and memory, attributes that a definition requires, the rate of requests.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.aws.ecs_requests import Given, invalid, last, page, refused
from tagship.sandbox.pace import now

MOST = 10  # revisions that a request deletes
# What ECS writes into a definition if a request leaves it out.
DEFAULTS: Mapping[str, Any] = {"volumes": [], "placementConstraints": []}
CONTAINER = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}


@dataclass
class Definition:
    """One revision of a family; `content` is what was registered."""

    family: str
    revision: int
    arn: str
    content: Mapping[str, Any]
    registered: datetime
    tags: dict[str, str]
    deregistered: datetime | None = None
    deleted: bool = False

    @property
    def active(self) -> bool:
        return self.deregistered is None

    def to_json(self, account: str) -> dict[str, Any]:
        computed = {
            "taskDefinitionArn": self.arn,
            "revision": self.revision,
            "status": "ACTIVE" if self.active else "INACTIVE",
            "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
            "compatibilities": ["EC2", *self.content.get("requiresCompatibilities", [])],
            "registeredAt": self.registered,
            "registeredBy": f"arn:aws:iam::{account}:user/sandbox",
        }
        gone = {} if self.active else {"deregisteredAt": self.deregistered}
        return {**copy.deepcopy(dict(self.content)), **computed, **gone}


@dataclass
class Definitions:
    """All task definitions of a region."""

    place: AccountRegion
    families: dict[str, list[Definition]] = field(default_factory=dict)
    newer: dict[str, Any] = field(default_factory=dict)  # members that no model knows, for every answer
    newer_container: dict[str, Any] = field(default_factory=dict)  # the same, for every container

    # -- operations ----------------------------------------------------------------------------------------------------

    def register_task_definition(self, given: Given) -> dict[str, Any]:
        content = {**DEFAULTS, **{name: value for name, value in given.items() if name != "tags"}}
        content["containerDefinitions"] = [_filled(container) for container in given["containerDefinitions"]]
        family = self.families.setdefault(given["family"], [])
        number = len(family) + 1
        tags = {tag["key"]: tag["value"] for tag in given.get("tags", [])}
        made = Definition(given["family"], number, self._arn(given["family"], number), content, now(), tags)
        family.append(made)
        return self._answer(made, with_tags=True)

    def describe_task_definition(self, given: Given) -> dict[str, Any]:
        return self._answer(self.get(given["taskDefinition"]), with_tags="TAGS" in given.get("include", []))

    def deregister_task_definition(self, given: Given) -> dict[str, Any]:
        definition = self.get(given["taskDefinition"])
        definition.deregistered = definition.deregistered or now()
        return {"taskDefinition": definition.to_json(self.place.account)}

    def delete_task_definitions(self, given: Given) -> dict[str, Any]:
        """Delete up to ten revisions that are deregistered."""
        if len(given["taskDefinitions"]) > MOST:
            raise invalid(f"You can delete at most {MOST} task definitions at a time.")
        gone, failures = list[Any](), list[Any]()
        for identifier in given["taskDefinitions"]:
            definition = self.get(identifier)
            if definition.active:
                detail = "The specified task definition is still in ACTIVE status. Please deregister it first."
                failures.append({"arn": definition.arn, "reason": "TASK_DEFINITION_ACTIVE", "detail": detail})
            else:
                definition.deleted = True
                gone.append(definition.to_json(self.place.account) | {"status": "DELETE_IN_PROGRESS"})
        return {"taskDefinitions": gone, "failures": failures}

    def list_task_definitions(self, given: Given) -> dict[str, Any]:
        status = given.get("status", "ACTIVE")
        rows = [
            definition.arn
            for name, family in sorted(self.families.items())
            if name.startswith(given.get("familyPrefix", ""))
            for definition in family
            if definition.active == (status == "ACTIVE") and not definition.deleted
        ]
        arns, more = page(given, rows[::-1] if given.get("sort") == "DESC" else rows, 100)
        return {"taskDefinitionArns": arns, **more}

    # -- what others ask for -------------------------------------------------------------------------------------------

    def get(self, identifier: str) -> Definition:
        """Return what an ARN, `family:revision` or `family` names."""
        # A family alone is its newest active revision. Raises EcsError (ClientException).
        family, _, number = last(identifier).partition(":")
        held = self.families.get(family, [])
        rows = [row for row in held if not row.deleted and (row.active if not number else str(row.revision) == number)]
        if not rows:
            raise refused("Unable to describe task definition.")
        return rows[-1]

    def usable(self, identifier: str) -> Definition:
        """Return a definition that a service can be given."""
        definition = self.get(identifier)
        if not definition.active:
            raise refused("TaskDefinition is inactive")
        return definition

    def _arn(self, family: str, number: int) -> str:
        return self.place.arn("ecs", f"task-definition/{family}:{number}")

    def _answer(self, definition: Definition, *, with_tags: bool) -> dict[str, Any]:
        value = definition.to_json(self.place.account)
        pairs = [{"key": key, "value": tag} for key, tag in definition.tags.items()]
        tags = {"tags": pairs} if with_tags else {}
        value["containerDefinitions"] = [row | self.newer_container for row in value["containerDefinitions"]]
        return {"taskDefinition": value | self.newer, **tags}


def _filled(container: Mapping[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {**copy.deepcopy(CONTAINER), **container}
    filled["portMappings"] = [
        {"hostPort": ports["containerPort"], "protocol": "tcp", **ports} for ports in filled["portMappings"]
    ]
    return filled
