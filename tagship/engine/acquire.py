"""Getting an environment's lease: at once, in turn behind a living holder, over a dead one, or (--preempt) from a
living one.

A holder is dead when all of these hold: its heartbeat has expired by the store's own clock, no operation of its is in
flight, and its CI run has ended. Where the run cannot be asked that is said, and the other two decide.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread

from tagship.domain import commands
from tagship.domain.deployment import begun, is_id
from tagship.domain.forge import run_id
from tagship.domain.lease import LeaseHeld, LeaseRecord, LeaseUnreadable, Seen
from tagship.domain.text import ago, either, span
from tagship.domain.units import Operation
from tagship.engine.holder import Holder, read, since_when, unlock_command
from tagship.errors import Held, Interrupted, ServiceFailed
from tagship.ports.app import App

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SKEW = timedelta(hours=2)  # that the clock which gave an id may be ahead of the target's
BRIEFLY = 5.0  # seconds that an urgent claim gives the forge to say whether a CI run has ended
FIRST_WAIT, LONGEST_WAIT, GROWTH = 0.5, 5.0, 1.4  # seconds between looks at somebody else's lease


@dataclass(frozen=True)
class Acquired:
    """The lease, and whose it was: None where nobody had it."""

    record: LeaseRecord
    over: Seen | None = None


@dataclass(frozen=True)
class Claim:
    """Who wants an environment's lease, and how.

    `above` is the highest fencing number that the ledger knows; `command` is what a person types for it. `urgent`: it
    may fence a living holder off, if a person says so (`preempt`). `wait` is how many seconds somebody else's is waited
    for. `resume` is a deployment whose runner died, and which goes on in this process under its own id.
    """

    environment: str
    above: int
    command: str
    wait: float = 0
    urgent: bool = False
    preempt: bool = False
    resume: str = ""


def acquire(app: App, claim: Claim) -> Acquired:
    """Take the lease, or wait for it.

    Raises Held if somebody has it and, after `wait` seconds, still has.
    Of two that resume one deployment, the second meets a living holder.
    """
    if claim.resume:
        return _resumed(app, claim)
    try:
        return _attempt(app, claim, claim.preempt)
    except Held as reason:
        if not claim.wait:
            raise _advised(claim, reason) from reason
        return _waited_for(app, claim, reason)


def _resumed(app: App, claim: Claim) -> Acquired:
    try:
        return Acquired(_taken(app, claim, over=claim.resume, deployment_id=claim.resume))
    except LeaseHeld as reason:
        remedy = f"See what it does: {commands.status(claim.environment)}"
        raise LeaseHeld(reason.seen, reason.what, remedy=remedy) from reason


def _waited_for(app: App, claim: Claim, reason: Held) -> Acquired:
    try:
        with app.screen.live(f"waiting up to {span(claim.wait)} for {claim.environment}") as phase:
            return _in_turn(app, claim, reason, phase)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(
            f"Interrupted while waiting for {claim.environment}.",
            remedy=f"See who holds it: {commands.lock(claim.environment)}",
        ) from interrupt


def _in_turn(app: App, claim: Claim, reason: Held, phase: Callable[[str], None]) -> Acquired:
    """Look again and again, at intervals that differ.

    So those who wait do not all come at once, nor in a fixed order.
    """
    until, pause = app.clock.now() + timedelta(seconds=claim.wait), FIRST_WAIT
    while (left := (until - app.clock.now()).total_seconds()) > 0:
        phase(_whose_turn(claim.environment, reason))
        app.clock.sleep(min(left, pause * random.uniform(0.5, 1.5)))  # noqa: S311 (jitter, not a secret)
        pause = min(pause * GROWTH, LONGEST_WAIT)
        try:
            return _attempt(app, claim, preempt=False)
        except Held as again:
            reason = again
    last = _advised(claim, reason)
    raise Held(f"{last.what} Waited {span(claim.wait)}.", state=last.state, remedy=last.remedy)


def _advised(claim: Claim, reason: Held) -> Held:
    """Add the commands of whoever has to wait to a refusal.

    The one that costs nothing comes first, fencing off last.
    """
    fence = f"Or take over, which cancels its operations in flight: {claim.command} --preempt" if claim.urgent else ""
    if not isinstance(reason, LeaseHeld):
        return Held(reason.what, state=reason.state, remedy=either(reason.remedy, fence)) if fence else reason
    wait = wait_or_free(claim.command, read(claim.environment, reason.seen))
    return LeaseHeld(reason.seen, reason.what, remedy=either(wait, fence))


def wait_or_free(again: str, held: Holder) -> str:
    """Say how to wait for a lease, or to free it."""
    return either(f"Wait for it: {again} --wait 10m", f"Or, if it is dead: {unlock_command(held)}")


def _whose_turn(environment: str, reason: Held) -> str:
    """Say whose turn it is, without what moves.

    `ada@laptop has held dev since 2026-11-20 15:53 UTC: deploy 0.1.30-dev: the units act`.
    """
    return since_when(read(environment, reason.seen)) if isinstance(reason, LeaseHeld) else reason.what


def _attempt(app: App, claim: Claim, preempt: bool) -> Acquired:
    try:
        return Acquired(_taken(app, claim))
    except LeaseUnreadable as damage:
        _mend(app, claim, damage, preempt)
        return Acquired(_taken(app, claim))
    except LeaseHeld as held:
        seen = held.seen
        if not preempt:
            if seen.held:
                raise
            _check_dead(app, claim.environment, seen, BRIEFLY if claim.urgent else None)
        record = _taken(app, claim, over=seen.record.deployment_id, living=preempt)
        _tell(app, claim.environment, seen)
        return Acquired(record, seen)


def _mend(app: App, claim: Claim, damage: LeaseUnreadable, preempt: bool) -> None:
    """Write a damaged lease anew, to fence off whoever has it.

    Only if a person wants that; otherwise the damage is raised.
    """
    if damage.id and preempt:
        app.leases.mend(claim.environment, damage.id)
        app.screen.warn(f"{damage.what} It was rewritten; its holder and their operations in flight are unknown")
        return
    if damage.id and claim.urgent:
        damage.remedy = either(damage.remedy, f"Or take it over from its holder: {claim.command} --preempt")
    raise damage


def _taken(app: App, claim: Claim, over: str = "", living: bool = False, deployment_id: str = "") -> LeaseRecord:
    return app.leases.take(
        claim.environment,
        holder=app.who,
        run_url=app.run_url,
        ttl=app.settings.environment(claim.environment).lease_ttl,
        deployment_id=deployment_id,
        above=claim.above,
        over=over,
        living=living,
    )


def _tell(app: App, environment: str, seen: Seen) -> None:
    held = read(environment, seen)
    outcome = "fenced off" if seen.held else "taken over from"
    app.screen.warn(
        f"{outcome} {held.holder}, deployment {held.deployment}, last heartbeat {held.heard} ({held.phase})"
    )


# -- what it has in flight ---------------------------------------------------------------------------------------------


def in_flight(app: App, environment: str, record: LeaseRecord) -> list[Operation]:
    """List the operations of a lease's deployment that have not ended."""
    since = begun(record.deployment_id) - SKEW if is_id(record.deployment_id) else LONG_AGO
    operations = app.target(changed_by(app, environment, record)).operations(record.deployment_id, since)
    return [operation for operation in operations if operation.running]


