"""How a deployment ends when it does not end well: the error says what failed, what serves now, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.plan import Plan
from tagship.domain.units import Report
from tagship.domain.verdict import Ending, what_serves
from tagship.engine.session import LeaseSession
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


def failure(plan: Plan, end: Ending, final: Sequence[Report]) -> TagshipError:
    """The error of an ending that is not healthy: what failed and why, what serves now, the next command."""
    state = what_serves(plan.hosts, final)
    failed = f"{plan.artifact_id} failed on {plan.environment} ({end.reason})."
    if end.kind == "lost":
        remedy = f"Wake somebody, and ask each host again: {look(plan)}"
        return RollbackFailed(failed, state=state, remedy=remedy, evidence=end.evidence)
    if end.kind == "held":
        what = f"Another action has the hosts of {plan.environment} ({end.reason})."
        return Held(what, state=state, remedy=f"See which, and when it has ended run it again: {look(plan)}")
    if end.kind == "refused":
        what = f"The hosts of {plan.environment} refused {plan.artifact_id} ({end.reason})."
        remedy = f"Find out who changed it before anything else is deployed: inv history --env {plan.environment}"
        return ArtifactError(what, state=state, remedy=remedy, evidence=end.evidence)
    remedy = f"Ship a mended version: inv deploy-dev (or, if the cause lay outside, again: {again(plan)})"
    return DeployFailed(failed, state=state, remedy=remedy, evidence=end.evidence)


def interrupted(hands: LeaseSession) -> Interrupted:
    """What Ctrl-C (or SIGTERM) leaves behind: a command that was sent goes on, whoever watches."""
    if not hands.in_flight:
        return Interrupted("Interrupted.", remedy=f"Run it again: {again(hands.plan)}")
    return Interrupted(
        "Interrupted while the hosts act.",
        state=f"{hands.what_goes_on}, and {_until_when(hands)}.",
        remedy=take_up(hands.plan),
    )


def unrecorded(hands: LeaseSession, reports: Sequence[Report]) -> Interrupted:
    """Ctrl-C while the end was being written down: the hosts are done, and the ledger may not know."""
    return Interrupted(
        f"Interrupted while the end of deployment {hands.deployment_id} was being recorded.",
        state=what_serves(hands.plan.hosts, reports),
        remedy=take_up(hands.plan),
    )


def overtaken(hands: LeaseSession, reports: Sequence[Report], reason: LeaseLost) -> LeaseLost:
    """The lease was lost when the hosts had answered: what they said, and that it may be so no longer."""
    serves = what_serves(hands.plan.hosts, reports).rstrip(".")
    state = f"{serves}, the hosts said last; the ledger does not count it, and whoever holds the lease may change it."
    return LeaseLost(reason.what, state=state, remedy=reason.remedy)


def _until_when(hands: LeaseSession) -> str:
    if hands.commands:
        return "nobody waits for its end or records it"
    return f"the lease of {hands.plan.environment} expires by itself within {hands.lease.ttl} s"


def watched_no_more(hands: LeaseSession, reason: Held | ServiceFailed) -> TagshipError:
    """The same failure, and where hosts were acting at that moment, that they still are."""
    if not hands.in_flight:
        return reason
    state = f"{hands.what_goes_on}, and how it ends is not known here."
    remedy = f"See what came of it: {look(hands.plan)}" if isinstance(reason, Held) else take_up(hands.plan)
    return type(reason)(reason.what, state=state, remedy=remedy)


def cut_short(hands: LeaseSession, reports: Sequence[Report], reason: BaseException | str) -> TagshipError:
    """Hosts were being put back when something else went wrong."""
    kind: type[TagshipError] = RollbackFailed
    if isinstance(reason, LeaseLost):
        kind = LeaseLost
    elif isinstance(reason, KeyboardInterrupt):
        if hands.in_flight:
            return interrupted(hands)
        kind, reason = Interrupted, "interrupted"
    return kind(
        f"{hands.plan.artifact_id} failed on {hands.plan.environment}, and putting it back was cut short: {reason}",
        state=what_serves(hands.plan.hosts, reports),
        remedy=f"Ask each host what it runs: {look(hands.plan)}" if kind is LeaseLost else take_up(hands.plan),
    )


def take_up(plan: Plan) -> str:
    """How a deployment is ended that this process ends no more."""
    return f"End it: inv deploy --resume --env {plan.environment} (what each host runs: {look(plan)})"


def heal(plan: Plan) -> str:
    return f"inv deploy --heal --env {plan.environment}"


def look(plan: Plan) -> str:
    return f"inv status --env {plan.environment}"


def again(plan: Plan) -> str:
    return plan.command
