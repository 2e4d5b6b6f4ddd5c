"""Holding an environment's lease for what is no deployment: an infrastructure tool that changes what hosts stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tagship.domain.deployment import fenced
from tagship.domain.plan import Plan
from tagship.engine.acquire import acquire
from tagship.engine.heartbeat import Heartbeat
from tagship.engine.plan import recent
from tagship.errors import Held, LeaseLost, ServiceFailed
from tagship.ports.app import App


@contextmanager
def exclusive(app: App, environment: str, what: str, *, wait: float, again: str) -> Iterator[None]:
    """No deployment of the environment is under way, and none begins. One that is has `wait` seconds to end.

    The tool that runs meanwhile cannot be stopped half-way: a lease that is broken is told of when it has ended.
    """
    plan = Plan(what, environment, "", "", (), {}, "", fence=fenced(recent(app, environment)))
    try:
        heart = Heartbeat(app.leases, acquire(app, plan, wait=wait).record)
    except Held as reason:
        remedy = f"When that has ended: {again}   (whether it is dead: inv lock --env {environment})"
        raise Held(reason.what, state=reason.state, remedy=remedy) from reason
    heart.start()
    try:
        heart.renew(what)
        yield
    finally:
        heart.stop()
        _give_back(app, heart, what)


def _give_back(app: App, heart: Heartbeat, what: str) -> None:
    lease = heart.record
    try:
        heart.check()
        app.leases.release(lease)
    except LeaseLost as reason:
        app.screen.warn(f"while {what} ran, {reason.what[:1].lower()}{reason.what[1:]}")
    except ServiceFailed as reason:
        app.screen.warn(f"the lease of {lease.environment} was not given back ({reason}): it expires in {lease.ttl} s")
