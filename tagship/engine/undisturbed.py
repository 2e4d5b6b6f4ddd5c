"""Delete while nobody deploys: hold an environment's lease, once its ledger is as it was when things were judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagship.domain import commands
from tagship.domain.deployment import fenced
from tagship.domain.retention import Use
from tagship.engine.gates import freeze_of
from tagship.engine.in_use import complete
from tagship.errors import Held
from tagship.ports.app import App


@contextmanager
def undisturbed(app: App, environment: str, use: Use, state: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Hold the lease if nothing has changed; yield what renews it.

    Raises Held if somebody has it, or has deployed, marked or frozen; `state` says what had been deleted by then.
    """
    lease = app.leases.take(
        environment,
        holder=app.who,
        run_url=app.run_url,
        ttl=app.settings.environment(environment).lease_ttl,
        above=fenced(use.history),
    )
    held = [lease]

    def renew() -> None:
        held[0] = app.leases.renew(held[0], phase="deleting what is old")

    try:
        _require_unchanged(app, environment, use, state)
        yield renew
    finally:
        app.leases.release(held[0])


def _require_unchanged(app: App, environment: str, use: Use, state: Callable[[], str]) -> None:
    now = complete(app, environment)
    before = [(deployment.id, deployment.state) for deployment in use.history]
    changed = [(deployment.id, deployment.state) for deployment in now] != before
    if changed or len(app.ledger.marks(environment)) != len(use.marks) or freeze_of(app, environment):
        raise Held(
            f"Somebody deployed to {environment}, marked a version or froze it during the cleanup.",
            state=state(),
            remedy=f"Run it again: {commands.cleanup(environment)}",
        )
