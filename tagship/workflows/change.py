"""What deploy and rollback share: one intention carried out on every host, recorded, and put back where it fails.

Guards and the plan are each verb's own. From there: the lease, the ledger's entries, the order to the hosts, what they
answer, putting back what was changed where one of them failed, the ledger's last word, and the lease given back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from types import FrameType
from typing import NoReturn

from tagship.domain.deployment import new_id
from tagship.domain.hosts import HostReport
from tagship.domain.plan import Ending, Plan, ending, serves, to_put_back, what_serves
from tagship.domain.times import span
from tagship.errors import (
    ArtifactError,
    DeployFailed,
    Held,
    Interrupted,
    LeaseLost,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
)
from tagship.ports import App
from tagship.workflows.hands import Hands, holding
from tagship.workflows.preflight import manifest_sha256
from tagship.workflows.record import Record


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


def carry_out(app: App, plan: Plan) -> Result:
    """Make every host run the plan's artifact, or put things back as they were and raise what happened."""
    began = app.clock.now()
    deployment_id = new_id(began)
    title = f"deployment {deployment_id}"
    with _sigterm_interrupts(), app.screen.live(title) as phase, holding(app, plan, deployment_id, phase) as hands:
        record = Record(app, plan, deployment_id, hands.lease.fence)
        reports = _ordered(hands, record)
        seconds = (app.clock.now() - began).total_seconds()
        _settle(app, hands, record, reports, seconds)
    names = ", ".join(host.name for host in plan.hosts)
    app.screen.say(f"{plan.artifact_id} is healthy on {plan.environment} ({names}) after {span(seconds)}")
    return Result(plan, "healthy", deployment_id, reports, seconds)


def _ordered(hands: Hands, record: Record) -> list[HostReport]:
    """The order to every host. What ends before a host was told anything is recorded as abandoned."""
    try:
        record.add("requested")
        record.add("started")
        return hands.ask(hands.order(hands.plan.action), hands.plan.hosts)
    except KeyboardInterrupt as reason:
        if not hands.in_flight:
            record.add("abandoned", reason="interrupted before any host was told")
        raise _interrupted(hands) from reason
    except LeaseLost as reason:
        record.add("abandoned", reason=reason.what, commands=hands.commands)
        raise _watched_no_more(hands, reason) from reason
    except ServiceFailed as reason:
        if not hands.in_flight:
            record.add("abandoned", reason=reason.what)
        raise _watched_no_more(hands, reason) from reason
    except TagshipError as reason:
        record.add("abandoned", reason=reason.what)
        raise


def _settle(app: App, hands: Hands, record: Record, reports: list[HostReport], seconds: float) -> None:
    """Put back what a failed deployment changed, write the ledger's last word, and raise what it came to."""
    plan = hands.plan
    if ending(plan, reports, reports).kind == "healthy":
        _record_healthy(record, plan, reports, seconds)
        return
    try:
        final = put_back(app, hands, reports)
    except (KeyboardInterrupt, TagshipError) as reason:
        record.add("failed", reason=f"putting back was cut short: {reason}", hosts=reports, seconds=seconds)
        raise _cut_short(hands, reports, reason) from reason
    end = ending(plan, reports, final)
    if end.kind == "held":
        record.add("abandoned", reason=end.reason, hosts=final, seconds=seconds)
    else:
        record.add("failed", reason=end.reason, hosts=reports, seconds=seconds, evidence=end.evidence)
        last = "rollback-failed" if end.kind == "lost" else "rolled-back"
        record.add(last, reason=end.reason, hosts=final, seconds=seconds)
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


def put_back(app: App, hands: Hands, reports: Sequence[HostReport]) -> list[HostReport]:
    """Each changed host to what it ran before, the last one first; returns every host's last word."""
    final = {one.host: one for one in reports}
    by_previous: dict[str, list[str]] = {}
    for one in to_put_back(reports, hands.plan.artifact_id):
        by_previous.setdefault(one.previous, []).append(one.host)
    for previous, ids in by_previous.items():
        app.screen.say(f"putting {previous} back on {len(ids)} of {len(reports)} hosts")
        final.update({one.host: one for one in _back_to(app, hands, previous, ids)})
    return [final[one.host] for one in reports]


def _back_to(app: App, hands: Hands, previous: str, ids: Sequence[str]) -> list[HostReport]:
    """A rollback order to hosts that ran `previous`; whatever does not serve it afterwards is `rollback-failed`."""
    by_id = {host.id: host for host in hands.plan.hosts}
    try:
        digest = manifest_sha256(app, hands.plan.environment, previous)
    except ArtifactError as reason:
        return [HostReport(one, "rollback-failed", previous=previous, reason=reason.what) for one in ids]
    reports = hands.ask(hands.order("rollback", previous, digest), [by_id[one] for one in ids])
    return [one if serves(one, previous) else replace(one, outcome="rollback-failed") for one in reports]


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
