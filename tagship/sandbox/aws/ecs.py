"""ECS that deploys: services, their deployments and revisions, and tasks that start, fail and are replaced.

Follows the API reference of each operation
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html and its neighbours). Stock moto swaps
a task definition with no deployment, and has no service deployments. Here everything goes on whenever somebody looks,
by the clock; a deployment starts for the members that AWS names (see revision.TRIGGERS), if one of them changes.

Its switches, by POST /sandbox/faults: {"ecs": {"step": 0.3}} is how many seconds a step takes, and 0 is a step a look;
"stale_reads" is how many reads of a service name the deployment before as currentServiceDeployment; "listed_after"
(seconds) delays ListServiceDeployments; "throttled" registrations and updates are refused; "scripts" {digest: ending}
are endings.Ending's; "lines" {digest: [line]} are what tasks write; "newer" and "newer_container" are members that no
model of boto3 knows; "express" lists services that ECS manages.

Does not model: clusters' capacity providers and settings, start_task, task sets, the controllers CODE_DEPLOY and
EXTERNAL, Service Connect, volumes. A deploymentConfiguration that is updated keeps the members that it isn't given:
that is assumed.
"""

from __future__ import annotations

import functools
import secrets
import string
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend

from tagship.sandbox.aws import ecs_answers as answers
from tagship.sandbox.aws import stock, tags
from tagship.sandbox.aws.apart import AccountRegion, Apart
from tagship.sandbox.aws.ecs_clusters import Clusters
from tagship.sandbox.aws.ecs_definitions import Definitions
from tagship.sandbox.aws.ecs_deployments import Deployments
from tagship.sandbox.aws.ecs_kept import Kept
from tagship.sandbox.aws.ecs_requests import Act, Faults, Given, invalid, last, page, put
from tagship.sandbox.aws.ecs_targets import Targets, write_log
from tagship.sandbox.aws.ecs_tasks import Tasks
from tagship.sandbox.ecs import shifting
from tagship.sandbox.ecs.breaker import Alarms, Breaker
from tagship.sandbox.ecs.clock import Clock
from tagship.sandbox.ecs.endings import Ending
from tagship.sandbox.ecs.front import Front, listen
from tagship.sandbox.ecs.processes import Processes
from tagship.sandbox.ecs.revision import TRIGGERS, Revision
from tagship.sandbox.ecs.rollout import Rollout
from tagship.sandbox.ecs.service import Service
from tagship.sandbox.ecs.task import Task
from tagship.sandbox.pace import now
from tagship.sandbox.world import World

NOT_SET = ("cluster", "service", "serviceName", "tags", "clientToken", "forceNewDeployment")
ID = 21  # letters and digits of a deployment's
STANDARD = {
    "desiredCount": 1,
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"},
    "resourceManagementType": "CUSTOMER",
}


def install(world: World) -> None:
    """Replace moto's operations by those that act on this world."""
    shared = _Shared(Processes(folder=world.folder, ports=world.ports))

    def make(place: AccountRegion) -> _Api:
        return _Api(world, Kept(place, Definitions(place)), shared)

    apart = Apart(make)
    world.switches["ecs"] = lambda asked: _switch(apart, shared, asked)
    tags.tell(EC2ContainerServiceBackend, "ecs:service", lambda place: apart.at(place).kept.tagged())
    Targets(lambda request: apart.of(request).kept, shared.clock, shared.runner).install()
    for name in apart.at(AccountRegion(world.region)).operations:
        put(name, apart, shared.lock)


@dataclass
class _Shared:
    """What the services of every account and region have in common."""

    runner: Processes
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=Clock)
    lock: threading.RLock = field(default_factory=threading.RLock)


def _switch(apart: Apart[_Api], shared: _Shared, asked: Mapping[str, Any]) -> None:
    """Set what tests can set, in every account and region."""
    for name, value in asked.items():
        match name:
            case "step":
                shared.clock.step = float(value)
            case "scripts":
                shared.runner.scripts |= {digest: Ending.read(ending) for digest, ending in value.items()}
            case "lines":
                shared.runner.lines |= value
            case "newer" | "newer_container":
                for api in apart.all():
                    setattr(api.kept.definitions, name, value)
            case "express":
                for api in apart.all():
                    api.manage(value)
            case _:
                setattr(shared.faults, name, type(getattr(shared.faults, name))(value))


