"""What the ledger says of an environment, and what happens while it is read."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import Deployment
from tagship.engine.plan import facts
from tests.fakes.app import FakeApp


def test_a_target_gets_ready_before_the_ledger_is_read() -> None:
    app, ready = FakeApp(), list[bool]()
    read = app.ledger.deployments

    def deployments(environment: str, limit: int = 0) -> Sequence[Deployment]:
        ready.append(app.hosts.prepared)
        return read(environment, limit)

    app.ledger.deployments = deployments  # type: ignore[method-assign]
    facts(app, "dev")
    assert ready[0] is True
