"""What `doctor` looks at of services: monitors, alarms, what a scaled-out task would run, and what runs now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tagship.adapters.targets.ecs.around import Around
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.configuring import corrected
from tagship.adapters.targets.ecs.obstacles import watched_by
from tagship.adapters.targets.ecs.proof import Proof
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain import aws_commands, commands
from tagship.domain.ecs.definition import TaskRevision, Unregistrable
from tagship.domain.finding import Finding, failing, ok, warning
from tagship.domain.text import listed
from tagship.settings.ecs import Ecs

BREAKER = "Set monitors = { failures = 2 } in [environments.<name>.ecs] of tagship.toml"


@dataclass(frozen=True)
class ServiceExamination:
    """Examines services; each finding is about one of them."""

    calls: EcsCalls
    around: Around
    proof: Proof
    table: Ecs

    def of(self, service: ServiceFacts) -> Iterator[Finding]:
        if service.unfit:
            yield failing(service.name, f"can't be changed: {service.unfit}", "Take it out of tagship.toml")
            return
        yield self._strategy(service)
        yield from self._alarms(service)
        yield from self._definition(service)

    def _strategy(self, service: ServiceFacts) -> Finding:
        """Say how a deployment goes, and what ends a bad one."""
        configuration = {**service.configuration, **corrected(service.configuration, self.table)}
        strategy = configuration.get("strategy", "ROLLING")
        breaker = configuration.get("deploymentCircuitBreaker", {})
        if strategy != "ROLLING":
            return ok(service.name, f"{strategy}; bakes for {configuration.get('bakeTimeInMinutes', 0)} min")
        if not breaker.get("enable"):
            words = "its circuit breaker is off: a version whose tasks fail is tried until `timeout`"
            return warning(service.name, words, BREAKER)
        if not breaker.get("rollback"):
            return warning(service.name, "its circuit breaker stops a version and restores nothing", BREAKER)
        return ok(
            service.name, f"ROLLING; the circuit breaker goes back at {_threshold(breaker)}{_early(configuration)}"
        )

    def _alarms(self, service: ServiceFacts) -> Iterator[Finding]:
        names = watched_by(service, self.table.monitors)
        alarms = self.around.alarms(names)
        missing, firing = [name for name in names if name not in alarms], [name for name in alarms if alarms[name].now]
        if missing:
            words = f"CloudWatch has no alarm {listed(missing)}: nothing watches a deployment by it"
            yield failing(service.name, words, "Create it, or take it out of tagship.toml")
        if firing:
            words = f"the alarm {listed(firing)} is in ALARM: a deployment is refused until it is OK"
            yield warning(service.name, words, aws_commands.alarms(firing, self.calls.aws.where))

    def _definition(self, service: ServiceFacts) -> Iterator[Finding]:
        """Look at the revision that it runs, and at its tasks."""
        try:
            revision = self.calls.revision(service.definition)
        except Unregistrable as reason:
            yield failing(service.name, str(reason), "Upgrade boto3")
            return
        if revision.family not in self.table.stack_families:
            words = f"its task definitions are of the family {revision.family}, which no job of CI may register"
            yield failing(service.name, words, f"Add it to ecs.families in tagship.toml, then: {commands.setup()}")
        loose = [row["name"] for row in revision.definition.get("containerDefinitions", ()) if _inconsistent(row)]
        if loose:
            words = f"versionConsistency of {listed(loose)} is disabled: a task that starts later may run other bytes"
            yield warning(
                service.name, words, "Set it to enabled in the task definition, where infrastructure makes it"
            )
        yield from self._unasked(service, revision)
        yield self._running(service, revision)

    def _unasked(self, service: ServiceFacts, revision: TaskRevision) -> Iterator[Finding]:
        """Say it if nobody asks a new version whether it works."""
        containers = revision.definition.get("containerDefinitions", ())
        checked = any(row.get("healthCheck") for row in containers)
        if not (self.table.services[service.name].health or service.groups or checked):
            words = "no health check: a version that answers errors is healthy, as long as its tasks run"
            yield warning(service.name, words, f"Set ecs.services.{service.name}.health in tagship.toml")

    def _running(self, service: ServiceFacts, revision: TaskRevision) -> Finding:
        if not revision.artifact:
            return ok(service.name, f"runs {revision.name}, which tagship did not deploy")
        why = self.proof.why_not_running(service, revision, whole=False)
        if why:
            return warning(service.name, f"{revision.name} is not all that runs: {why}", commands.status())
        return ok(service.name, f"every task runs {revision.artifact} by its digest")


def _threshold(breaker: Mapping[str, Any]) -> str:
    chosen = breaker.get("thresholdConfiguration", {"type": "BOUNDED_PERCENT", "value": 50})
    return (
        f"{chosen['value']} failures" if chosen["type"] == "COUNT" else f"{chosen['value']}% of its tasks, 3 at least"
    )


def _early(configuration: Mapping[str, Any]) -> str:
    early = configuration.get("earlySuccessCriteria", {})
    if not early.get("enable"):
        return ""
    return f"; it succeeds at {early.get('healthyPercent')}% of its tasks, and nothing watches the others"


def _inconsistent(container: Mapping[str, Any]) -> bool:
    """Tell whether a container's tag may lead to other bytes."""
    return container.get("versionConsistency") == "disabled" and "@" not in container.get("image", "")
