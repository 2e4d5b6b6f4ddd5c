"""Follows services to the end of a change: two calls a tick for all of them, and a report of each.

ECS's word that a deployment succeeded is not enough: the tasks are counted. If ECS has gone back by itself, that is
followed too. If it stopped and restored nothing, or the version does not answer, the revision before is put back here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from tagship.adapters.targets.ecs.beginning import Begun
from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.evidence import Evidence
from tagship.adapters.targets.ecs.proof import Proof
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.adapters.targets.looks import Growing, pause, until_ended
from tagship.domain import commands
from tagship.domain.change import Change
from tagship.domain.ecs.definition import TaskRevision
from tagship.domain.ecs.service_deployment import STOPPABLE, SUCCESSFUL, ServiceDeployment, ours
from tagship.domain.units import Report, superseded
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick

FIRST_LOOK, LAST_LOOK = 0.5, 3.0  # seconds between two looks
APPEARS = timedelta(seconds=60)  # within which a service deployment has to be listed


@dataclass
class Way:
    """How far a service is, on its way there or `back`."""

    begun: Begun
    until: datetime
    appears: datetime
    back: TaskRevision | None = None  # the revision before, once it is put back
    reason: str = ""  # why it goes back
    evidence: str = ""
    unwell: str = ""  # how its targets are, if one is not healthy
    targets: str = ""  # the same, when one last was not
    stopped: bool = False
    words: str = "begins"
    waits: int = 0  # seconds that its strategy waits by itself

    @property
    def name(self) -> str:
        return self.begun.service

    def allow(self, seconds: int) -> None:
        """Give it the time that its strategy waits by itself, once."""
        if seconds and not self.waits:
            self.waits, self.until = seconds, self.until + timedelta(seconds=seconds)

    def report(self, outcome: str, serves: str, reason: str = "") -> Report:
        """Report on it."""
        artifact, previous = self.begun.revision.artifact, self.begun.record.previous
        why = "; ".join(filter(None, (self.reason, reason)))
        unseen = outcome == "rollback-failed" and not serves
        return Report(self.name, outcome, artifact, serves, previous, why, self.evidence, unseen=unseen)


@dataclass
class ServiceFollowing:
    """Follows the services of one change; `now` and `sleep` are the clock's."""

    change: Change
    calls: EcsCalls
    proof: Proof
    evidence: Evidence
    timeout: int
    attempts: int
    attempts_back: int  # after going back
    passes: int
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    tick: Tick
    _ways: Mapping[str, Way] = field(default_factory=dict)  # those that go on

    def followed(self, begun: Mapping[str, Begun]) -> dict[str, Report]:
        """Follow them all; return each service's report."""
        now = self.now()
        until = now + timedelta(seconds=self.timeout)
        ways = {name: Way(service, until, now + APPEARS) for name, service in begun.items()}
        waits = Growing(FIRST_LOOK, LAST_LOOK)
        if any(service.started for service in begun.values()):  # no task can have started by now
            self._rest(ways, waits.take())
        return until_ended(ways, self._looked, lambda ways: self._rest(ways, waits.take()))

    def _rest(self, ways: Mapping[str, Way], seconds: float) -> None:
        self._ways = ways
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait, and say how far it is. Raises what a tick raises."""
        words = "; ".join(f"{name}: {way.words}" for name, way in self._ways.items())
        pause(seconds, self.sleep, lambda: self.tick(words))

    def _looked(self, ways: Mapping[str, Way]) -> dict[str, Report]:
        """Look once; return the reports of services that ended."""
        self._ways = ways
        services = self.calls.services(list(self._ways))
        self._join()
        deployments = self.calls.described([way.begun.arn for way in self._ways.values() if way.begun.arn])
        reports: dict[str, Report] = {}
        for name, way in self._ways.items():
            self.tick(f"{name}: {way.words}")
            report = self._ended(way, services.get(name), deployments.get(way.begun.arn))
            if report:
                reports[name] = report
        return reports

    def _join(self) -> None:
        """Find each service's own deployment, by its digits."""
        for way in self._ways.values():
            begun = way.begun
            if begun.started and not begun.arn and begun.primary:
                deployment = ours(begun.primary, self.calls.deployments(begun.service, begun.since))
                way.begun = replace(begun, arn=deployment.arn if deployment else "")

    # -- what one look shows -------------------------------------------------------------------------------------------

    def _ended(self, way: Way, service: ServiceFacts | None, deployment: ServiceDeployment | None) -> Report | None:
        """Judge a service; None while its change goes on."""
        if service is None:
            return way.report("silent", "", "the service is gone")
        return self._overtaken(way, service) or self._judged(way, service, deployment)

    def _judged(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment | None) -> Report | None:
        """Judge by its service deployment."""
        if way.begun.started and deployment is None:
            return self._unlisted(way)
        if deployment and deployment.under_way:
            way.allow(60 * deployment.waits)
            self._watch(way, service, deployment)
            return self._under_way(way, service, deployment)
        if deployment and deployment.status != SUCCESSFUL:
            return self._failed(way, service, deployment)
        if way.back:
            return self._returned(way, service, way.back)
        return self._arrived(way, service, deployment)

    def _unlisted(self, way: Way) -> Report | None:
        way.words = "its service deployment is not listed yet"
        if self.now() < way.appears:
            return None
        return way.report("silent", "", f"ECS lists no service deployment of {way.begun.primary}")

    def _watch(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment) -> None:
        """See how its targets are: ECS takes one that failed away."""
        if deployment.running and service.groups:
            with suppress(ServiceFailed):  # the evidence asks again, and says why it can't
                way.unwell = self.evidence.unhealthy(service)
        way.targets = way.unwell or way.targets

    def _under_way(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment) -> Report | None:
        """Wait on; have ECS go back once the time is up."""
        way.words = "; ".join(filter(None, (deployment.progress, way.unwell.partition("\n")[0])))
        if deployment.pauses:
            environment = self.change.environment
            back, on = commands.rollback(environment=environment), commands.continue_(environment)
            way.words = f"{deployment.progress}. To go back: {back}. To go on: {on}"
            way.until = self.now() + timedelta(seconds=self.timeout + way.waits)
        if self.now() < way.until:
            return None
        if not way.stopped and deployment.status in STOPPABLE:
            way.stopped, way.until = True, self.now() + timedelta(seconds=self.timeout)
            way.reason = f"{deployment.progress} after {self.timeout + way.waits} s"
            way.evidence = self._gathered(way, service, deployment)
            self.calls.stop(deployment.arn)
            return None
        return way.report("silent", "", f"its service deployment is still {deployment.status}")

    def _arrived(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment | None) -> Report | None:
        """Count its tasks, and ask it."""
        begun = way.begun
        artifact = begun.revision.artifact
        if why := self.proof.why_not_running(service, begun.revision):
            way.words = f"{deployment.progress}; {why}" if deployment and deployment.early else why
            return None if self.now() < way.until else self._put_back(way, service, why)
        say = partial(setattr, way, "words")
        if why := self.proof.why_not_answering(begun.service, artifact, self.attempts, self.passes, say):
            way.evidence = self.proof.answers(begun.service, why) + self._gathered(way, service, deployment)
            return self._put_back(way, service, why)
        return way.report("unchanged" if begun.record.previous == artifact else "healthy", artifact)

    def _failed(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment) -> Report | None:
        """Follow ECS on its way back; go back if it restored nothing."""
        if not way.evidence:
            way.reason = "; ".join(filter(None, (way.reason, deployment.why)))
            way.evidence = self._gathered(way, service, deployment) or deployment.why
        if way.back:
            return self._not_back(way, service, f"putting back: {deployment.why}")
        service = self.calls.services([way.name]).get(way.name, service)  # it was read before its deployment ended
        if report := self._overtaken(way, service):
            return report
        if service.revision != way.begun.record.previous_revision:
            return self._put_back(way, service, "")
        way.back = self.calls.revision(way.begun.record.previous_revision)
        way.until = self.now() + timedelta(seconds=self.timeout)
        return self._returned(way, service, way.back)

    # -- and back ------------------------------------------------------------------------------------------------------

    def _put_back(self, way: Way, service: ServiceFacts, reason: str) -> Report | None:
        """Have the service run the revision before."""
        begun, before = way.begun, way.begun.record.previous_revision
        way.reason = "; ".join(filter(None, (way.reason, reason)))
        way.evidence = way.evidence or self._gathered(way, service, None)
        if before == begun.revision.name:
            return way.report("failed", begun.record.previous)
        try:
            way.back = self.calls.revision(before)
            primary, since = self.calls.update(begun.service, before, {})
        except ServiceFailed as problem:
            return self._not_back(way, service, problem.what.rstrip("."))
        started = primary != service.primary
        way.begun = replace(begun, primary=primary, since=since, arn="", started=started)
        way.until, way.appears, way.waits = self.now() + timedelta(seconds=self.timeout), self.now() + APPEARS, 0
        way.words = f"going back to {before}"
        return None

    def _returned(self, way: Way, service: ServiceFacts, before: TaskRevision) -> Report | None:
        """Count the tasks of the version before."""
        why = self.proof.why_not_running(service, before)
        way.words = f"going back to {before.name}: {why}"
        if not why:
            return self._answers_again(way, before.artifact)
        return None if self.now() < way.until else self._not_back(way, service, f"after going back, {why}")

    def _answers_again(self, way: Way, artifact: str) -> Report:
        """Ask the version that it went back to.

        How something answers that tagship did not deploy, nobody knows.
        """

        def say(words: str) -> None:
            way.words = f"after going back, {words}"

        why = self.proof.why_not_answering(way.name, artifact, self.attempts_back, 1, say) if artifact else ""
        if why:
            return way.report("rollback-failed", artifact, f"after going back, {why}")
        return way.report("rolled-back", way.begun.record.previous)

    def _not_back(self, way: Way, service: ServiceFacts, reason: str) -> Report:
        """Report that it could not be put back.

        It serves what all its tasks run, if they agree.
        """
        begun, serves = way.begun, ""
        with suppress(ServiceFailed):
            if not self.proof.why_not_running(service, begun.revision, whole=False):
                serves = begun.revision.artifact
        return way.report("rollback-failed", serves, reason)

    def _overtaken(self, way: Way, service: ServiceFacts) -> Report | None:
        """Report that somebody else's change runs by now."""
        begun = way.begun
        if service.revision == begun.revision.name and not way.back:
            return None
        now = self.calls.revision(service.definition)
        record = now.record
        later = record and record.fence > self.change.fence
        if service.revision in {begun.revision.name, begun.record.previous_revision} and not later:
            return None
        who = f"deployment {record.deployment} changed it" if record else f"somebody else had it run {now.name}"
        return superseded(begun.service, begun.revision.artifact, now.artifact, who)

    def _gathered(self, way: Way, service: ServiceFacts, deployment: ServiceDeployment | None) -> str:
        return self.evidence.gathered(service, way.begun.revision, deployment, way.targets)
