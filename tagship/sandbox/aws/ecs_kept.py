"""What the sandbox's ECS keeps, found by the names and ARNs of requests."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tagship.sandbox.aws.apart import AccountRegion
from tagship.sandbox.aws.ecs_definitions import Definition, Definitions
from tagship.sandbox.aws.ecs_requests import EcsError, Given, last
from tagship.sandbox.ecs.endings import Place
from tagship.sandbox.ecs.revision import TRIGGERS, Revision
from tagship.sandbox.ecs.rollout import Rollout
from tagship.sandbox.ecs.service import Service
from tagship.sandbox.ecs.task import Container, Task

DIGITS = 19  # of a service revision's name


@dataclass
class Cluster:
    """A cluster and its services, by name."""

    name: str
    arn: str
    tags: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    alone: list[Task] = field(default_factory=list)  # that RunTask started

    @property
    def tasks(self) -> Sequence[Task]:
        return [*(task for service in self.services.values() for task in service.tasks), *self.alone]


@dataclass
class Kept:
    """Clusters, services and task definitions of a region."""

    place: AccountRegion
    definitions: Definitions
    clusters: dict[str, Cluster] = field(default_factory=dict)

    def arn(self, kind: str, *names: str) -> str:
        return self.place.arn("ecs", f"{kind}/{'/'.join(names)}")

    def cluster(self, given: Given) -> Cluster:
        cluster = self.clusters.get(last(given.get("cluster", "default")))
        if cluster is None:
            raise EcsError("ClusterNotFoundException", "Cluster not found.")
        return cluster

    def service(self, given: Given, member: str = "service") -> Service:
        """Return the service that a request names. Raises EcsError."""
        service = self.cluster(given).services.get(last(given[member]))
        if service is None:
            raise EcsError("ServiceNotFoundException", "Service not found.")
        return service

    def active(self, given: Given) -> Service:
        service = self.service(given)
        if service.status != "ACTIVE":
            raise EcsError("ServiceNotActiveException", "Service was not ACTIVE.")
        return service

    def services(self) -> Iterator[Service]:
        for cluster in self.clusters.values():
            yield from cluster.services.values()

    def tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the ARN and the tags of each service that has tags."""
        for service in self.services():
            if service.tags and service.status == "ACTIVE":
                yield service.arn, service.tags

    def rollout(self, arn: str) -> tuple[Service, Rollout] | None:
        rows = ((service, rollout) for service in self.services() for rollout in service.rollouts)
        return next((row for row in rows if row[1].arn == arn), None)

    def revision(self, service: Service, settings: Mapping[str, Any], at: datetime) -> Revision:
        """Make a revision of what a service is set to."""
        digits = str(random.randrange(10 ** (DIGITS - 1), 10**DIGITS))  # noqa: S311  # nosec B311 (a name, no secret)
        definition = self.definitions.get(settings["taskDefinition"])
        chosen = {name: settings[name] for name in TRIGGERS if name in settings}
        arn = self.arn("service-revision", last(service.cluster), service.name, digits)
        return Revision(digits, arn, chosen | {"taskDefinition": definition.arn}, images(definition), at)

    def launch(self, service: str, revision: Revision, at: datetime, *, on_end: Callable[[Task], None]) -> Task:
        """Make a task of a service's revision, not yet started."""
        made = self.made(revision, at, on_end=on_end)
        made.group, made.started_by = f"service:{service}", revision.deployment
        made.launch_type = str(revision.settings.get("launchType", ""))
        return made

    def made(
        self,
        revision: Revision,
        at: datetime,
        overrides: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        *,
        on_end: Callable[[Task], None],
    ) -> Task:
        """Make a task; `overrides` are by the name of a container."""
        id_ = uuid.uuid4().hex
        rows = self.definitions.get(revision.definition).content["containerDefinitions"]
        containers = [
            Container(
                _place(
                    id_ if not number else f"{id_}-{number}", row, image["imageDigest"], overrides.get(row["name"], {})
                ),
                str(row["image"]),
                bool(row.get("essential", True)),
            )
            for number, (row, image) in enumerate(zip(rows, revision.images, strict=True))
        ]
        low, high = int(id_[:2], 16), int(id_[2:4], 16)
        return Task(id_, revision, containers, at, address=f"10.0.{low}.{high}", on_end=on_end)

    def tasks(self) -> Iterator[Task]:
        """Yield all tasks, of services and those that were run by themselves."""
        for cluster in self.clusters.values():
            yield from cluster.tasks


def _place(id_: str, row: Mapping[str, Any], digest: str, override: Mapping[str, Any]) -> Place:
    port = next((ports["containerPort"] for ports in row["portMappings"]), 0)
    pairs = [*row["environment"], *override.get("environment", ())]
    command = tuple(override.get("command") or row.get("command", ()))
    return Place(id_, row["name"], digest, port, {pair["name"]: pair["value"] for pair in pairs}, command)


def images(definition: Definition) -> Sequence[Mapping[str, str]]:
    """Resolve the images of a definition to digests."""
    return [
        {"containerName": container["name"], "image": container["image"], "imageDigest": digest(container["image"])}
        for container in definition.content["containerDefinitions"]
    ]


def digest(image: str) -> str:
    """Return the digest that an image is named by."""
    # A tag is no digest: one is made up of the name, the same each time.
    named = image.partition("@")[2]
    return named or f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"
