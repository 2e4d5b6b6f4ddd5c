"""What deploy and rollback share: one intention carried out on every host, recorded, and put back where it fails.

Guards and the plan are each verb's own. From there: the lease, the ledger's entries, the order to the hosts, what they
answer, putting back what was changed where one of them failed, the ledger's last word, and the lease given back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from types import FrameType
from typing import NoReturn

from tagship.domain.deployment import Deployment, fenced
from tagship.domain.fleet import INTERRUPTED, Rollout
from tagship.domain.hosts import Host, HostReport, listed
from tagship.domain.plan import Ending, Plan, ending, evidence, what_serves
from tagship.domain.times import span
from tagship.errors import (
    ArtifactError,
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    LeaseLost,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
)
from tagship.ports import App
from tagship.workflows.hands import Hands, holding
from tagship.workflows.preflight import recent, show
from tagship.workflows.record import Record, abandon
from tagship.workflows.rollout import put_back, roll_out, taken_up


@dataclass(frozen=True)
class Result:
    """What a deploy or rollback came to: `planned` (a dry run) or `healthy`. Anything else is an error."""

    plan: Plan
    state: str
    deployment_id: str = ""
    reports: Sequence[HostReport] = ()
    seconds: float = 0.0

    def as_data(self) -> dict[str, object]:
        return {
            **self.plan.as_data(),
            "state": self.state,
            "deployment": self.deployment_id,
            "reports": [asdict(one) for one in self.reports],
            "seconds": round(self.seconds, 3),
        }


def carry_out(
    app: App,
    plan: Plan,
    again: Callable[[], Plan],
    *,
    wait: float = 0,
    preempt: bool = False,
    dead: Deployment | None = None,
) -> Result:
    """Make every host run the plan's artifact, or put things back as they were and raise what happened.

    `again` makes the plan anew, with all its guards: what was waited for may have changed what runs. `dead` is the
    deployment whose runner died, where this is to end that one and not to begin another.
    """
    resume = dead.id if dead else ""
    with _sigterm_interrupts(), holding(app, plan, wait=wait, preempt=preempt, resume=resume) as hands:
        plan = hands.plan = _as_things_are(app, hands, again)
        began = app.clock.now()
        with app.screen.live(f"deployment {hands.deployment_id}") as hands.phase:
            if not dead and not plan.settled:
                _abandon_the_dead(app, hands)
            record = Record(app, plan, hands.deployment_id, hands.lease.fence, dead.last.number if dead else 0)
            rollout = _ordered(hands, record, dead)
            seconds = (app.clock.now() - began).total_seconds()
            _settle(hands, record, rollout, seconds)
    app.ledger.index(plan.environment)
    names = listed([host.name for host in rollout.hosts if host not in rollout.gone])
    app.screen.say(f"{plan.artifact_id} is healthy on {plan.environment} ({names}) after {span(seconds)}")
    return Result(hands.plan, "healthy", hands.deployment_id, rollout.here, seconds)


def _as_things_are(app: App, hands: Hands, again: Callable[[], Plan]) -> Plan:
    """The plan; made again, under the lease, where somebody may have changed the environment since it was made."""
    before = hands.plan
    if before.stands(hands.lease.fence):
        return before
    plan = again()
    if (plan.replaces, plan.runs, plan.hosts) != (before.replaces, before.runs, before.hosts):
        app.screen.say("things have changed since this was planned; now it is:")
        show(app, plan)
    return plan


def _abandon_the_dead(app: App, hands: Hands) -> None:
    """Deployments that have not ended, and will not: the environment is ours now."""
    for one in recent(app, hands.plan.environment):
        if not one.ended and one.id != hands.deployment_id:
            app.screen.warn(f"deployment {one.id} of {one.artifact_id} never ended: it is recorded as abandoned")
            abandon(app, one, hands.deployment_id)


def _ordered(hands: Hands, record: Record, dead: Deployment | None) -> Rollout:
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
        raise _interrupted(hands) from reason
    except LeaseLost as reason:
        if not _is_anothers(hands):
            record.add("abandoned", reason=reason.what, commands=hands.commands)
        raise _watched_no_more(hands, reason) from reason
    except ServiceFailed as reason:
        if not hands.in_flight and not dead:
            record.add("abandoned", reason=reason.what)
        raise _watched_no_more(hands, reason) from reason
    except TagshipError as reason:
        if not dead:
            record.add("abandoned", reason=reason.what)
        raise


def _is_anothers(hands: Hands) -> bool:
    """Whether somebody who thought this runner dead has taken this very deployment up, or recorded its end."""
    mine = [one for one in recent(hands.app, hands.plan.environment) if one.id == hands.deployment_id]
    seen = hands.app.leases.look(hands.plan.environment)
    taken = bool(seen and seen.record.deployment_id == hands.deployment_id)
    return taken or any(one.ended or fenced([one]) > hands.lease.fence for one in mine)


def _settle(hands: Hands, record: Record, rollout: Rollout, seconds: float) -> None:
    """Write the ledger's last word, putting back first what a failed deployment changed, and raise what it came to."""
    left = {host.id for host in rollout.gone}
    told = tuple(host for host in rollout.hosts if host.id in rollout.reports and host.id not in left)
    hands.plan = replace(hands.plan, hosts=told)
    _name_the_moving(hands, rollout)
    if rollout.stragglers and (hands.plan.heals or not rollout.stop):
        _leave_partial(hands, record, rollout, seconds)
    elif rollout.stop:
        _undo(hands, record, rollout, seconds)
    else:
        _record_healthy(record, hands.plan, rollout.here, seconds)


