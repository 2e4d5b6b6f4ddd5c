"""The start of a change of one group: its fencing number, a version of its template, and one instance refresh.

Each step is in the group's record before it is taken, so that another process can go on from there. The version is made
from the template's newest, so that what infrastructure changed meanwhile is taken along; a rollback goes to the very
version that ran before. The group itself is never updated: what it has is where a refresh goes back to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from tagship.adapters.targets.asg.calls import AsgCalls, Busy, TemplateVersion
from tagship.adapters.targets.asg.records import GroupRecords, LaterChange
from tagship.domain.asg.group import GroupFacts
from tagship.domain.asg.record import GroupRecord, VersionLabel
from tagship.domain.asg.refresh import Preferences
from tagship.domain.change import Change
from tagship.domain.units import Operation, Report
from tagship.ports.target import Script


@dataclass(frozen=True)
class GroupStart:
    """Starts a change; `script` renders what an instance boots.

    `spoiled` asks the instances whether somebody edited files by hand, or one came up without its version: then the
    version that they were launched from is no reason to leave them. `launchable` asks EC2 for a version's AMI.
    """

    calls: AsgCalls
    records: GroupRecords
    change: Change
    preferences: Preferences
    script: Callable[[], Script]
    spoiled: Callable[[], bool]
    launchable: Callable[[TemplateVersion], bool]

    def begin(self, group: GroupFacts) -> GroupRecord | Report:
        """Have the group run the artifact, or say why not."""
        before = self.records.read(group.name)
        now = self.calls.version(group.template, group.version)
        try:
            if before and before.belongs_to(self.change):
                return self._begun(group, before)
            record = GroupRecord.of(self.change, group.name, _artifact(now), group.version)
            return self._accepted(group, record, now)
        except LaterChange as later:
            return self._held(group, now, later.record)

    def _accepted(self, group: GroupFacts, record: GroupRecord, now: TemplateVersion | None) -> GroupRecord | Report:
        """Accept the fencing number, unless something is in the way."""
        why = self._in_the_way(group)
        if why or self.calls.under_way(group.name):
            held = "another instance refresh of it is under way"
            outcome = "failed" if why else "held"
            return Report(group.name, outcome, record.artifact, record.previous, record.previous, why or held)
        self.records.write(record)
        same = record.label.same(now.label if now else None) and not group.others(group.version)
        if same and not self.spoiled():
            return self.records.write(replace(record, version=group.version))
        return self._begun(group, record, anew=same)

    def _in_the_way(self, group: GroupFacts) -> str:
        """Say what would hold the refresh up, or make it irreversible."""
        chosen = self.preferences
        if waits := group.in_the_way(chosen.protected, chosen.standby):
            return (
                f"{waits}, and a refresh would wait an hour for that: end it, or say what becomes of such instances "
                "(asg.refresh.protected, asg.refresh.standby)"
            )
        if self.calls.newest(group.template).image.startswith("resolve:"):
            return "its template takes the image from a parameter, and no refresh can go back to that: name an AMI"
        return ""

    def _begun(self, group: GroupFacts, record: GroupRecord, *, anew: bool = False) -> GroupRecord | Report:
        """Take the steps that are still to be taken.

        `anew`: replace instances of that very version, too.
        """
        if not record.version:
            record = self.records.write(replace(record, version=self._version(group, record)))
        launched = record.version == group.version and not group.others(group.version)
        if record.refresh or (launched and not anew):
            return record
        try:
            refresh = self.calls.start(group, record.version, self.preferences.request())
        except Busy:
            why = "another instance refresh of it began at the same time"
            return Report(group.name, "held", record.artifact, record.previous, record.previous, why)
        try:
            return self.records.write(replace(record, refresh=refresh))
        except LaterChange:
            self.calls.roll_back(group.name)  # what it began after another change was accepted
            raise

    def _version(self, group: GroupFacts, record: GroupRecord) -> str:
        """Find the version that runs already or ran before, or make one."""
        now = self.calls.version(group.template, group.version)
        if now and record.label.same(now.label):
            return now.number
        if self.change.backward or self.change.action == "rollback":
            before = self.calls.made_of(group.template, record.label)
            if before and self.launchable(before):
                return before.number
        source = self.calls.newest(group.template).number
        words = f"{self.change.deployment_id} {self.change.action} {group.arn}"
        token = hashlib.sha256(words.encode()).hexdigest()
        return self.calls.create(group.template, source, record.label, self.script().raw, token)

    def _held(self, group: GroupFacts, now: TemplateVersion | None, later: GroupRecord) -> Report:
        reason = f"it accepted fencing number {later.fence}, and this change has {self.change.fence}"
        serving = _artifact(now)
        return Report(group.name, "held", self.change.artifact_id, serving, serving, reason)


def operation(record: GroupRecord, *, running: bool = True) -> Operation:
    """Describe a group's change as an operation."""
    id_ = f"{record.deployment}/{record.action}/{record.artifact}/{record.group}"
    refresh = f"instance refresh {record.refresh}" if record.refresh else record.action
    words = f"{refresh} of {record.group} to {record.artifact}"
    return Operation(id_, words, record.action, record.artifact, (record.group,), running)


def _artifact(version: TemplateVersion | None) -> str:
    label: VersionLabel | None = version.label if version else None
    return label.artifact if label else ""
