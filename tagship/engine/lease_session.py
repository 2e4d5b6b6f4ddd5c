"""The lease of one deployment, and the only way to change an environment's units."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from tagship.domain.change import Change
from tagship.domain.lease import LeaseRecord
from tagship.domain.plan import Plan
from tagship.domain.text import counted, plural
from tagship.domain.units import Operation, Report, Unit, noun_of
from tagship.domain.version import ArtifactId
from tagship.engine.acquire import Claim, acquire
from tagship.engine.fencing_off import stop_operations
from tagship.engine.heartbeat import Heartbeat
from tagship.engine.predecessor import Predecessor
from tagship.engine.stopping import wants_it_stopped
from tagship.errors import ServiceFailed, TagshipError, Unheard
from tagship.ports.app import App
from tagship.ports.target import Stoppable, Target

# A command that takes --wait, and has none; in a remedy nothing comes after it on its line.
_WAITS = re.compile(r"\binv (?:resume|deploy|rollback|heal|promote)(?= |$)(?!.* --wait).*$", re.MULTILINE)
PATIENCE = 10  # minutes that a remedy waits at least for a lease that expires by itself


def observe(app: App, environment: str, units: Sequence[Unit], phase: Callable[[str], None]) -> list[Report]:
    """Ask each unit what it runs.

    It changes nothing: no lease, no fencing number.
    """
    return list(app.target(environment).observe(units, phase)) if units else []


def ask(app: App, environment: str, units: Sequence[Unit]) -> list[Report]:
    """Ask the units that can be reached, and show that.

    If none can be, nobody is asked and nothing shown.
    """
    online = [unit for unit in units if unit.online]
    if not online:
        return []
    of = f"{len(online)} of " if len(online) < len(units) else ""
    with app.screen.live(f"asking {of}{counted(len(units), noun_of(units))} of {environment}") as phase:
        return observe(app, environment, online, phase)


def read_again(silent: Report, observed: Report, artifact_id: ArtifactId) -> Report:
    """Decide the verdict of a unit that gave none.

    By what it says it runs: healthy only if that is the artifact.
    """
    if observed.outcome == "empty":
        return replace(silent, outcome="failed")
    if not observed.good:
        return silent
    if observed.serving == artifact_id:
        return replace(observed, outcome="healthy", reason=silent.reason)
    reason = f"{silent.reason}; it runs {observed.serving}"
    return replace(observed, outcome="failed", previous=observed.serving, reason=reason, evidence=silent.evidence)


@dataclass
class LeaseSession:
    """The lease of one deployment, and the only way to send.

    Nothing is started unless the lease is still ours.
    `in_flight` says that units may be acting: the lease is then not given back. `started` is called with the names of
    operations once the lease has them, and before anything waits for them. `serves` is the sentence of what serves by
    what units last answered; empty until they were all changed or asked. `left` says what a hook did that stays, and
    `evidence` has the output of one that failed. `stopped` says that a person had the change stopped.
    `before` is the deployment whose lease this one took, if it had not been given back.
    """

    app: App
    plan: Plan
    target: Target
    heartbeat: Heartbeat
    phase: Callable[[str], None] = lambda _: None
    started: Callable[[Sequence[str]], None] = lambda _: None
    operations: tuple[Operation, ...] = ()
    in_flight: bool = False
    serves: str = ""
    left: str = ""
    evidence: str = ""
    stopped: bool = False
    before: Predecessor | None = None

    @property
    def lease(self) -> LeaseRecord:
        return self.heartbeat.record

    @property
    def deployment_id(self) -> str:
        return self.lease.deployment_id

    @property
    def what_goes_on(self) -> str:
        """Say what units may be doing when nobody watches any more."""
        names = ", ".join(operation.name for operation in self.operations) or "id unknown"
        if self.operations and not any(operation.running for operation in self.operations):
            return f"The change of the {plural(self.plan.noun)} stopped where this runner left it ({names})"
        return f"The action on the {plural(self.plan.noun)} goes on ({names})"

    def change(self, action: str = "", artifact_id: ArtifactId | None = None, digest: str = "") -> Change:
        """Make a change under this lease's fencing number.

        The plan's own unless another artifact is named.
        """
        environment = self.plan.environment
        return Change(
            action=action or self.plan.action,
            app=self.app.settings.app,
            environment=environment,
            artifact_id=artifact_id or self.plan.artifact_id,
            manifest_sha256=digest or self.plan.manifest_sha256,
            deployment_id=self.deployment_id,
            fence=self.lease.fence,
            allow_unsigned=self.app.settings.environment(environment).allow_unsigned,
            backward=self.plan.backward,
            keeps=self.plan.keeps,
        )

    def carry_out(self, change: Change, units: Sequence[Unit]) -> list[Report]:
        """Start a change and wait for every unit.

        A unit that gave no verdict is asked what it runs.
        Raises LeaseLost before anything is started if the lease is another's.
        """
        self.renew(f"sending {change.action}")
        self.in_flight, self.operations = True, ()
        try:
            self.operations = tuple(self.target.start(change, units))
        except TagshipError as reason:
            self.in_flight = isinstance(reason, Unheard)  # whatever else `start` raises, no unit was asked
            raise
        self.renew(f"{change.action} {change.artifact_id}: the {plural(units[0].noun)} act", self.operations)
        self.started([operation.name for operation in self.operations])
        return self._finish(change, units)

    def take_up(self, operations: Sequence[Operation], units: Sequence[Unit]) -> list[Report]:
        """Wait for operations that a dead runner started; start nothing.

        They were started for this deployment before.
        They carry the fencing number of that time. What units have taken up by now counts all the same.
        """
        self.in_flight, self.operations = True, tuple(operations)
        self.renew("resuming what was started", self.operations)
        return self._finish(self.change(), units)

    def _finish(self, change: Change, units: Sequence[Unit]) -> list[Report]:
        """Wait for the verdicts; ask a unit that gave none.

        It is asked what it runs. Until then it may be acting.
        """
        reports = self._waited(change, units)
        silent = [unit for unit, report in zip(units, reports, strict=True) if report.outcome == "silent"]
        if silent:
            self.renew("asking what runs", self.operations)
            observed = {report.unit: report for report in self.target.observe(silent, self.beat)}
            reports = [
                read_again(report, observed[report.unit], change.artifact_id) if report.unit in observed else report
                for report in reports
            ]
        self.in_flight = False
        return reports

    def _waited(self, change: Change, units: Sequence[Unit]) -> list[Report]:
        """Wait for the units' reports.

        A person who interrupts may have the change stopped: the units then go back, which is waited for too.
        """
        try:
            return list(self.target.finish(self.operations, change, units, self.beat))
        except KeyboardInterrupt:
            if not isinstance(self.target, Stoppable) or not wants_it_stopped(self.app, self.plan):
                raise
            self.renew("stopping it", self.operations)
            self.target.stop(self.operations)
            self.stopped = True
            return list(self.target.finish(self.operations, change, units, self.beat))

    def beat(self, phase: str) -> None:
        """Show the phase at each poll, and raise the heartbeat's trouble.

        Its trouble is LeaseLost above all.
        """
        self.phase(phase)
        self.heartbeat.say(f"{self.plan.action} {self.plan.artifact_id}: {phase}")
        self.heartbeat.check()

    def require_lease(self) -> None:
        """Raise LeaseLost if another deployment took the lease.

        A bucket that is away fails what comes next itself.
        """
        with suppress(ServiceFailed):
            self.renew("recording how it ended")

    def renew(self, phase: str, operations: Sequence[Operation] = ()) -> None:
        """Renew the lease now, before an action; raises LeaseLost."""
        self.heartbeat.renew(phase, [operation.name for operation in operations])
        self.phase(phase)


@contextmanager
def hold_lease(app: App, plan: Plan, claim: Claim) -> Iterator[LeaseSession]:
    """Hold the environment's lease, and give it back at the end.

    On Ctrl-C too, unless an operation is in flight.
    Then it expires, at once if it names that operation. Who comes next asks what came of it before anything else.
    """
    taken = acquire(app, claim)
    heartbeat = Heartbeat(app.leases, taken.record)
    session = LeaseSession(app, plan, app.target(plan.environment), heartbeat)
    heartbeat.start()
    failed: TagshipError | None = None
    try:
        if taken.over:
            ended = stop_operations(app, plan.environment, taken.over) if claim.preempt else ()
            session.before = Predecessor(taken.over, claim.preempt, ended, plan.names)
        yield session
    except TagshipError as reason:
        failed = reason
        if session.before:
            session.before.said_in(reason, plan.noun)
        raise
    finally:
        if not _give_back(app, session) and failed:
            failed.remedy = _waiting(failed.remedy, session.lease)


def _waiting(remedy: str, lease: LeaseRecord) -> str:
    """Have a remedy's commands wait until a lease expires.

    Without that they are refused until then: by the record, this runner may be alive.
    """
    minutes = max(PATIENCE, lease.ttl // 60 + 2)
    return _WAITS.sub(lambda command: f"{command[0]} --wait {minutes}m", remedy)


def _give_back(app: App, session: LeaseSession) -> bool:
    """End the lease, or leave it; tell whether it ended.

    A second Ctrl-C leaves it. What the first one, or a failure, has to say of the units is not lost by that.
    """
    try:
        session.heartbeat.stop()
        if not session.in_flight:
            return _end(app, session.lease, app.leases.release)
        if session.operations:  # without an id it may be listed only later, and that lease takes its time
            return _end(app, session.lease, app.leases.let_go)
    except KeyboardInterrupt:
        lease = session.lease
        app.screen.warn(
            f"interrupted before the lease of {lease.environment} was released; it expires in {lease.ttl} s"
        )
    return False


def _end(app: App, lease: LeaseRecord, how: Callable[[LeaseRecord], None]) -> bool:
    try:
        how(lease)
    except ServiceFailed as reason:
        app.screen.warn(
            f"the lease of {lease.environment} could not be released ({reason}); it expires in {lease.ttl} s"
        )
        return False
    return True
