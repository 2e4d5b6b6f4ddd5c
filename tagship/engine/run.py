"""What deploy and rollback share: one intention carried out on every host, recorded, and put back where it fails.

Guards and the plan are each verb's own. From there: the lease, the ledger's entries, the order to the hosts, what they
answer, putting back what was changed where one of them failed, the ledger's last word, and the lease given back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import NoReturn

from tagship.domain.deployment import Deployment, fenced
from tagship.domain.plan import Plan
from tagship.domain.rollout import Rollout
from tagship.domain.text import listed, span
from tagship.domain.units import Report
from tagship.engine.conclude import conclude
from tagship.engine.failures import interrupted, overtaken, unrecorded, watched_no_more
from tagship.engine.plan import all_read, recent, show
from tagship.engine.recorder import Recorder, abandon
from tagship.engine.rollout import roll_out, taken_up
from tagship.engine.session import LeaseSession, hold_lease
from tagship.errors import LeaseLost, ServiceFailed, TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class Result:
    """What a deploy or rollback came to: `planned` (a dry run) or `healthy`. Anything else is an error."""

    plan: Plan
    state: str
    deployment_id: str = ""
    reports: Sequence[Report] = ()
    seconds: float = 0.0

    def as_data(self) -> dict[str, object]:
        return {
            **self.plan.as_data(),
            "state": self.state,
            "deployment": self.deployment_id,
            "reports": [asdict(one) for one in self.reports],
            "seconds": round(self.seconds, 3),
        }


def run_deployment(
    app: App,
    plan: Plan,
    again: Callable[[], Plan],
    *,
    wait: float = 0,
    preempt: bool = False,
    dead: Deployment | None = None,
    done: Callable[[Plan], Result | None] = lambda _plan: None,
) -> Result:
    """Make every host run the plan's artifact, or put things back as they were and raise what happened.

    `again` makes the plan anew, with all its guards: what was waited for may have changed what runs, and `done` says
    where it has done the very work. `dead` is the deployment whose runner died, where this is to end that one and not
    to begin another.
    """
    resume = dead.id if dead else ""
    with _sigterm_interrupts(), hold_lease(app, plan, wait=wait, preempt=preempt, resume=resume) as hands:
        before, plan = plan, _as_things_are(app, hands, again)
        if plan is not before and (found := done(plan)):
            return found
        hands.plan = plan
        began = app.clock.now()
        with app.screen.live(f"deployment {hands.deployment_id}") as hands.phase:
            if not dead and not plan.settled:
                _abandon_the_dead(app, hands)
            record = Recorder(app, plan, hands.deployment_id, hands.lease.fence, dead.last.number if dead else 0)
            rollout = _ordered(hands, record, dead)
            seconds = (app.clock.now() - began).total_seconds()
            _settled(hands, record, rollout, seconds)
    app.ledger.index(plan.environment)
    names = listed([host.name for host in rollout.hosts if host not in rollout.gone])
    app.screen.say(f"{plan.label} is healthy on {plan.environment} ({names}) after {span(seconds)}")
    return Result(hands.plan, "healthy", hands.deployment_id, rollout.here, seconds)


def _as_things_are(app: App, hands: LeaseSession, again: Callable[[], Plan]) -> Plan:
    """The plan; made again, under the lease, where somebody may have changed the environment since it was made."""
    before = hands.plan
    if before.stands(hands.lease.fence):
        return before
    plan = again()
    if (plan.artifact_id, plan.replaces, plan.runs, plan.hosts) != (
        *(before.artifact_id, before.replaces, before.runs, before.hosts),
    ):
        app.screen.say("things have changed since this was planned; now it is:")
        show(app, plan)
    return plan


def _abandon_the_dead(app: App, hands: LeaseSession) -> None:
    """Deployments that have not ended, and will not: the environment is ours now."""
    environment = hands.plan.environment
    for one in recent(app, environment):
        if not one.ended and one.id != hands.deployment_id and all_read(app, environment, one):
            app.screen.warn(f"deployment {one.id} of {one.artifact_id} never ended: it is recorded as abandoned")
            abandon(app, one, hands.deployment_id, hands.lease.fence)


def _ordered(hands: LeaseSession, record: Recorder, dead: Deployment | None) -> Rollout:
    """The order to every host. What ends before a host was told anything is recorded as abandoned; what is taken up,
    and cannot be ended now, is left for whoever takes it up next."""
    hands.sent = record.started
    try:
        if dead:
            return roll_out(hands, taken_up(hands, record, dead))
        record.add("requested")
        return roll_out(hands)
    except KeyboardInterrupt as reason:
        if not hands.in_flight and not dead:
            record.add("abandoned", reason="interrupted before any host was told")
        raise interrupted(hands) from reason
    except LeaseLost as reason:
        if not _is_anothers(hands):
            record.add("abandoned", reason=reason.what, commands=hands.commands)
        raise watched_no_more(hands, reason) from reason
    except ServiceFailed as reason:
        if not hands.in_flight and not dead:
            record.add("abandoned", reason=reason.what)
        raise watched_no_more(hands, reason) from reason
    except TagshipError as reason:
        if not dead:
            record.add("abandoned", reason=reason.what)
        raise


def _settled(hands: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> None:
    """The end of it, written down. Whoever has lost the lease by then says what the hosts said, and records no end."""
    try:
        conclude(hands, record, rollout, seconds)
    except KeyboardInterrupt as reason:
        raise unrecorded(hands, rollout.here) from reason
    except LeaseLost as reason:
        if not _is_anothers(hands):
            record.add("abandoned", reason=reason.what)
        raise overtaken(hands, rollout.here, reason) from reason


def _is_anothers(hands: LeaseSession) -> bool:
    """Whether somebody who thought this runner dead has taken this very deployment up, or recorded its end."""
    mine = [one for one in recent(hands.app, hands.plan.environment) if one.id == hands.deployment_id]
    seen = hands.app.leases.look(hands.plan.environment)
    taken = bool(seen and seen.record.deployment_id == hands.deployment_id)
    return taken or any(one.ended or fenced([one]) > hands.lease.fence for one in mine)


# -- signals -----------------------------------------------------------------------------------------------------------


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM (a cancelled CI job) becomes KeyboardInterrupt, so that the lease is given back on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
