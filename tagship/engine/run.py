"""What deploy and rollback share: one intention carried out on every unit, recorded, and put back if it fails.

Gates and the plan are each verb's own. From there: the lease, the ledger's entries, the change of the units, what
they report, putting back what was changed if one of them failed, the final state, and the lease given back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from tagship.domain.deployment import Deployment, fenced
from tagship.domain.hook import BEFORE
from tagship.domain.plan import Plan
from tagship.domain.rollout_decision import Rollout
from tagship.domain.text import listed, span
from tagship.domain.units import Operation, Report
from tagship.engine.acquire import Claim
from tagship.engine.conclude import conclude
from tagship.engine.failures import interrupted, overtaken, unconcluded, unrecorded, watched_no_more
from tagship.engine.figures import figures_at_end
from tagship.engine.hooks import HookFailed, HookSequence, not_begun
from tagship.engine.lease_session import LeaseSession, hold_lease
from tagship.engine.plan import facts, recent, show
from tagship.engine.predecessor import described
from tagship.engine.previews import require_living
from tagship.engine.readiness import Readiness
from tagship.engine.recorder import Recorder, abandon
from tagship.engine.rollout import resumed, roll_out
from tagship.engine.signals import signals_interrupt
from tagship.errors import UNCHANGED, LeaseLost, ServiceFailed, TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class Result:
    """What a deploy or rollback came to.

    `planned` (a dry run) or `healthy`. Anything else is an error.
    """

    plan: Plan
    state: str
    deployment_id: str = ""
    reports: Sequence[Report] = ()
    seconds: float = 0.0
    back: Readiness | None = None  # of a deployment that was made: whether it could be rolled back

    @property
    def announcement(self) -> str:
        """Word it for CI's run; nothing of a dry run."""
        return "" if self.state == "planned" else f"{self.plan.label} is healthy on {self.plan.environment}"

    def ci_outputs(self, app: App) -> dict[str, str]:
        """Return what later steps and jobs of CI are given."""
        url = app.filled(self.plan.environment).environment(self.plan.environment).health.url
        place = urlsplit(url)
        return {
            "artifact": str(self.plan.artifact_id),
            "deployment": self.deployment_id,
            "url": f"{place.scheme}://{place.netloc}" if place.netloc else "",
        }

    def as_data(self) -> dict[str, object]:
        return {
            **self.plan.as_data(),
            "state": self.state,
            "deployment": self.deployment_id,
            "reports": [asdict(report) for report in self.reports],
            "seconds": round(self.seconds, 3),
            "rollback": self.back.as_data() if self.back else None,
        }


def planned(app: App, plan: Plan) -> Result:
    """End a dry run."""
    app.screen.say(UNCHANGED)
    return Result(plan, "planned")


@dataclass(frozen=True, kw_only=True)
class Request(ABC):
    """What somebody asks of an environment.

    It is planned before the lease is held, and again under it if need be.
    `wait` is how many seconds to wait for somebody else's lease; `preempt` fences its holder off, and ends what that
    has in flight. `dead` is the deployment whose runner died, if this is to end that one and not to begin another.
    """

    environment: str
    wait: float = 0
    preempt: bool = False
    dead: Deployment | None = None

    def check(self, app: App) -> None:
        """Ask, under the lease, what only then is sure."""
        require_living(app, self.environment)

    @abstractmethod
    def plan(self, app: App) -> Plan:
        """Ask every gate, and then say what will happen; nothing is changed."""

    def already_done(self, app: App, plan: Plan) -> Result | None:  # noqa: ARG002 (a verb's own may look)
        """Return the result if somebody did the very work meanwhile.

        None if there is work to do.
        """
        return None

    def claim(self, plan: Plan) -> Claim:
        """Make the claim to the lease that carries the plan out."""
        return Claim(
            self.environment,
            plan.fence,
            plan.command,
            wait=self.wait,
            urgent=plan.action == "rollback",
            preempt=self.preempt,
            resume=self.dead.id if self.dead else "",
        )


def run_deployment(app: App, request: Request, plan: Plan) -> Result:
    """Make every unit run the plan's artifact, or put things back.

    If it puts them back, it raises what happened.
    What was waited for may have changed what runs: then the request plans anew, under the lease.
    """
    dead = request.dead
    with (
        figures_at_end(app, plan.environment) as counted,
        signals_interrupt(),
        hold_lease(app, plan, request.claim(plan)) as session,
    ):
        before, plan = plan, _as_things_are(app, session, request)
        if plan is not before and (result := request.already_done(app, plan)):
            return result
        session.plan = plan
        began, counted.deployment_id = app.clock.now(), session.deployment_id
        with app.screen.live(f"deployment {session.deployment_id}") as session.phase:
            if not dead and not plan.settled:
                _abandon_the_dead(app, session)
            record = Recorder(app, plan, session.deployment_id, session.lease.fence, dead.last.number if dead else 0)
            record.state = dead.state if dead else record.state
            hooks = HookSequence(session, record, dead)
            rollout = _ordered(hooks)
            seconds = (app.clock.now() - began).total_seconds()
            _settled(hooks, rollout, seconds)
    app.ledger.index(plan.environment)
    gone = {unit.id for unit in rollout.gone}
    names = listed([unit.name for unit in rollout.units if unit.id not in gone])
    took = f"{span(seconds)} after it was resumed" if dead else f"after {span(seconds)}"
    app.screen.say(f"{plan.label} is healthy on {plan.environment} ({names}) {took}")
    return Result(session.plan, "healthy", session.deployment_id, rollout.here, seconds)


