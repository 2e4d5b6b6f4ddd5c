"""A deployment that waits for a person: which one, where, and the record of what the person decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from tagship.domain import commands
from tagship.domain.pause import Pause
from tagship.engine.plan import recent
from tagship.engine.unread import last_number
from tagship.errors import Held, ServiceFailed
from tagship.ports.app import App
from tagship.ports.target import Pausable


@dataclass(frozen=True)
class Paused:
    """A deployment that waits.

    It is `followed` while its lease has a heartbeat.
    """

    deployment: str
    holder: str
    fence: int
    followed: bool
    pauses: Sequence[Pause]

    @property
    def units(self) -> list[str]:
        return list(dict.fromkeys(pause.unit for pause in self.pauses))

    def record(self, app: App, environment: str) -> None:
        """Append to the ledger who had it go on.

        It goes on already: a ledger that does not answer is a warning.
        """
        deployments = (row for row in recent(app, environment) if row.id == self.deployment and not row.ended)
        deployment = next(deployments, None)
        if deployment is None:
            return
        try:
            number, last = last_number(app, environment, deployment) + 1, deployment.last
            app.ledger.append(
                replace(
                    last, number=number, state="started", fence=max(last.fence, self.fence), who=app.who, reason="",
                    at=app.store.now().isoformat(timespec="milliseconds"), where=app.run_url,
                    by=app.at(environment).caller,
                    details={"continued": [asdict(pause) for pause in self.pauses]},
                )
            )  # fmt: skip
        except ServiceFailed as reason:
            app.screen.warn(f"the ledger could not record that you continued it: {reason.what}")


def paused(app: App, environment: str) -> Paused | None:
    """Find the deployment that holds an environment and waits.

    None if nobody holds it, or its holder waits for nobody.
    """
    target = app.target(environment)
    if not isinstance(target, Pausable):
        return None
    seen = app.leases.look(environment)
    if seen is None or not seen.record.holder or seen.record.environment != environment:
        return None
    record = seen.record
    pauses = target.pauses(record.deployment_id)
    return Paused(record.deployment_id, record.holder, record.fence, seen.held, pauses) if pauses else None


def require_same(app: App, environment: str, waiting: Paused) -> None:
    """Raise Held if another deployment took the environment meanwhile."""
    seen = app.leases.look(environment)
    if seen is None or (seen.record.deployment_id, seen.record.fence) != (waiting.deployment, waiting.fence):
        raise Held(
            f"Deployment {waiting.deployment} no longer holds {environment}.",
            remedy=f"See who does: {commands.lock(environment)}",
        )
