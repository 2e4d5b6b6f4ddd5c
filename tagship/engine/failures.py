"""How a deployment ends when it does not end well: the error says what failed, what serves now, and what to do next."""

from __future__ import annotations

import re

from tagship.domain import commands
from tagship.domain.plan import Plan
from tagship.domain.rollout_decision import INTERRUPTED
from tagship.domain.text import either, plural
from tagship.domain.verdict import Ending
from tagship.engine.lease_session import LeaseSession
from tagship.errors import (
    UNCHANGED,
    ArtifactError,
    DeployFailed,
    Held,
    Interrupted,
    LeaseLost,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
)

_REPEATS = re.compile(r"(?i)\bagain\b")  # `Run the same command again`: something else is to be run


def failure(plan: Plan, end: Ending, state: str) -> TagshipError:
    """Build the error of an ending that is not healthy.

    It says what failed and why, what serves now (`state`), and the next command.
    """
    failed = f"{plan.artifact_id} failed on {plan.environment} ({end.reason})."
    if end.kind == "lost":
        return RollbackFailed(failed, state=state, remedy=_after_loss(plan), evidence=end.evidence)
    if end.kind == "held":
        problem = f"Another action has the {plural(plan.noun)} of {plan.environment} ({end.reason})."
        return Held(problem, state=state, remedy=f"See what it is, and deploy again once it has ended: {look(plan)}")
    if end.kind == "refused":
        problem = f"The {plural(plan.noun)} of {plan.environment} refused {plan.artifact_id} ({end.reason})."
        return ArtifactError(problem, state=state, remedy=_after_refusal(plan), evidence=end.evidence)
    return DeployFailed(failed, state=state, remedy=_after_failure(plan), evidence=end.evidence)


def _after_refusal(plan: Plan) -> str:
    """Say what to do about an artifact that units refused.

    What is altered and what could not be fetched are both refused, and only the first is somebody's doing.
    """
    return either(
        f"If it was altered, find out by whom before anything else is deployed: {commands.history(plan.environment)}",
        f"If it could not be fetched, fix that, then: {plan.command}",
    )


def _after_failure(plan: Plan) -> str:
    if plan.action == "rollback":
        other = commands.rollback(environment=plan.environment)
        return either(
            f"If the cause lay outside, fix that and try again: {plan.command}", f"Or take another version: {other}"
        )
    return either(
        f"Ship a fixed version: {commands.deploy_dev()}", f"Or, if the cause lay outside, try again: {plan.command}"
    )


def _after_loss(plan: Plan) -> str:
    """Say how to go on if nothing is known to serve.

    Back to what ran before, unless that was to be left.
    """
    before = plan.replaces if plan.action == "deploy" and plan.replaces != plan.artifact_id else ""
    back = commands.rollback(before, plan.environment)
    return either(f"Wake somebody, and go back: {back}", _what_runs(plan))


def interrupted(session: LeaseSession) -> Interrupted:
    """Build the error of Ctrl-C (or SIGTERM).

    An operation that was started goes on, whoever watches.
    """
    if not session.in_flight:
        return Interrupted("Interrupted.", remedy=f"Run it again: {session.plan.command}")
    return Interrupted(
        f"Interrupted while the {plural(session.plan.noun)} were changing.",
        state=f"{session.what_goes_on}, and {_until_when(session)}.",
        remedy=take_up(session.plan),
    )


def unrecorded(session: LeaseSession) -> Interrupted:
    """Build the error of Ctrl-C while recording the end.

    The units are done, and the ledger may not know.
    """
    return Interrupted(
        f"Interrupted while recording the end of deployment {session.deployment_id}.",
        state=session.serves,
        remedy=take_up(session.plan),
    )


def unwritten(plan: Plan, failed: TagshipError, reason: ServiceFailed) -> TagshipError:
    """Add to a failure that the ledger could not record it.

    If nothing good is seen serving, the way back comes first.
    """
    problem = f"{failed.what} The ledger could not record it: {reason.what}"
    first = failed.remedy if isinstance(failed, RollbackFailed) else ""
    ways = dict.fromkeys(way.strip() for way in either(first, *first_to_mend(reason), take_up(plan)).split("\n"))
    return type(failed)(problem, state=failed.state, remedy=either(*ways), evidence=failed.evidence)


def overtaken(session: LeaseSession, reason: LeaseLost) -> LeaseLost:
    """Build the error of a lease lost after units answered.

    It repeats what they said, and that it may be so no longer.
    """
    state = (
        f"When the {plural(session.plan.noun)} last answered: {session.serves} "
        "The ledger ignores it, and the lease's new holder may change it."
    )
    return LeaseLost(reason.what, state=state, remedy=reason.remedy)


def _until_when(session: LeaseSession) -> str:
    if session.operations:
        return "nobody waits for its end or records it"
    return f"the lease of {session.plan.environment} expires by itself within {session.lease.ttl} s"


def watched_no_more(session: LeaseSession, reason: Held | ServiceFailed) -> TagshipError:
    """Add to a failure that units are still acting, if so."""
    if not session.in_flight:
        return reason
    state = _unknown(session)
    if isinstance(reason, Held):
        return type(reason)(reason.what, state=state, remedy=f"See what came of it: {look(session.plan)}")
    remedy = either(*first_to_mend(reason), take_up(session.plan))
    return type(reason)(reason.what, state=state, remedy=remedy, evidence=reason.evidence)


def unconcluded(session: LeaseSession, reason: TagshipError) -> TagshipError:
    """Add what serves to a failure after the units were changed.

    A port that failed there says that nothing was changed: it does not know what went before.
    """
    if reason.state != UNCHANGED or not session.serves:
        return reason
    remedy = either(*first_to_mend(reason), take_up(session.plan))
    return type(reason)(reason.what, state=session.serves, remedy=remedy, evidence=reason.evidence)


def first_to_mend(reason: TagshipError) -> list[str]:
    """List the ways that a failure names, but for repeating what failed.

    Whoever has to sign in first reads that before what to run then.
    """
    return [way.strip() for way in reason.remedy.split("\n") if not _REPEATS.search(way)]


def _unknown(session: LeaseSession) -> str:
    return f"{session.what_goes_on}; its outcome is unknown here."


def cut_short(session: LeaseSession, reason: BaseException) -> TagshipError:
    """Build the error of putting back that was cut short."""
    kind: type[TagshipError] = RollbackFailed
    if isinstance(reason, LeaseLost):
        kind = LeaseLost
    elif isinstance(reason, KeyboardInterrupt):
        if session.in_flight:
            return interrupted(session)
        kind = Interrupted
    plan = session.plan
    return kind(
        f"{plan.artifact_id} failed on {plan.environment}, and putting it back was cut short: {cause(reason)}.",
        state=_unknown(session) if session.in_flight else session.serves,
        remedy=f"Ask each {plan.noun} what it runs: {look(plan)}" if kind is LeaseLost else take_up(plan),
    )


def cause(reason: BaseException) -> str:
    """Word what cut something short, without the period."""
    return reason.what.rstrip(".") if isinstance(reason, TagshipError) else INTERRUPTED


def take_up(plan: Plan) -> str:
    """Say how to end a deployment that this process leaves."""
    return either(f"End it: {commands.resume(plan.environment)}", _what_runs(plan))


def _what_runs(plan: Plan) -> str:
    return f"Or see what each {plan.noun} runs: {look(plan)}"


def heal(plan: Plan) -> str:
    return commands.heal(plan.environment)


def look(plan: Plan) -> str:
    return commands.status(plan.environment)