def _as_things_are(app: App, session: LeaseSession, request: Request) -> Plan:
    """Return the plan, made again if the environment may have changed.

    Then it is made again under the lease.
    """
    request.check(app)
    before = session.plan
    if before.stands(session.lease.fence):
        return before
    plan = request.plan(app)
    if plan.differs_from(before):
        app.screen.say("The environment changed since this was planned. The new plan:")
        show(app, plan)
    return plan


def _abandon_the_dead(app: App, session: LeaseSession) -> None:
    """Record deployments that have not ended, and will not, as abandoned.

    The environment is ours now.
    """
    environment = session.plan.environment
    for deployment in facts(app, environment).history:
        if not deployment.ended and deployment.id != session.deployment_id:
            app.screen.warn(
                f"deployment {deployment.id} of {deployment.artifact_id} never ended: it is recorded as abandoned"
            )
            abandon(app, deployment, session.deployment_id, session.lease.fence, session.before)


def _ordered(hooks: HookSequence) -> Rollout:
    """Bring it to every unit, or record why not.

    What ends before a unit was changed is recorded as abandoned; what is resumed, and cannot be ended now, is left for
    whoever resumes it next.
    """
    session, record, dead = hooks.session, hooks.record, hooks.dead
    session.started = record.started
    try:
        return _rolled_out(hooks)
    except HookFailed as reason:
        raise not_begun(hooks, reason) from reason
    except KeyboardInterrupt as reason:
        if not session.in_flight and not dead:
            record.add("abandoned", reason=f"interrupted before any {session.plan.noun} was changed")
            raise _recorded(session, interrupted(session)) from reason
        raise interrupted(session) from reason
    except LeaseLost as reason:
        _abandon_ours(session, record, reason, session.operations)
        raise watched_no_more(session, reason) from reason
    except ServiceFailed as reason:
        if not session.in_flight and not dead:
            record.add("abandoned", reason=reason.what)
            raise _recorded(session, reason) from reason
        raise watched_no_more(session, reason) from reason
    except TagshipError as reason:
        if not dead:
            record.add("abandoned", reason=reason.what)
            raise _recorded(session, reason) from reason
        raise


def _rolled_out(hooks: HookSequence) -> Rollout:
    """Run the hook before the switch, then change the units.

    A resumed deployment that had reached units is past that hook.
    """
    session, record, dead = hooks.session, hooks.record, hooks.dead
    if dead:
        rollout = resumed(session, record, dead)
        if not rollout.reports and not rollout.stop:
            hooks.run(BEFORE)
        return roll_out(session, rollout)
    plan = session.plan
    record.add("requested", built=plan.built, committed=plan.committed, size=plan.size)
    hooks.run(BEFORE)
    return roll_out(session)


def _recorded(session: LeaseSession, reason: TagshipError) -> TagshipError:
    """Say in an error that the ledger has the attempt."""
    if reason.state == UNCHANGED:
        recorded = f"deployment {session.deployment_id} is recorded as abandoned"
        reason.state = f"No {session.plan.noun} was changed; {recorded}. {session.left}".rstrip()
    return reason


def _settled(hooks: HookSequence, rollout: Rollout, seconds: float) -> None:
    """Conclude the deployment, unless another took the lease by then.

    In that case, say what the units said, and record no end.
    """
    session, record = hooks.session, hooks.record
    try:
        conclude(hooks, rollout, seconds)
    except KeyboardInterrupt as reason:
        raise unrecorded(session) from reason
    except LeaseLost as reason:
        _abandon_ours(session, record, reason)
        raise overtaken(session, reason) from reason
    except ServiceFailed as reason:
        raise unconcluded(session, reason) from reason


def _abandon_ours(session: LeaseSession, record: Recorder, reason: LeaseLost, left: Sequence[Operation] = ()) -> None:
    """Record a deployment without a lease as abandoned, unless another ended it.

    A ledger that does not answer hides neither the loss nor what serves. `left` is what it saw no end of.
    """
    names = session.plan.names
    evidence = "\n".join(f"{described(operation, names)}: its end was not seen" for operation in left)
    with suppress(ServiceFailed):
        if not _is_anothers(session):
            operations = [operation.name for operation in left]
            record.add("abandoned", reason=reason.what, operations=operations, evidence=evidence)


def _is_anothers(session: LeaseSession) -> bool:
    """Tell whether another runner resumed or ended this very deployment.

    It took this runner for dead.
    """
    mine = [
        deployment
        for deployment in recent(session.app, session.plan.environment)
        if deployment.id == session.deployment_id
    ]
    seen = session.app.leases.look(session.plan.environment)
    taken = bool(seen and seen.record.deployment_id == session.deployment_id)
    return taken or any(deployment.ended or fenced([deployment]) > session.lease.fence for deployment in mine)
