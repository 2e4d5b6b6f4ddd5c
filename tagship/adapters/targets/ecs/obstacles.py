"""What would make a change of services fail, and can be known before: nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tagship.adapters.targets.ecs.around import Around
from tagship.adapters.targets.ecs.beginning import LOOKED_AT, ServiceStart
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.configuring import corrected
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain import aws_commands, commands
from tagship.domain.change import Change
from tagship.domain.ecs.definition import TaskRevision, Unregistrable
from tagship.domain.ecs.strategy import SHIFTING
from tagship.domain.image import rebuilt_for
from tagship.domain.manifest import ImageRef, Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.text import counted, either, listed
from tagship.errors import ArtifactMissing, ServiceFailed
from tagship.ports.images import Registry
from tagship.settings.ecs import Monitors


def architecture(definition: Mapping[str, Any]) -> str:
    """Name the processors of a task definition as images name them."""
    chosen = str(definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64"))
    return {"X86_64": "amd64", "ARM64": "arm64"}.get(chosen, chosen.lower())


def watched_by(service: ServiceFacts, monitors: Monitors) -> list[str]:
    """Name the alarms that watch a deployment of a service."""
    own = service.configuration.get("alarms", {})
    return list(dict.fromkeys([*monitors.alarms, *(own.get("alarmNames", ()) if own.get("enable") else ())]))


@dataclass(frozen=True)
class ServiceObstacles:
    """Looks for what is in the way of a change of services."""

    calls: EcsCalls
    around: Around
    beginning: ServiceStart

    @property
    def monitors(self) -> Monitors:
        return self.beginning.table.monitors

    @property
    def change(self) -> Change:
        return self.beginning.change

    def every(
        self,
        manifest: Manifest,
        services: Mapping[str, ServiceFacts],
        registry: Registry,
        running: Callable[[str], Iterable[str]],
    ) -> Iterator[Obstacle]:
        """List what is in the way on services, and of images.

        `running` names the services that run an image.
        """
        for service in services.values():
            yield from self.of(service)
        for name, image in manifest.every_image.items():
            runners = [services[service] for service in running(name) if service in services]
            yield from self.of_image(registry, image, runners)

    def of(self, service: ServiceFacts) -> Iterator[Obstacle]:
        """List what is in the way on one service."""
        if service.unfit:
            yield Obstacle(
                f"{service.name} can't be changed: {service.unfit}",
                f"Take it out of [environments.{self.change.environment}.ecs.services], or make it a service of the "
                "controller ECS",
            )
            return
        yield from self._alarms(service)
        configuration = corrected(service.configuration, self.beginning.table) or service.configuration
        strategy = configuration.get("strategy", "")
        if strategy in SHIFTING:
            yield from self._listeners(service)
            yield from self._nowhere_to_shift(service, strategy)
        if self.change.action == "rollback":
            yield from self._gone(service)

    def _alarms(self, service: ServiceFacts) -> Iterator[Obstacle]:
        """Find alarms in ALARM: ECS doesn't watch those in a deployment.

        A rollback may be what ends them, and is only warned.
        """
        watched = self.around.alarms(watched_by(service, self.monitors))
        for name, alarm in watched.items():
            if alarm.now:
                why = f" ({alarm.reason.rstrip('.')})" if alarm.reason else ""
                yield Obstacle(
                    f"the alarm {name} of {service.name} is in ALARM already{why}: ECS would not watch it in this "
                    "deployment",
                    self._past_an_alarm(name),
                    warns=self.change.action == "rollback" or self.monitors.firing == "warn",
                )

    def _past_an_alarm(self, name: str) -> str:
        return either(
            f"See why: {aws_commands.alarms([name], self.calls.aws.where)}",
            f"Go back: {commands.rollback(environment=self.change.environment)}",
            'Or deploy unwatched: set monitors = { firing = "warn" } in tagship.toml',
        )

    def _listeners(self, service: ServiceFacts) -> Iterator[Obstacle]:
        """Find traffic that goes to a target group without a healthy target.

        ECS begins to shift from where the listener points, whatever that is.
        """
        for rule in service.listeners:
            for group, weight in self.around.weights(rule).items():
                targets = self.around.targets(group) if weight else []
                if weight and not any(target.state == "healthy" for target in targets):
                    name = group.rpartition("targetgroup/")[2].partition("/")[0]
                    see = aws_commands.target_health(group, self.calls.aws.where)
                    yield Obstacle(
                        f"the production listener of {service.name} sends {weight} of its traffic's weight to target "
                        f"group {name}, which has {counted(len(targets), 'target')} and no healthy one",
                        f"Have the listener point at the group that serves; see it: {see}",
                    )

    def _nowhere_to_shift(self, service: ServiceFacts, strategy: str) -> Iterator[Obstacle]:
        """Find a load balancer that has one target group: traffic can't shift."""
        if service.groups and not service.listeners:
            yield Obstacle(
                f"{service.name} is to be deployed {strategy}, and its load balancer has no alternate target group to "
                "shift traffic to",
                "Have infrastructure give the service one (advancedConfiguration), or set strategy = "
                '{ kind = "rolling" } in tagship.toml',
            )

    def of_image(
        self, registry: Registry, image: ImageRef | None, services: Iterable[ServiceFacts]
    ) -> Iterator[Obstacle]:
        """List what is in the way of tasks that run an image."""
        if image is None:
            return
        change, status = self.change, registry.status(image)
        if why := status.why_not_pullable:
            yield Obstacle(
                f"no task can pull {image.by_digest}, which {change.artifact_id} runs: {why}",
                status.ways_on(change.environment),
                artifact=True,
            )
        elif change.action != "rollback":
            for service in services:
                yield from self._built_for_another(service, registry, image)

    def _built_for_another(self, service: ServiceFacts, registry: Registry, image: ImageRef) -> Iterator[Obstacle]:
        """Find an image that the service's processors can't run.

        It is not known of a registry that this identity may not read.
        """
        try:
            now = self.calls.revision(service.definition)
            wanted = architecture(self.calls.revision(now.family).definition)
            platforms = registry.platforms(image)
        except (ServiceFailed, ArtifactMissing, Unregistrable):
            return
        names = [name for name in platforms if name.startswith("linux/")]
        if names and f"linux/{wanted}" not in {"/".join(name.split("/")[:2]) for name in names}:
            yield Obstacle(
                f"{service.name} runs on {wanted}, and the image of {self.change.artifact_id} is built for "
                f"{listed(names)}",
                either(
                    rebuilt_for(f"linux/{wanted}"),
                    "Or set runtimePlatform in the task definition, where infrastructure makes it, and run it again",
                ),
                artifact=True,
            )

    def _gone(self, service: ServiceFacts) -> Iterator[Obstacle]:
        """Find a revision of the artifact that was deregistered."""
        try:
            now = self.calls.revision(service.definition)
            if now.label == self.beginning.artifact.label or self.beginning.before(now):
                return
            deregistered = self._inactive(now)
        except Unregistrable:  # the start says it, of each service
            return
        if deregistered:
            change = self.change
            again = commands.deploy(change.artifact_id, change.environment, allow_older=True)
            yield Obstacle(
                f"{deregistered.name}, the revision of {change.artifact_id} on {service.name}, is INACTIVE "
                "(deregistered)",
                either(
                    f"Choose another version: {commands.history(change.environment)}",
                    f"Or register it again, from the newest revision of {deregistered.family}: {again}",
                ),
            )

    def _inactive(self, now: TaskRevision) -> TaskRevision | None:
        revisions = self.calls.revisions_of(now.family, LOOKED_AT, "INACTIVE")
        return next((revision for revision in revisions if revision.label == self.beginning.artifact.label), None)
