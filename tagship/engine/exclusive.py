"""Hold an environment's lease for what is no deployment: an infrastructure tool that changes what units stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tagship.domain import commands
from tagship.domain.text import either
from tagship.engine.acquire import Claim, acquire
from tagship.engine.heartbeat import Heartbeat
from tagship.engine.plan import facts
from tagship.engine.signals import signals_interrupt
from tagship.errors import Held, LeaseLost, ServiceFailed
from tagship.ports.app import App


@contextmanager
def exclusive(app: App, environment: str, purpose: str, *, wait: float, again: str) -> Iterator[None]:
    """Let no deployment of the environment run or begin.

    One that is under way has `wait` seconds to end.
    The tool that runs meanwhile cannot be stopped half-way: a lease that is broken is told of when it has ended.
    """
    with signals_interrupt():
        heartbeat = _acquired(app, environment, wait, again)
        heartbeat.start()
        try:
            heartbeat.renew(purpose)
            yield
        finally:
            heartbeat.stop()
            _give_back(app, heartbeat, purpose)


def _acquired(app: App, environment: str, wait: float, again: str) -> Heartbeat:
    claim = Claim(environment, facts(app, environment).fence, again, wait=wait)
    try:
        return Heartbeat(app.leases, acquire(app, claim).record)
    except Held as reason:
        remedy = either(f"When that has ended: {again}", f"Or see if it is dead: {commands.lock(environment)}")
        raise Held(reason.what, state=reason.state, remedy=remedy) from reason


def _give_back(app: App, heartbeat: Heartbeat, purpose: str) -> None:
    lease = heartbeat.record
    try:
        heartbeat.check()
        app.leases.release(lease)
    except LeaseLost as reason:
        app.screen.warn(f"while {purpose} ran, {reason.what[:1].lower()}{reason.what[1:]}")
    except ServiceFailed as reason:
        app.screen.warn(
            f"the lease of {lease.environment} could not be released ({reason}); it expires in {lease.ttl} s"
        )
