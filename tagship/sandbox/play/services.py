"""The services of ECS that the settings name: a sandbox has no infrastructure that would make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tagship.domain.outputs import PLACE
from tagship.settings import Settings
from tagship.settings.ecs import Ecs, ServiceTable
from tagship.settings.environment import Environment

ROLE = "arn:aws:iam::123456789012:role/{name}"
PORT = 8080  # that a container is said to listen on: its process is told another by PORT
LOG = "/ecs/{name}"
LOOPBACK = ("127.0.0.1", "localhost")

Fronts = Mapping[str, Callable[[int], str]]  # World.fronts
NETWORK: Any = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"], "assignPublicIp": "ENABLED"}}  # named, not made


def seed(settings: Settings, client: Any, fronts: Fronts, logs: Any) -> None:
    """Make the services of every environment, and the groups of their logs."""
    for place, environment in settings.environments.items():
        table = environment.runs_on(Ecs)
        if table and not PLACE.search(f"{table.cluster} {' '.join(table.services)}"):  # else infrastructure makes them
            urls = {name: _url(service) for name, service in table.services.items()}
            role = next(iter(table.roles), "")
            for name in urls:
                logs.create_log_group(logGroupName=LOG.format(name=name))
            containers = {name: _containers(settings, place, service) for name, service in table.services.items()}
            make(client, fronts, table.cluster, containers, urls, role=role)


def make(
    client: Any,
    fronts: Fronts,
    cluster: str,
    repositories: str | Mapping[str, Mapping[str, str]],
    urls: Mapping[str, str],
    *,
    role: str = "",
) -> None:
    """Create a cluster and its services, of images that aren't there.

    `repositories` are those of each service's containers, or one for a container `app` in each. `urls` has each
    service's health URL, or "": one of this machine is answered by the service's tasks. `role` is the name of the role
    in the task definitions. Without `fronts`, no URL is answered.
    """
    client.create_cluster(clusterName=cluster)
    for name, url in urls.items():
        containers = {"app": repositories} if isinstance(repositories, str) else repositories[name]
        roles = {"executionRoleArn": ROLE.format(name=role)} if role else {}
        definition = client.register_task_definition(
            family=name,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=_definitions(containers, name),
            **roles,
        )
        answer = client.create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=definition["taskDefinition"]["taskDefinitionArn"],
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
        )
        if fronts:
            _open(fronts[answer["service"]["serviceArn"]], url)


def here(environment: Environment) -> list[str]:
    """List the URLs of an environment's services on this machine."""
    table = environment.runs_on(Ecs)
    return [_url(service) for service in table.services.values() if _is_here(_url(service))] if table else []


def _url(service: ServiceTable) -> str:
    return service.health.url if service.health else ""


def _containers(settings: Settings, environment: str, service: ServiceTable) -> dict[str, str]:
    """Map a service's containers to the repositories of their images."""
    images = settings.images_of(environment)
    own = list(service.containers) or ["app"] if service.runs_own else []
    return {
        **(dict.fromkeys(own, images[""].repository) if own else {}),
        **{container: images[name].repository for container, name in service.images.items()},
    }


def _definitions(containers: Mapping[str, str], service: str) -> list[dict[str, Any]]:
    return [
        _container(name, repository, service, first=number == 0)
        for number, (name, repository) in enumerate(containers.items())
    ]


def _container(name: str, repository: str, service: str, *, first: bool) -> dict[str, Any]:
    """Describe a container; the service's URL leads to the first."""
    options = {"awslogs-group": LOG.format(name=service), "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}
    return {
        "name": name,
        "image": f"{repository}:nothing-yet",
        "portMappings": [{"containerPort": PORT}] if first else [],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }


def _open(front: Callable[[int], str], url: str) -> None:
    """Answer at a URL of this machine; any other is nobody's here."""
    if _is_here(url):
        front(urlsplit(url).port or 0)


def _is_here(url: str) -> bool:
    address = urlsplit(url)
    return address.hostname in LOOPBACK and bool(address.port)
