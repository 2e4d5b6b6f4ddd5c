"""resume: end a deployment whose runner died, as that runner would have ended it.

What was started is not started again: its operations are waited for, as the target lists them, and units that were not
reached yet are changed now, under a higher fencing number. Of two that resume, the second meets a living lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tagship.domain import commands
from tagship.domain.deployment import Deployment, unfinished
from tagship.domain.plan import Plan
from tagship.domain.text import moment, span
from tagship.engine.artifacts import verified
from tagship.engine.holder import read, since_when, unlock_command
from tagship.engine.plan import all_read, facts, plan_of, recent, show
from tagship.engine.run import Request, Result, planned, run_deployment
from tagship.engine.scope import patience
from tagship.errors import Held, Refused, UsageError
from tagship.ports.app import App

LOOK = 5.0  # seconds between looks at a lease that has to expire first


def resume(app: App, *, env: str = "", wait: str = "", dry_run: bool = False) -> Result:
    """Resume the deployment of an environment whose runner died; without one named, of the only one there is.

    A runner that died a moment ago still has its lease: that is given as long as `wait` says (`10m`) to expire.
    """
    environment, dead = _in_time(app, env, patience(wait))
    request = ResumeRequest(environment=environment, dead=dead)
    plan = request.plan(app)
    first = dead.first
    app.screen.say(f"resuming deployment {dead.id} ({dead.state}), begun by {first.who} on {moment(first.at)} UTC")
    show(app, plan)
    if dry_run:
        return planned(app, plan)
    return run_deployment(app, request, plan)


@dataclass(frozen=True, kw_only=True)
class ResumeRequest(Request):
    """A deployment whose runner died is to be ended: what it was to do, with the units that there are now."""

    def plan(self, app: App) -> Plan:
        """Raises Refused if it has ended meanwhile."""
        known, dead = facts(app, self.environment), self.dead
        last = known.unfinished
        if dead is None or last is None or last.id != dead.id:
            raise Refused(
                f"The deployment of {self.environment} has ended meanwhile, or another came after it.",
                remedy=f"See what runs: {commands.status(self.environment)}",
            )
        stored = verified(app, self.environment, dead.artifact_id)
        units = app.target(self.environment).units()
        return plan_of(
            known,
            dead.first.action,
            stored,
            [unit for unit in units if unit.id not in dead.skipped],
            skipped=[unit for unit in units if unit.id in dead.skipped],
            heals=known.serving == dead.artifact_id,
            all_or_nothing=dead.all_or_nothing,
        )


def _in_time(app: App, env: str, wait: float) -> tuple[str, Deployment]:
    """The deployment whose runner died, looked for until there is one, or the time is over."""
    until = app.clock.now() + timedelta(seconds=wait)
    while True:
        try:
            return _found(app, env)
        except Held as reason:
            left = (until - app.clock.now()).total_seconds()
            if left <= 0:
                raise
            with app.screen.live(f"waiting up to {span(left)} for its lease to expire") as phase:
                phase(reason.what)
                app.clock.sleep(min(left, LOOK))


def _found(app: App, env: str) -> tuple[str, Deployment]:
    """The deployment whose runner died; raises Held while it lives, Refused where there is none."""
    environments = [env] if env else list(app.settings.environments)
    found: dict[str, Deployment] = {}
    for one in environments:
        app.settings.environment(one)
        last = unfinished(recent(app, one))
        if last:
            found[one] = last
    dead = {one: last for one, last in found.items() if not _lives(app, one, last)}
    if len(dead) == 1:
        return _whole(app, *next(iter(dead.items())))
    if dead:
        raise UsageError(
            f"Unfinished deployments on {' and '.join(dead)}.",
            remedy=f"Name one: {commands.resume(next(iter(dead)))}",
        )
    if found:
        raise _alive(app, next(iter(found)))
    where = env or " or ".join(environments)
    raise Refused(f"There is no unfinished deployment of {where}.", remedy=f"See what runs: {commands.status(env)}")


def _whole(app: App, environment: str, dead: Deployment) -> tuple[str, Deployment]:
    """The same; raises Refused where its end may be in what could not be read."""
    if all_read(app, environment, dead):
        return environment, dead
    raise Refused(
        f"Can't tell whether deployment {dead.id} of {environment} has ended: some of its entries can't be read.",
        remedy=f"Use the tagship that wrote them; or see what runs, and deploy that: {commands.status(environment)}",
    )


def _lives(app: App, environment: str, one: Deployment) -> bool:
    """Whether somebody ends that deployment at this moment: its lease has a heartbeat."""
    seen = app.leases.look(environment)
    return bool(seen and seen.held and seen.record.deployment_id == one.id)


def _alive(app: App, environment: str) -> Held:
    held = read(environment, app.leases.look(environment))
    return Held(
        f"{since_when(held)}. Its last heartbeat was {held.heard}: its runner may be alive.",
        remedy=f"If it is dead, its lease soon expires; then: {commands.resume(environment)}"
        f" (or at once: {unlock_command(held)})",
    )