def changed_by(app: App, environment: str, record: LeaseRecord) -> str:
    """Name the environment that a holder changes.

    It may be another one of the lease group.
    """
    return record.environment if record.environment in app.settings.environments else environment


def operation_names(operations: Sequence[Operation]) -> str:
    """Name operations as a person finds them.

    `SSM command 1234, SSM command 5678`.
    """
    return ", ".join(operation.name for operation in operations)


# -- is it dead? -------------------------------------------------------------------------------------------------------


def _check_dead(app: App, environment: str, seen: Seen, within: float | None = None) -> None:
    """Raise Held unless the holder is known to be dead.

    Its heartbeat has expired. Its CI run is asked about for `within` seconds at most.
    """
    going = in_flight(app, environment, seen.record)
    if going:
        raise _not_dead(environment, seen, f"its {operation_names(going)} still runs")
    run = run_state(app, seen.record.run_url, within)
    if run == "lives" and seen.record.run_url != app.run_url:
        raise _not_dead(environment, seen, f"its CI run has not ended: {seen.record.run_url}")
    if run == "unknown":
        app.screen.warn(
            f"can't ask here whether {seen.record.run_url} has ended; its heartbeat stopped {ago(seen.age)} and none "
            "of its operations is in flight, so it counts as dead"
        )


def not_held(app: App, environment: str, again: str) -> str:
    """Describe the lease that a deployment would find now.

    Raises Held if it would have to wait. `again` is the command that begins it.
    """
    seen = app.leases.look(environment)
    if seen is None or not seen.record.holder:
        return "nobody holds it"
    held = read(environment, seen)
    if seen.held:
        raise Held(f"{since_when(held)}.", remedy=wait_or_free(again, held))
    _check_dead(app, environment, seen)
    return f"{held.holder} held it and died, last heartbeat {held.heard}; the next deployment takes it over"


def run_state(app: App, url: str, within: float | None = None) -> str:
    """Ask the forge for `within` seconds how a CI run stands.

    lives | ended | unknown; empty if the URL is of no run.
    """
    wanted = run_id(url)
    if not wanted:
        return ""
    answers: list[str] = []

    def ask() -> None:
        with suppress(ServiceFailed):
            answers.append(app.forge.run(wanted).state if app.forge else "")

    if within is None:
        ask()
    else:  # a forge that swallows packets has a minute's patience, and somebody waits to go back
        asking = Thread(target=ask, daemon=True)
        asking.start()
        asking.join(within)
    state = answers[0] if answers else ""
    return {"": "unknown", "completed": "ended"}.get(state, "lives")


def _not_dead(environment: str, seen: Seen, but: str) -> Held:
    held = read(environment, seen)
    return Held(
        f"{since_when(held)}. Its heartbeat stopped {held.heard}, but {but}.",
        remedy=either(
            f"Wait for its end, or resume it: {commands.resume(held.changes or environment)}",
            f"Or, if it is really dead: {unlock_command(held)}",
        ),
    )
