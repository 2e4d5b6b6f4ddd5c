"""unlock: break the lease of a deployment that died, write a damaged one anew, or start the fencing numbers again."""

from __future__ import annotations

from contextlib import suppress

from tagship.domain import commands
from tagship.domain.lease import LeaseUnreadable, Seen
from tagship.engine.acquire import in_flight, operation_names
from tagship.engine.fences import publish, record, reset_from, sealed_reset
from tagship.engine.freezing import reason_of
from tagship.engine.holder import Holder, described, look, read
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, Held, Refused, ServiceFailed, UsageError
from tagship.ports.app import App


def unlock(
    app: App, *, id: str, env: str = "", reset_fence: bool = False, reason: str = "", dry_run: bool = False
) -> Holder:
    """Free the lease of the deployment `id`.

    Refuses if another holds it, or nobody does.
    Of a lease that cannot be read, `id` is the damage as `lock` names it. `reset_fence` is the way out if a fencing
    number blocks every deployment: the numbers go on in a range that nobody has used. `reason` is kept in the ledger.
    """
    environment = one_environment(app, env)
    if reset_fence:
        return _restarted(app, environment, id, reason, dry_run)
    if not id:
        raise UsageError(
            "No deployment is named.",
            remedy=f"See who holds it, and the command to free it: {commands.lock(environment)}",
        )
    try:
        seen = app.leases.look(environment)
    except LeaseUnreadable as damage:
        return _mended(app, environment, id, damage, dry_run)
    before = read(environment, seen)
    if before.deployment != id:
        raise Refused(
            f"Deployment {id} does not hold {environment}: {described(before)}.",
            remedy=f"Look again: {commands.lock(environment)}",
        )
    app.screen.say(described(before))
    _warn_of_operations(app, environment, seen)
    if dry_run:
        app.screen.say(UNCHANGED)
        return before
    app.leases.break_(environment, id)
    app.screen.say(f"{environment} is free; {before.holder} stops before its next action")
    _say_if_unended(app, environment, id)
    return _now(app, environment)


def _say_if_unended(app: App, environment: str, id: str) -> None:
    """Say how to end what the holder leaves behind."""
    with suppress(ServiceFailed):  # the lease is free, whatever else can be read
        for deployment in app.ledger.deployments(environment, 1):
            if deployment.id == id and not deployment.ended:
                app.screen.say(f"deployment {id} has not ended. End it: {commands.resume(environment)}")


def _restarted(app: App, environment: str, id: str, reason: str, dry_run: bool) -> Holder:
    """Start the fencing numbers again, by a signed order that hosts believe."""
    why = reason_of(reason, commands.unlock(environment, id, reset_fence=True), "the reset")
    _check_free(app, environment, id, why)
    reset = reset_from(app, environment, why)
    raw = sealed_reset(app, reset)
    app.screen.say(f"the fencing numbers of {environment} start again at {reset.fence}: {why}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return look(app, environment)
    record(app, reset)
    publish(app, reset, raw)
    app.leases.restart(environment, id, reset.fence)
    app.screen.say(f"{environment} is free; whoever had a number before stops before the next action")
    app.screen.say("each host gets it with its next deploy or rollback")
    return read(environment, app.leases.look(environment))


def _check_free(app: App, environment: str, id: str, reason: str) -> None:
    """Refuse while a deployment has the lease, unless it is named."""
    with suppress(LeaseUnreadable):
        seen = app.leases.look(environment)
        if seen and seen.record.holder and seen.record.deployment_id != id:
            again = commands.unlock(environment, seen.record.deployment_id, reset_fence=True, reason=reason)
            raise Held(f"{described(read(environment, seen))}.", remedy=f"If it is dead, or not yours: {again}")
        _warn_of_operations(app, environment, seen if seen and seen.record.holder else None)


def _mended(app: App, environment: str, id: str, damage: LeaseUnreadable, dry_run: bool) -> Holder:
    if damage.id != id:
        raise damage
    app.screen.say(damage.what)
    if dry_run:
        app.screen.say(UNCHANGED)
        return Holder(environment, "unreadable", problem=damage.what, remedy=damage.remedy)
    app.leases.mend(environment, id)
    app.screen.say(f"{environment} is free: its lease was rewritten; the previous holder stops before its next action")
    return _now(app, environment)


def _now(app: App, environment: str) -> Holder:
    """Look at the lease again.

    It was freed, which a store that does not answer now does not undo.
    """
    try:
        return read(environment, app.leases.look(environment))
    except ServiceFailed as reason:
        app.screen.warn(f"can't ask who holds {environment} now: {reason.what}")
        return Holder(environment, "free")


def _warn_of_operations(app: App, environment: str, seen: Seen | None) -> None:
    """Warn of operations that act for the lease at this moment."""
    try:
        going = in_flight(app, environment, seen.record) if seen else []
    except ServiceFailed as reason:
        app.screen.warn(f"can't ask whether something still acts for it: {reason.what}")
        return
    if going:
        app.screen.warn(f"{operation_names(going)} still runs for it; anything it starts next is refused")
