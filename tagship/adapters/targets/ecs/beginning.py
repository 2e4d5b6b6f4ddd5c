"""The start of a change of one service: its fencing number, a task definition, and one UpdateService.

The task definition is made from its family's newest, so that what infrastructure registered meanwhile is taken along.
A rollback goes to the very revision that ran before. What accepts the fencing number is a tag on the revision: there is
no condition in UpdateService, so docs/adr says what a slow process could still do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagship.adapters.targets.ecs.calls import EcsCalls
from tagship.adapters.targets.ecs.carried import ImageArtifact
from tagship.adapters.targets.ecs.configuring import corrected
from tagship.adapters.targets.ecs.reading import ServiceFacts
from tagship.domain.change import Change
from tagship.domain.deployment import begun
from tagship.domain.ecs.definition import TaskRevision, containers, wanted
from tagship.domain.ecs.record import RevisionRecord, carried_over, tags_of
from tagship.domain.units import Operation, Report
from tagship.settings.ecs import Ecs, ServiceTable

LOOKED_AT = 20  # revisions of a family that a rollback is looked for in
SKEW = timedelta(minutes=1)
LONG = timedelta(days=1)


@dataclass(frozen=True)
class Begun:
    """A service under a change: its revision and its PRIMARY.

    `started` is false if it ran that already. `since` is a time before its deployment was made.
    """

    service: str
    revision: TaskRevision
    record: RevisionRecord
    primary: str
    since: datetime
    started: bool = True
    arn: str = ""  # of the service deployment, once it is known

    @property
    def operation(self) -> Operation:
        action, artifact = self.record.action, self.revision.artifact
        id_ = f"{self.record.deployment}/{action}/{artifact}/{self.service}"
        words = f"{action} of {self.service} to {artifact}, {self.primary or self.arn.rpartition('/')[2]}"
        return Operation(id_, words, action, artifact, (self.service,))


@dataclass(frozen=True)
class ServiceStart:
    """Starts a change; `repository` is the one of the environment's image."""

    calls: EcsCalls
    change: Change
    table: Ecs
    artifact: ImageArtifact
    repository: str

    def begin(self, service: ServiceFacts) -> Begun | Report:
        """Have the service run the artifact, or say why not. Raises Unregistrable."""
        now = self.calls.revision(service.definition)
        newest = self.calls.revision(now.family)
        fences = [revision.record.fence for revision in (now, newest) if revision.record]
        if self.change.fence < max(fences, default=0):
            return self._held(service, now, max(fences))
        if now.label == self.artifact.label:
            return self._adopted(service, now)
        revision, record = self._made(service.name, now, newest)
        configuration = corrected(service.configuration, self.table)
        primary, since = self.calls.update(service.name, revision.arn, configuration)
        return Begun(service.name, revision, record, primary, since, started=primary != service.primary)

    def _held(self, service: ServiceFacts, now: TaskRevision, accepted: int) -> Report:
        reason = f"it accepted fencing number {accepted}, and this change has {self.change.fence}"
        return Report(service.name, "held", self.change.artifact_id, now.artifact, now.artifact, reason)

    def _adopted(self, service: ServiceFacts, now: TaskRevision) -> Begun:
        """Take over the revision that it runs, or goes to.

        What ran before is known if this very change began it: an answer may have been lost.
        """
        record = RevisionRecord.of(self.change, now.artifact, now.name)
        if now.record and (not service.completed or now.record.belongs_to(self.change)):
            record = RevisionRecord.of(self.change, now.record.previous, now.record.previous_revision)
        revision = self._tagged(now, record)
        since = begun(self.change.deployment_id) - LONG
        return Begun(service.name, revision, record, service.primary, since, started=not service.completed)

    def _made(self, service: str, now: TaskRevision, newest: TaskRevision) -> tuple[TaskRevision, RevisionRecord]:
        """Take a revision that is there, or register one."""
        record = RevisionRecord.of(self.change, now.artifact, now.name)
        before = self.before(now) if self.change.backward or self.change.action == "rollback" else None
        if before:
            return self._tagged(before, record), record
        definition = wanted(
            newest.definition, self.images(self.table.services[service], newest), self.artifact.variables
        )
        if definition == newest.definition:
            return self._tagged(newest, record), record
        tags = {**carried_over(newest.tags), **tags_of(self.artifact.label, record)}
        return self.calls.register(definition, tags), record

    def images(self, table: ServiceTable, newest: TaskRevision) -> dict[str, str]:
        """Choose each container's image, by digest. Raises Unregistrable."""
        own = containers(newest.definition, table.containers, self.repository) if table.runs_own else []
        named = containers(newest.definition, tuple(table.images), "") if table.images else []
        return {
            **{container: self.artifact.image().by_digest for container in own},
            **{container: self.artifact.image(table.images[container]).by_digest for container in named},
        }

    def before(self, now: TaskRevision) -> TaskRevision | None:
        """Find the active revision of the artifact; None if there is none."""
        label, record = self.artifact.label, now.record
        if record and record.previous == self.change.artifact_id:
            revision = self.calls.revision(record.previous_revision)
            if revision.active and revision.label == label:
                return revision
        revisions = self.calls.revisions_of(now.family, LOOKED_AT)
        return next((revision for revision in revisions if revision.label == label), None)

    def _tagged(self, revision: TaskRevision, record: RevisionRecord) -> TaskRevision:
        """Write this change on a revision that is there."""
        tags = tags_of(self.artifact.label, record)
        self.calls.tag(revision.arn, tags)
        return replace(revision, tags={**revision.tags, **tags})
