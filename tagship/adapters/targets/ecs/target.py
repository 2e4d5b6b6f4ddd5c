"""Services of ECS: a unit is a service, and what its running tasks are is what it serves.

ECS itself goes on with a deployment if the process that started it dies: it is found again by the tags of the task
definition that it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tagship.adapters.aws.session import Aws
from tagship.adapters.targets import Context
from tagship.adapters.targets.ecs.around import Around
from tagship.adapters.targets.ecs.beginning import Begun, ServiceStart
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.carried import ImageArtifact
from tagship.adapters.targets.ecs.decisions import Decisions
from tagship.adapters.targets.ecs.evidence import Evidence
from tagship.adapters.targets.ecs.examining import ServiceExamination
from tagship.adapters.targets.ecs.following import ServiceFollowing
from tagship.adapters.targets.ecs.hook_task import HookTask, TaskCalls
from tagship.adapters.targets.ecs.leftovers import FamilyShelf
from tagship.adapters.targets.ecs.logs import ServiceLogs, entered
from tagship.adapters.targets.ecs.obstacles import ServiceObstacles
from tagship.adapters.targets.ecs.proof import Command, Proof
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.adapters.targets.ecs.search import Search
from tagship.domain import commands
from tagship.domain.change import Change
from tagship.domain.ecs.definition import Unregistrable
from tagship.domain.finding import Finding
from tagship.domain.hook import HookOutcome
from tagship.domain.logs import LogLine, TimeRange
from tagship.domain.manifest import Manifest
from tagship.domain.obstacle import Obstacle
from tagship.domain.pause import Pause
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit
from tagship.domain.version import ArtifactId
from tagship.errors import ArtifactMissing, NotAuthentic, Refused, ServiceFailed, Unheard
from tagship.ports.leftovers import Shelf
from tagship.ports.logs import Session
from tagship.ports.target import Tick
from tagship.settings.ecs import Ecs
from tagship.settings.hooks import HookTable

LOOKS = 2  # requests to a service's URL in one observation


@dataclass
class EcsTarget:
    """The services of an environment.

    After a start, `_begun` are those under way, and `_refused` has a report of each service that it left alone.
    """

    context: Context
    environment: str
    table: Ecs
    _begun: dict[str, Begun] = field(default_factory=dict)
    _refused: dict[str, Report] = field(default_factory=dict)

    # -- the services --------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> Rules:
        return self.table.rules

    def prepare(self) -> None:
        aws: Aws = self.context.aws
        aws.prepare("ecs")

    def units(self) -> Sequence[Unit]:
        """List the services of the settings, and whether each can be changed."""
        services = self._calls.services(list(self.table.services))
        return [self._unit(name, services.get(name)) for name in self.table.services]

    def _unit(self, name: str, service: ServiceFacts | None) -> Unit:
        problem = f"there is no service {name} in cluster {self.table.cluster}"
        if service:
            problem = "" if service.active else service.unfit
        return Unit(name, name, not problem, problem, noun="service")

    @property
    def _calls(self) -> EcsCalls:
        return EcsCalls(self.context.aws, self.table.cluster)

    def _proof(self, calls: EcsCalls) -> Proof:
        health = self.context.settings.environment(self.environment).health
        context = self.context
        command = Command(lambda: context.hook_runner, self.environment)
        return Proof(calls, context.web, health, self.table.services, context.clock.sleep, command)

    def shelves(self) -> Sequence[Shelf]:
        """Name the places of what deployments left: a family each."""
        services = self._calls.services(list(self.table.services)).values()
        families = dict.fromkeys(service.revision.partition(":")[0] for service in services)
        return [FamilyShelf(self.context.aws, self.table.cluster, family) for family in families if family]

    # -- before a change -----------------------------------------------------------------------------------------------

    def obstacles(
        self, action: str, manifest: Manifest, manifest_sha256: str, units: Sequence[Unit]
    ) -> Sequence[Obstacle]:
        """List what is in the way of bringing services to an artifact."""
        change = Change(
            action, manifest.app, self.environment, ArtifactId(manifest.artifact_id), manifest_sha256, "", 0
        )
        calls, around = self._calls, Around(self.context.aws)
        look = ServiceObstacles(calls, around, self._beginning(calls, change))
        services = calls.services([unit.id for unit in units])
        return list(look.every(manifest, services, self.context.registry, self.table.running))

    def examine(self) -> Iterator[Finding]:
        """Look at how each service is set up."""
        calls, around = self._calls, Around(self.context.aws)
        look = ServiceExamination(calls, around, self._proof(calls), self.table)
        for service in calls.services(list(self.table.services)).values():
            yield from look.of(service)

    def log(self, units: Sequence[Unit], window: TimeRange, tick: Tick) -> Iterator[LogLine]:
        return ServiceLogs(self.context.aws, self._calls).lines(units, window, tick)

    def enter(self, unit: Unit) -> Session:
        return entered(self.context.aws, self.table.cluster, unit.id)

    # -- asking --------------------------------------------------------------------------------------------------------

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        """Count each service's running tasks by digest, and ask its URL."""
        calls = self._calls
        services = calls.services([unit.id for unit in units])
        reports = []
        for unit in units:
            tick(f"asking {unit.name}")
            reports.append(self._observed(calls, unit.id, services.get(unit.id)))
        return reports

    def _observed(self, calls: EcsCalls, name: str, service: ServiceFacts | None) -> Report:
        if service is None:
            return Report(name, "silent", reason=f"there is no service {name} in cluster {self.table.cluster}")
        try:
            revision = calls.revision(service.definition)
            if not revision.artifact:
                return Report(name, "empty", reason=f"it runs {revision.name}, which tagship did not deploy")
            proof = self._proof(calls)
            why = proof.why_not_running(service, revision, whole=False)
            why = why or proof.why_not_answering(name, revision.artifact, LOOKS, 1)
        except Unregistrable as reason:
            return Report(name, "silent", reason=str(reason))
        except ServiceFailed as reason:
            return Report(name, "silent", reason=reason.what.rstrip("."))
        return Report(name, "failed" if why else "healthy", serving=revision.artifact, reason=why)

    # -- changing ------------------------------------------------------------------------------------------------------

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        """Have each service run the artifact's task definition.

        Raises Unheard if none is known to have begun, and an answer was lost.
        """
        self._begun, self._refused = {}, {}
        calls, problems = self._calls, list[ServiceFailed]()
        services = calls.services([unit.id for unit in units])
        beginning = self._beginning(calls, change)
        for name in (unit.id for unit in units):
            try:
                self._note(name, self._start(beginning, name, services.get(name)))
            except ServiceFailed as reason:
                problems.append(reason)
                self._refused[name] = Report(name, "silent", reason=reason.what.rstrip("."))
        if problems and not self._begun:
            raise next((problem for problem in problems if isinstance(problem, Unheard)), problems[0])
        return [begun.operation for begun in self._begun.values()]

    def _note(self, name: str, result: Begun | Report) -> None:
        if isinstance(result, Begun):
            self._begun[name] = result
        else:
            self._refused[name] = result

    def _start(self, beginning: ServiceStart, name: str, service: ServiceFacts | None) -> Begun | Report:
        """Start it on one service, or say why not."""
        if service is None or service.unfit:
            return Report(name, "failed", reason=service.unfit if service else self._unit(name, None).problem)
        try:
            return beginning.begin(service)
        except Unregistrable as reason:
            return Report(name, "failed", reason=str(reason))
        except (ArtifactMissing, NotAuthentic) as reason:
            return Report(name, "refused", reason=reason.what.rstrip("."))

    def _beginning(self, calls: EcsCalls, change: Change) -> ServiceStart:
        settings = self.context.settings
        own = settings.environment(self.environment)
        artifact = ImageArtifact(self.context.store, change, settings.images_in, own.known_outputs)
        return ServiceStart(calls, change, self.table, artifact, own.image.repository)

    def finish(
        self,
        operations: Sequence[Operation],  # noqa: ARG002 (the tags of task definitions have them)
        change: Change,
        units: Sequence[Unit],
        tick: Tick,
    ) -> Sequence[Report]:
        """Follow each service's own deployment, and count its tasks."""
        names = [unit.id for unit in units]
        refused = {name: report for name, report in self._refused.items() if name in names}
        begun = {name: begun for name, begun in self._begun.items() if name in names and name not in refused}
        self._begun, calls = {}, self._calls
        search = Search(calls, change.deployment_id)
        missing = [name for name in names if name not in begun and name not in refused]
        begun |= search.of(change, missing)
        lost = [name for name in missing if name not in begun]
        reports = {**refused, **{name: search.overtaken(change, name) for name in lost}}
        reports |= self._following(calls, change, tick).followed(begun)
        return [reports[name] for name in names]

    def _following(self, calls: EcsCalls, change: Change, tick: Tick) -> ServiceFollowing:
        health, clock = self.context.settings.environment(self.environment).health, self.context.clock
        attempts = health.attempts if change.action == "deploy" else health.attempts_after_rollback
        following = ServiceFollowing(
            change,
            calls,
            self._proof(calls),
            Evidence(calls, Around(self.context.aws)),
            self.table.timeout,
            attempts,
            health.attempts_after_rollback,
            health.passes,
            clock.now,
            clock.sleep,
            tick,
        )
        following.proof = replace(following.proof, wait=following.wait)
        return following

    # -- what was started ----------------------------------------------------------------------------------------------

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        """Find a deployment's records on task definitions."""
        search = Search(self._calls, deployment_id)
        return [operation for name in self.table.services for operation in search.operations(name, since)]

    def cancel(self, operations: Sequence[Operation]) -> None:
        """Have ECS go back where a deployment is still under way."""
        for operation in operations:
            Decisions(self._calls, operation.id.partition("/")[0]).end(operation)

    def stop(self, operations: Sequence[Operation]) -> None:
        """Have ECS go back; `finish` follows it to its end."""
        self.cancel(operations)

    def pauses(self, deployment_id: str) -> Sequence[Pause]:
        """List the hooks at which its service deployments wait."""
        return Decisions(self._calls, deployment_id).pauses(list(self.table.services))

    def go_on(self, pause: Pause) -> None:
        """Tell ECS to continue, from that very hook."""
        if not self._calls.decide(pause.operation, pause.id, "CONTINUE"):
            raise Refused(
                f"{pause.unit} no longer waits there.", remedy=f"See what runs: {commands.status(self.environment)}"
            )

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def run_task(
        self, change: Change, hook: HookTable, variables: Mapping[str, str | None], name: str, tick: Tick
    ) -> HookOutcome:
        """Run a hook's command in a task of the artifact's own image."""
        calls, clock = self._calls, self.context.clock
        beginning = self._beginning(calls, change)
        running = HookTask(TaskCalls(calls), Around(self.context.aws), beginning, clock.now, clock.sleep)
        return running.run(hook, variables, name, tick)

    # -- what comes up by itself ---------------------------------------------------------------------------------------

    def committed(self, change: Change) -> None:
        """Do nothing: the service decides what its new tasks run."""

    def uncommitted(self, artifact_id: str) -> str:  # noqa: ARG002 (a service has no pointer beside it)
        return ""

    def files(self) -> Mapping[str, bytes]:
        """Write the variables, which are taken from each artifact's own bundle."""
        settings = self.context.settings
        return self.table.files(self.environment, settings.environment(self.environment), settings.aws.region)

    def required(self) -> Sequence[str]:
        return ()


def connect(context: Context, environment: str) -> EcsTarget:
    """Connect to the services of one environment of the settings."""
    table = context.settings.environment(environment).runs_on(Ecs)
    if table is None:
        raise TypeError(f"{environment} has no ecs table: the settings refuse that")
    return EcsTarget(context, environment, table)
