"""Dev with a fleet: an old version on every host, a new one published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tagship.domain.lease import LeaseRecord
from tagship.errors import ServiceFailed
from tagship.verbs.deploy import deploy
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.target import FakeTarget, Machine, machine

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
SIGN_IN = "Sign in: aws sso login"


def fleet(*machines: Machine | int, **rules: Any) -> FakeApp:
    """dev with these machines (or so many), on which OLD was deployed; NEW is published. `rules` are its settings."""
    made = [one for each in machines for one in (many(each) if isinstance(each, int) else [each])]
    waiting = [one.answers.copy() for one in made]
    for one in made:
        one.answers.clear()
    app = FakeApp(settings=settings(environments=environments(ec2={"rollout": rules})), hosts=FakeTarget(made))
    app.publish(OLD, NEW)
    online = [one.unit.online for one in made]
    for one in made:
        set_online(one, True)
    deploy(app, artifact=OLD)
    for one, answers, there in zip(made, waiting, online, strict=True):
        one.answers = answers
        set_online(one, there)
    app.hosts.asked.clear()
    app.screen.lines.clear()
    return app


def expired() -> None:
    raise ServiceFailed("The AWS credentials have expired (writing s3://b/k).", remedy=SIGN_IN)


def many(count: int) -> list[Machine]:
    return [machine(f"web-{n}") for n in range(1, count + 1)]


def set_online(one: Machine, there: bool) -> None:
    host = one.unit
    problem = "" if there else "its SSM agent doesn't answer (ConnectionLost)"
    one.unit = replace(host, online=there, problem=problem)


def told(app: FakeApp, action: str = "deploy") -> list[list[str]]:
    return [names for order, names in app.hosts.asked if order.action == action]


def last_state(app: FakeApp) -> str:
    return app.ledger.entries[-1].state


def lost_when_recording(app: FakeApp) -> None:
    """Somebody takes the lease when the hosts are done."""
    renew = app.leases.renew

    def gone(record: LeaseRecord, *, phase: str, operations: Sequence[str] = ()) -> LeaseRecord:
        if phase == "recording how it ended":
            app.leases.break_("dev", record.deployment_id)
        return renew(record, phase=phase, operations=operations)

    app.leases.renew = gone  # type: ignore[method-assign]