def _name_the_moving(hands: Hands, rollout: Rollout) -> None:
    """Hosts that left are not waited for, and hosts whose agent does not answer yet cannot be told: both are named."""
    environment, say = hands.plan.environment, hands.app.screen.warn
    if rollout.gone:
        say(f"left {environment} meanwhile, and not waited for: {listed(_named(rollout.gone))}")
    if rollout.joining:
        say(f"joined {environment}, and their agents do not answer yet: {listed(_named(rollout.joining))}")
        say(f"when they do: {_heal(hands.plan)}")


def _leave_partial(hands: Hands, record: Record, rollout: Rollout, seconds: float) -> NoReturn:
    """Fewer hosts than may fail do not run it. It serves; the environment is not called healthy until they do."""
    plan, bad = hands.plan, {one.host: one for one in rollout.stragglers}
    hosts = [host for host in rollout.hosts if host.id in bad]
    there = len(rollout.present) - len(rollout.joining)
    why = listed([f"{host.name} ({host.id}): {bad[host.id].reason or bad[host.id].outcome}" for host in hosts], 20)
    reason = f"{len(bad)} of {there} hosts do not run it"
    ids = {"stragglers": sorted(bad), "gone": sorted(host.id for host in rollout.gone)}
    replaced = _replaced(plan, rollout.here)
    record.add("partial", reason=reason, replaced=replaced, hosts=rollout.here, seconds=seconds, **ids)
    point(hands.app, _pointer(hands))
    raise Incomplete(
        f"{plan.artifact_id} serves on {there - len(bad)} of {there} hosts of {plan.environment}; not on {why}.",
        state=what_serves(rollout.hosts, (*rollout.here, *(one for one in bad.values() if one not in rollout.here))),
        remedy=f"Find out what ails them, and bring them to it: {_heal(plan)}",
        evidence=evidence(plan, list(bad.values())),
    )


def _undo(hands: Hands, record: Record, rollout: Rollout, seconds: float) -> NoReturn:
    """Put back what was changed, record it, and raise why."""
    plan, reports = hands.plan, rollout.here
    hands.app.screen.warn(f"stopped: {rollout.stop}")
    try:
        final = put_back(hands, rollout)
    except (KeyboardInterrupt, TagshipError) as reason:
        record.add("failed", reason=f"putting back was cut short: {reason}", hosts=reports, seconds=seconds)
        raise _cut_short(hands, reports, reason) from reason
    end = ending(plan, reports, final, rollout.stop)
    if end.kind == "held":
        record.add("abandoned", reason=end.reason, hosts=final, seconds=seconds)
    else:
        record.add("failed", reason=end.reason, hosts=reports, seconds=seconds, evidence=end.evidence)
        last = "rollback-failed" if end.kind == "lost" else "rolled-back"
        record.add(last, reason=end.reason, hosts=final, seconds=seconds)
    if rollout.stop == INTERRUPTED and end.kind != "lost":
        what = f"Interrupted: {plan.artifact_id} was taken back from {len(rollout.changed)} of {rollout.total} hosts."
        raise Interrupted(what, state=what_serves(plan.hosts, final), remedy=f"Run it again: {_again(plan)}")
    raise failure(plan, end, final)


