"""Fence a deployment off: cancel what it has in flight, and wait for its end, a minute at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tagship.domain.lease import Seen
from tagship.domain.text import span
from tagship.domain.units import Operation
from tagship.engine.acquire import changed_by, in_flight, operation_names
from tagship.errors import ServiceFailed
from tagship.ports.app import App

CANCEL_WITHIN = 60.0  # seconds that operations may take to end once they are cancelled
LOOK_AFTER = 0.5  # seconds between looks whether they have


def stop_operations(app: App, environment: str, seen: Seen) -> tuple[Operation, ...]:
    """Cancel what a fenced-off deployment has in flight; wait for its end.

    A unit's program may be killed at any point: the next change finishes or undoes what it had begun. What cannot be
    cancelled is waited for as well, and what can't be asked is not: units refuse its fencing number by now. Returns
    what was in flight, each `running` if it had not ended after all.
    """
    try:
        cancelled = in_flight(app, environment, seen.record)
    except ServiceFailed as reason:
        app.screen.warn(f"can't ask what {seen.record.holder} has in flight, so nothing is cancelled: {reason.what}")
        return ()
    if not cancelled:
        return ()
    names = operation_names(cancelled)
    try:
        app.target(changed_by(app, environment, seen.record)).cancel(cancelled)
    except ServiceFailed as reason:
        app.screen.warn(f"{names} could not be cancelled, and goes on: {reason.what}")
    with app.screen.live(f"cancelling {names} of {seen.record.holder}") as phase:
        phase(f"waiting up to {span(CANCEL_WITHIN)} for its end")
        left = _still_going(app, environment, seen, cancelled)
    if left:
        app.screen.warn(f"{operation_names(left)} is not seen to end within {span(CANCEL_WITHIN)}; this goes on")
    going = {operation.id for operation in left}
    return tuple(replace(operation, running=operation.id in going) for operation in cancelled)


def _still_going(app: App, environment: str, seen: Seen, going: Sequence[Operation]) -> Sequence[Operation]:
    """Wait for operations to end; return those that were last seen running."""
    until = app.clock.now() + timedelta(seconds=CANCEL_WITHIN)
    while going and app.clock.now() < until:
        app.clock.sleep(LOOK_AFTER)
        try:
            going = in_flight(app, environment, seen.record)
        except ServiceFailed as reason:
            app.screen.warn(f"can't ask whether {operation_names(going)} has ended: {reason.what}")
            return going
    return going
