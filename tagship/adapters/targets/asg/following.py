"""Follows groups to the end of a change: a call for all of them and one a refresh at each look, and a report of each.

Instances are asked as they come into service, so that a version that does not run is taken back while its refresh is
under way. AWS's word that it went back is not enough: what the group launches next is looked at, and every instance is
asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tagship.adapters.targets.asg.calls import AsgCalls, Busy
from tagship.adapters.targets.asg.proof import InstanceProof
from tagship.adapters.targets.asg.records import GroupRecords, LaterChange
from tagship.adapters.targets.looks import Growing, pause, until_ended
from tagship.domain.asg.group import GroupFacts
from tagship.domain.asg.record import GroupRecord
from tagship.domain.asg.refresh import ONWARD, RESTORED, SUCCESSFUL, Preferences, RefreshFacts
from tagship.domain.units import Report, superseded
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick

FIRST_LOOK, LAST_LOOK = 0.5, 10.0  # seconds between two looks
ROUNDS = 3  # refreshes for instances that scaled out meanwhile, on either way


@dataclass
class GroupWay:
    """How far a group is, on its way there or `back`."""

    record: GroupRecord
    until: datetime
    proof: InstanceProof
    refresh: str = ""  # the id of the one that is followed
    back: bool = False
    asked_back: bool = False  # RollbackInstanceRefresh was called
    reason: str = ""  # why it goes back
    evidence: str = ""
    rounds: int = 0
    words: str = "begins"

    @property
    def goal(self) -> str:
        return self.record.previous_version if self.back else self.record.version

    def report(self, outcome: str, serves: str, reason: str = "") -> Report:
        """Report on it."""
        why = "; ".join(dict.fromkeys(filter(None, (self.reason, reason))))
        record = self.record
        unseen = outcome == "rollback-failed" and not serves
        return Report(
            record.group, outcome, record.artifact, serves, record.previous, why, self.evidence, unseen=unseen
        )


@dataclass
class GroupFollowing:
    """Follows the groups of one change; `now` and `sleep` are the clock's."""

    calls: AsgCalls
    records: GroupRecords
    preferences: Preferences
    longest: timedelta  # that a way may take, its checkpoints and bake included
    proof: Callable[[str], InstanceProof]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    tick: Tick

    def followed(self, records: Mapping[str, GroupRecord]) -> dict[str, Report]:
        """Follow them all; return each group's report."""
        until = self.now() + self.longest
        ways = {name: self._way(record, until) for name, record in records.items()}
        waits = Growing(FIRST_LOOK, LAST_LOOK)
        return until_ended(ways, self._looked, lambda ways: self._wait(ways, waits.take()))

    def overtaken(self, artifact_id: str, name: str, record: GroupRecord | None) -> Report:
        """Report on a group that another change has."""
        group = self.calls.groups([name]).get(name)
        version = self.calls.version(group.template, group.version) if group else None
        serves = version.label.artifact if version and version.label else ""
        who = f"deployment {record.deployment}" if record else "somebody else"
        return superseded(name, artifact_id, serves, f"{who} changed it meanwhile")

    def _way(self, record: GroupRecord, until: datetime) -> GroupWay:
        artifact = record.previous if record.restored else record.artifact
        return GroupWay(record, until, self.proof(artifact), record.refresh, back=record.restored, reason=record.why)

    def _wait(self, ways: Mapping[str, GroupWay], seconds: float) -> None:
        """Wait, and say how far it is. Raises what a tick raises."""
        words = "; ".join(f"{name}: {way.words}" for name, way in ways.items())
        pause(seconds, self.sleep, lambda: self.tick(words))

    def _tick_of(self, way: GroupWay) -> Tick:
        """Say how far a group is, whatever its instances are asked meanwhile."""
        return lambda _: self.tick(f"{way.record.group}: {way.words}")

    def _looked(self, ways: Mapping[str, GroupWay]) -> dict[str, Report]:
        """Look once; return the reports of groups that ended."""
        # Refreshes first: what a group launches by the time that one has ended is what that one left.
        refreshes = {name: self._refresh(way) for name, way in ways.items()}
        groups = self.calls.groups(list(ways))
        reports: dict[str, Report] = {}
        for name, way in ways.items():
            self.tick(f"{name}: {way.words}")
            report = self._ended(way, groups.get(name), refreshes[name])
            if report:
                reports[name] = report
        return reports

    # -- what one look shows -------------------------------------------------------------------------------------------

    def _ended(self, way: GroupWay, group: GroupFacts | None, refresh: RefreshFacts | None) -> Report | None:
        """Judge a group; None while its change goes on."""
        if group is None:
            return way.report("silent", "", "the group is gone")
        if refresh and refresh.under_way:
            return self._under_way(way, group, refresh)
        if self.now() > way.until + way.proof.patience:
            return self._unproven(way, group, f"its time is over: {group.progress}")
        if refresh and refresh.returns and not way.back:
            return self._taken_back(way, group, refresh)
        if refresh and refresh.status not in {SUCCESSFUL, RESTORED}:
            return self._broken(way, group, refresh)
        return self._at_rest(way, group)

    def _refresh(self, way: GroupWay) -> RefreshFacts | None:
        """Describe the refresh that is followed, if there is one."""
        if way.refresh:
            return next(iter(self.calls.refreshes(way.record.group, way.refresh)), None)
        refresh = self.calls.under_way(way.record.group)
        return refresh if refresh and refresh.version == way.goal else None

    def _under_way(self, way: GroupWay, group: GroupFacts, refresh: RefreshFacts) -> Report | None:
        """Ask what came into service; take back what fails."""
        way.words = refresh.progress
        if way.back or way.asked_back or refresh.status not in ONWARD:
            return None if self.now() < way.until else way.report("silent", "", f"it is still {refresh.status}")
        fresh = [member for member in group.present if member.version == way.record.version]
        way.proof.look(fresh, self._tick_of(way))
        way.words = "; ".join(filter(None, (refresh.progress, way.proof.attempts(fresh))))
        if failed := way.proof.failed(fresh):
            self._take_back(way, way.proof.why_not(failed), way.proof.evidence(failed))
        elif self.now() > way.until:
            self._take_back(way, f"{refresh.progress} after {self.longest.total_seconds():.0f} s", "")
        return None

    def _take_back(self, way: GroupWay, reason: str, evidence: str) -> None:
        """Have the refresh go back, or at least end."""
        way.reason, way.evidence, way.asked_back = reason, evidence, True
        way.until = self.now() + self.longest
        way.words = "going back"
        if not self.calls.roll_back(way.record.group):
            self.calls.cancel(way.record.group)

    # -- and back ------------------------------------------------------------------------------------------------------

    def _taken_back(self, way: GroupWay, group: GroupFacts, refresh: RefreshFacts) -> Report | None:
        """See whether AWS's rollback restored what the group launches."""
        way.reason = way.reason or refresh.why
        way.back, way.proof = True, self.proof(way.record.previous)
        if report := self._overtaken(way, group):
            return report
        if refresh.status != RESTORED:
            return self._put_back(way, group, refresh.why)
        if group.version != way.goal:
            return self._put_back(way, group, f"AWS's rollback left the group at version {group.version}")
        return self._at_rest(way, group)

    def _broken(self, way: GroupWay, group: GroupFacts, refresh: RefreshFacts) -> Report | None:
        """Go back after a refresh that restored nothing."""
        if way.back:
            return way.report("rollback-failed", "", f"putting back: {refresh.why}")
        return self._overtaken(way, group) or self._replaced(way, group) or self._put_back(way, group, refresh.why)

    def _put_back(self, way: GroupWay, group: GroupFacts, reason: str) -> Report | None:
        """Start a refresh to the version before."""
        way.reason = "; ".join(dict.fromkeys(filter(None, (way.reason, reason))))
        if way.record.version == way.record.previous_version:
            return way.report("failed", way.record.previous)
        way.back, way.proof = True, self.proof(way.record.previous)
        way.rounds += 1
        if way.rounds > ROUNDS:
            return way.report("rollback-failed", "", f"after {ROUNDS} refreshes back")
        return self._begin(way, group, back=True)

    def _begin(self, way: GroupWay, group: GroupFacts, *, back: bool) -> Report | None:
        """Replace the instances that do not run its goal."""
        way.until, way.asked_back = self.now() + self.longest, False
        try:
            way.refresh = self.calls.start(group, way.goal, self.preferences.request(back=True))
            way.record = self.records.write(replace(way.record, refresh=way.refresh, restored=back, why=way.reason))
        except Busy:
            return way.report("rollback-failed" if back else "silent", "", "another instance refresh is under way")
        except LaterChange as later:
            return self._superseded(way, group, later.record.deployment)
        except ServiceFailed as problem:
            if back and way.rounds < ROUNDS:  # most errors pass, and the way back is urgent: the next look tries again
                way.words = f"going back: {problem.what.rstrip('.')}"
                return None
            return way.report("rollback-failed" if back else "silent", "", problem.what.rstrip("."))
        return None

    # -- nothing is under way ------------------------------------------------------------------------------------------

    def _at_rest(self, way: GroupWay, group: GroupFacts) -> Report | None:
        """Count the versions of its instances, and ask each."""
        if report := self._overtaken(way, group):
            return report
        if group.version != way.goal:
            return self._never_began(way, group)
        if others := group.others(way.goal):
            way.rounds += 1
            why = f"{others[0].id} was launched from version {others[0].version}"
            return self._begin(way, group, back=way.back) if way.rounds <= ROUNDS else self._unproven(way, group, why)
        return self._proven(way, group)

    def _never_began(self, way: GroupWay, group: GroupFacts) -> Report | None:
        if way.refresh:
            return self._put_back(way, group, f"the group launches version {group.version}, not {way.goal}")
        return way.report("failed", way.record.previous, "its instance refresh never began")

    def _proven(self, way: GroupWay, group: GroupFacts) -> Report | None:
        """Ask every instance; report once each has answered."""
        members = group.present
        if way.back and not way.record.previous:
            return way.report("failed", "", "it launches its former version again, which tagship did not deploy")
        way.proof.look(members, self._tick_of(way))
        missing = way.proof.missing(members)
        answered = f"{len(members) - len(missing)} of {len(members)} instances answered"
        way.words = "; ".join(filter(None, (answered, way.proof.attempts(members))))
        if not members:
            return self._unproven(way, group, "it has no instance that could show what it runs")
        if not missing and len(members) >= group.desired:
            return self._good(way)
        failed = way.proof.failed(members)
        return self._unproven(way, group, way.proof.why_not(failed), failed) if failed else None

    def _good(self, way: GroupWay) -> Report:
        record = way.record
        if way.back or record.restored:
            return way.report("rolled-back", record.previous)
        same = record.previous == record.artifact and not record.refresh
        return way.report("unchanged" if same else "healthy", record.artifact)

    def _unproven(self, way: GroupWay, group: GroupFacts, why: str, failed: list[str] | None = None) -> Report | None:
        if way.back:
            return way.report("rollback-failed", "", f"after going back, {why}")
        way.evidence = way.evidence or way.proof.evidence(failed or [])
        return self._put_back(way, group, why)

    # -- somebody else -------------------------------------------------------------------------------------------------

    def _overtaken(self, way: GroupWay, group: GroupFacts) -> Report | None:
        """Report that a later change has the group."""
        record = self.records.read(way.record.group)
        if record and record.deployment != way.record.deployment and record.fence >= way.record.fence:
            return self._superseded(way, group, record.deployment)
        if group.version not in {way.record.version, way.record.previous_version}:
            return self._superseded(way, group, "")
        return None

    def _replaced(self, way: GroupWay, group: GroupFacts) -> Report | None:
        """Report that somebody ended our refresh and began another one.

        What serves is what that one makes of it. A version that failed is not excused by it.
        """
        other = None if way.asked_back else self.calls.under_way(group.name)
        if other is None or other.id == way.refresh:
            return None
        who = f"somebody else replaces its instances by now (instance refresh {other.id})"
        return superseded(group.name, way.record.artifact, "", who)

    def _superseded(self, way: GroupWay, group: GroupFacts, deployment: str) -> Report:
        version = self.calls.version(group.template, group.version)
        serves = version.label.artifact if version and version.label else ""
        who = f"deployment {deployment}" if deployment else "somebody else"
        return superseded(way.record.group, way.record.artifact, serves, f"{who} changed it meanwhile")