def _record_healthy(record: Record, plan: Plan, reports: Sequence[HostReport], seconds: float) -> None:
    try:
        record.add("healthy", replaced=_replaced(plan, reports), hosts=reports, seconds=seconds)
    except ServiceFailed as reason:
        raise ServiceFailed(
            f"{plan.artifact_id} is healthy on {plan.environment}, but the ledger could not be told: {reason.what}",
            state=what_serves(plan.hosts, reports),
            remedy=f"Record it by doing it again, which changes nothing on the hosts: {_again(plan)}",
        ) from reason


def _replaced(plan: Plan, reports: Sequence[HostReport]) -> str:
    """What was replaced, by the hosts' own word first."""
    told = [one.previous for one in reports if one.outcome == "healthy" and one.previous not in {"", plan.artifact_id}]
    return told[0] if told else plan.replaces


# -- how it ends, when it does not end well ----------------------------------------------------------------------------


def failure(plan: Plan, end: Ending, final: Sequence[HostReport]) -> TagshipError:
    """The error of an ending that is not healthy: what failed and why, what serves now, the next command."""
    state = what_serves(plan.hosts, final)
    failed = f"{plan.artifact_id} failed on {plan.environment} ({end.reason})."
    if end.kind == "lost":
        remedy = f"Wake somebody, and ask each host again: {_look(plan)}"
        return RollbackFailed(failed, state=state, remedy=remedy, evidence=end.evidence)
    if end.kind == "held":
        what = f"Another action has the hosts of {plan.environment} ({end.reason})."
        return Held(what, state=state, remedy=f"See which, and when it has ended run it again: {_look(plan)}")
    if end.kind == "refused":
        what = f"The hosts of {plan.environment} refused {plan.artifact_id} ({end.reason})."
        remedy = f"Find out who changed it before anything else is deployed: inv history --env {plan.environment}"
        return ArtifactError(what, state=state, remedy=remedy, evidence=end.evidence)
    remedy = f"Ship a mended version: inv deploy-dev (or, if the cause lay outside, again: {_again(plan)})"
    return DeployFailed(failed, state=state, remedy=remedy, evidence=end.evidence)


def _interrupted(hands: Hands) -> Interrupted:
    """What Ctrl-C (or SIGTERM) leaves behind: a command that was sent goes on, whoever watches."""
    if not hands.in_flight:
        return Interrupted("Interrupted.", remedy=f"Run it again: {_again(hands.plan)}")
    lease = f"the lease of {hands.plan.environment} expires by itself within {hands.lease.ttl} s"
    return Interrupted(
        "Interrupted while the hosts act.",
        state=f"{hands.what_goes_on}, and {lease}.",
        remedy=f"See what came of it: {_look(hands.plan)}",
    )


def _watched_no_more(hands: Hands, reason: Held | ServiceFailed) -> TagshipError:
    """The same failure, and where hosts were acting at that moment, that they still are."""
    if not hands.in_flight:
        return reason
    state = f"{hands.what_goes_on}, and how it ends is not known here."
    return type(reason)(reason.what, state=state, remedy=f"See what came of it: {_look(hands.plan)}")


def _cut_short(hands: Hands, reports: Sequence[HostReport], reason: BaseException | str) -> TagshipError:
    """Hosts were being put back when something else went wrong."""
    kind: type[TagshipError] = RollbackFailed
    if isinstance(reason, LeaseLost):
        kind = LeaseLost
    elif isinstance(reason, KeyboardInterrupt):
        if hands.in_flight:
            return _interrupted(hands)
        kind, reason = Interrupted, "interrupted"
    return kind(
        f"{hands.plan.artifact_id} failed on {hands.plan.environment}, and putting it back was cut short: {reason}",
        state=what_serves(hands.plan.hosts, reports),
        remedy=f"Ask each host what it runs: {_look(hands.plan)}",
    )


def _named(hosts: Sequence[Host]) -> list[str]:
    return [f"{host.name} ({host.id})" for host in hosts]


def _heal(plan: Plan) -> str:
    return f"inv deploy --heal --env {plan.environment}"


def _look(plan: Plan) -> str:
    return f"inv status --env {plan.environment}"


def _again(plan: Plan) -> str:
    flag = "--to" if plan.action == "rollback" else "--artifact"
    return f"inv {plan.action} {flag} {plan.artifact_id} --env {plan.environment}"


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