@dataclass
class _Api:
    """The operations of ECS.

    Each takes a request's members, and returns the answer's.
    """

    world: World
    kept: Kept
    shared: _Shared
    _stale: dict[str, tuple[str, int]] = field(default_factory=dict)  # by service: what is shown, for how many reads

    @functools.cached_property
    def operations(self) -> Mapping[str, Act]:
        """Map the operations, by the names of moto's methods."""
        state, shared, definitions = self.kept, self.shared, self.kept.definitions
        acts: Sequence[Act] = (
            *Clusters(state).operations(),
            *Deployments(state, shared.clock, shared.faults).operations(),
            *Tasks(state, shared.clock, shared.runner, self._write_log).operations(),
            self.register_task_definition,
            definitions.describe_task_definition,
            definitions.deregister_task_definition,
            definitions.list_task_definitions,
            definitions.delete_task_definitions,
            self.create_service,
            self.update_service,
            self.delete_service,
            self.describe_services,
            self.list_services,
        )
        return {act.__name__: act for act in acts}

    def manage(self, names: Sequence[str]) -> None:
        """Have ECS manage the services of these names."""
        for service in self.kept.services():
            if service.name in names:
                service.settings["resourceManagementType"] = "ECS"

    # -- services ------------------------------------------------------------------------------------------------------

    def register_task_definition(self, given: Given) -> dict[str, Any]:
        self.shared.faults.throttle()
        return self.kept.definitions.register_task_definition(given)

    def create_service(self, given: Given) -> dict[str, Any]:
        cluster, name = self.kept.cluster(given), given["serviceName"]
        if name in cluster.services and cluster.services[name].status == "ACTIVE":
            raise invalid("Creation of service was not idempotent.")
        definition = self.kept.definitions.usable(given["taskDefinition"])
        settings = _merged(STANDARD, given) | {"taskDefinition": definition.arn}
        launch = functools.partial(self.kept.launch, name, on_end=self._write_log)
        service = Service(
            name, self.kept.arn("service", cluster.name, name), cluster.arn, settings, now(), launch, self.shared.runner
        )
        service.tags = {tag["key"]: tag["value"] for tag in given.get("tags", [])}
        cluster.services[name] = service
        self.world.fronts[service.arn] = functools.partial(self._open, service)
        self._deploy(service)
        return {"service": self._described(service)}

    def _write_log(self, task: Task) -> None:
        write_log(self.kept, task)

    def _open(self, service: Service, port: int) -> str:
        """Give a service an address on this machine; return it."""
        return listen(Front(functools.partial(self._port, service), self.shared.lock), port)

    def _port(self, service: Service, turn: int) -> int:
        if self.shared.clock.step:
            self.shared.clock.pass_for(service)
        ports = [port for task in service.serving(turn) if (port := task.port(self.shared.runner))]
        return ports[turn % len(ports)] if ports else 0

    def update_service(self, given: Given) -> dict[str, Any]:
        """Change a service; start a deployment if something asks for one."""
        self.shared.faults.throttle()
        service = self.kept.active(given)
        self.shared.clock.pass_for(service)
        changed = _merged(service.settings, given)
        if "taskDefinition" in given:
            changed["taskDefinition"] = self.kept.definitions.usable(given["taskDefinition"]).arn
        starts = given.get("forceNewDeployment") or any(
            changed.get(name) != service.settings.get(name) for name in TRIGGERS
        )
        service.settings = changed
        if starts:
            self._deploy(service)
        return {"service": self._described(service)}

    def delete_service(self, given: Given) -> dict[str, Any]:
        service = self.kept.active(given)
        if service.desired and not given.get("force"):
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        for task in service.tasks:
            task.ask_to_stop(now(), "Service was deleted.")
            task.settle(now(), self.shared.runner)
        service.status = "INACTIVE"
        return {"service": self._described(service)}

    def describe_services(self, given: Given) -> dict[str, Any]:
        cluster = self.kept.cluster(given)
        rows = [cluster.services[last(name)] for name in given["services"] if last(name) in cluster.services]
        missing = [name for name in given["services"] if last(name) not in cluster.services]
        self.shared.clock.pass_for(*rows)
        with_tags = "TAGS" in given.get("include", [])
        return {
            "services": [self._described(service, with_tags=with_tags, reads=1) for service in rows],
            "failures": [
                {"arn": self.kept.arn("service", cluster.name, name), "reason": "MISSING"} for name in missing
            ],
        }

    def list_services(self, given: Given) -> dict[str, Any]:
        rows = [row.arn for row in self.kept.cluster(given).services.values() if row.status == "ACTIVE"]
        arns, more = page(given, rows, 10)
        return {"serviceArns": arns, **more}

    # -- what they share -----------------------------------------------------------------------------------------------

    def _described(self, service: Service, *, with_tags: bool = False, reads: int = 0) -> dict[str, Any]:
        shown, left = self._stale.get(service.arn, ("", 0))
        self._stale[service.arn] = (shown, max(0, left - reads))
        return answers.service(service, shown if left else service.rollout.arn, with_tags=with_tags)

    def _deploy(self, service: Service) -> None:
        """Begin a deployment of what the service is set to."""
        at = now()
        target = self.kept.revision(service, service.settings, at)
        self._stale[service.arn] = (service.rollout.arn if service.rollouts else "", self.shared.faults.stale_reads)
        sources = [revision for revision in service.revisions.values() if service.of(revision)]
        service.revisions[target.arn] = target
        service.deploy(self._made(service, target, sources, at))
        self.shared.clock.begin(service, at)

    def _made(self, service: Service, target: Revision, sources: Sequence[Revision], at: datetime) -> Rollout:
        chosen = service.settings.get("deploymentConfiguration", {})
        id_ = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(ID))
        return Rollout(
            arn=self.kept.arn("service-deployment", last(service.cluster), service.name, id_),
            target=target,
            sources=sources,
            previous=service.completed,
            strategy=shifting.chosen(chosen, lambda minutes: self.world.pace.shortened(60 * minutes)),
            breaker=Breaker(_breaker(chosen), service.desired),
            alarms=Alarms(chosen.get("alarms", {}), self._firing),
            created=at,
        )

    def _firing(self, names: Sequence[str]) -> Sequence[str]:
        """Return which alarms are in ALARM, by CloudWatch of moto."""
        alarms = stock.backend("cloudwatch", self.kept.place.region, self.kept.place.account).alarms
        return [name for name in names if name in alarms and alarms[name].state_value == "ALARM"]


def _breaker(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the breaker's settings; it is for rolling updates only."""
    rolling = configuration.get("strategy", "ROLLING") == "ROLLING"
    return configuration.get("deploymentCircuitBreaker", {}) if rolling else {}


def _merged(settings: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """Set what a request has; the rest of a deploymentConfiguration stays."""
    changed = {name: value for name, value in given.items() if name not in NOT_SET}
    if "deploymentConfiguration" in changed:
        changed["deploymentConfiguration"] = {
            **settings.get("deploymentConfiguration", {}),
            **changed["deploymentConfiguration"],
        }
    return {**settings, **changed}
