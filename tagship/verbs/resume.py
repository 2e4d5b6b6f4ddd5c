"""resume: end a deployment whose runner died, as that runner would have ended it.

What was started is not started again: its operations are waited for, as the target lists them, and units that were not
reached yet are changed now, under a higher fencing number. Of two that resume, the second meets a living lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tagship.domain import commands
from tagship.domain.deployment import Deployment, unfinished
from tagship.domain.plan import Plan
from tagship.domain.text import either, moment, plural, span
from tagship.domain.units import Report
from tagship.domain.verdict import serves, what_serves
from tagship.engine.acquire import in_flight, operation_names
from tagship.engine.artifacts import verified
from tagship.engine.holder import read, since_when, unlock_command
from tagship.engine.lease_session import hold_lease, observe
from tagship.engine.plan import facts, plan_of, recent, show
from tagship.engine.recorder import Recorder
from tagship.engine.rollback_candidates import suggested
from tagship.engine.run import Request, Result, planned, run_deployment
from tagship.engine.scope import patience
from tagship.engine.unread import all_read, last_number
from tagship.errors import Held, Refused, ServiceFailed, UsageError
from tagship.ports.app import App

LOOK = 5.0  # seconds between looks at a lease that has to expire first


def resume(app: App, *, env: str = "", wait: str = "", dry_run: bool = False) -> Result:
    """Resume the deployment of an environment whose runner died.

    Without an environment named, of the only one there is.
    A runner that died a moment ago still has its lease: that is given as long as `wait` says (`10m`) to expire.
    """
    environment, dead = _in_time(app, env, patience(wait))
    request = ResumeRequest(environment=environment, dead=dead)
    plan = request.plan(app)
    first = dead.first
    app.screen.say(f"resuming deployment {dead.id} ({dead.state}), begun by {first.who} on {moment(first.at)} UTC")
    whole = all_read(app, environment, dead)
    if whole:
        show(app, plan)
    else:
        app.screen.warn(f"some of its entries can't be read: the {plural(plan.noun)} are asked, and sent nothing")
    if dry_run:
        return planned(app, plan)
    return run_deployment(app, request, plan) if whole else _recorded(app, request, plan, dead)


@dataclass(frozen=True, kw_only=True)
class ResumeRequest(Request):
    """A request to end a deployment whose runner died.

    It does what that was to do, with the units that there are now.
    """

    def plan(self, app: App) -> Plan:
        """Plan what is left of it; raise Refused if it ended."""
        known, dead = facts(app, self.environment), self.dead
        last = known.unfinished
        if dead is None or last is None or last.id != dead.id:
            raise Refused(
                f"The deployment of {self.environment} has ended, or another followed it.",
                remedy=f"See what runs: {commands.status(self.environment)}",
            )
        stored = verified(app, self.environment, dead.artifact_id)
        units = app.target(self.environment).units()
        return plan_of(
            app,
            known,
            dead.first.action,
            stored,
            [unit for unit in units if unit.id not in dead.skipped],
            skipped=[unit for unit in units if unit.id in dead.skipped],
            heals=known.serving == dead.artifact_id,
            all_or_nothing=dead.all_or_nothing,
            backward=dead.backward,
        )


def _recorded(app: App, request: ResumeRequest, plan: Plan, dead: Deployment) -> Result:
    """End a deployment by what its units run; send nothing.

    It is for a deployment whose end can't be read.
    It is healthy if every unit serves it. Otherwise it is recorded as abandoned, and ServiceFailed is raised. Either is
    void to whoever can read an end that was written before.
    """
    with hold_lease(app, plan, request.claim(plan)) as session:
        going = in_flight(app, plan.environment, session.lease)
        if going:
            raise Held(
                f"{operation_names(going)} of deployment {dead.id} still runs.",
                remedy=f"Once it has ended: {commands.resume(plan.environment, wait='10m')}",
            )
        record = Recorder(app, plan, dead.id, session.lease.fence, last_number(app, plan.environment, dead))
        reports = observe(app, plan.environment, [unit for unit in plan.units if unit.online], session.beat)
        if len(reports) == len(plan.units) and all(serves(report, plan.artifact_id) for report in reports):
            record.add("healthy", units=reports)
            session.target.committed(session.change())
            app.screen.say(
                f"{plan.label} is healthy on {plan.environment}: every {plan.noun} confirms it; it is recorded"
            )
            return Result(plan, "healthy", dead.id, reports)
        record.add("abandoned", reason="its end can't be read")
    raise _lost(app, plan, dead, reports)


def _lost(app: App, plan: Plan, dead: Deployment, reports: Sequence[Report]) -> ServiceFailed:
    """Build the error of a deployment whose end nobody can tell."""
    return ServiceFailed(
        f"Can't tell how deployment {dead.id} of {plan.environment} ended: some of its entries can't be read, and not "
        f"every {plan.noun} runs {plan.artifact_id}.",
        state=f"It is recorded as abandoned. {what_serves(plan.units, reports)}",
        remedy=_onward(app, plan),
    )


def _onward(app: App, plan: Plan) -> str:
    """Say what to do next.

    From a rollback, go to what was good; from a deployment, to what served before it.
    """
    environment = plan.environment
    if plan.action == "rollback" and (good := suggested(app, environment, recent(app, environment))):
        return f"Go to what was good: {commands.rollback(good, environment)}"
    if plan.replaces:
        return f"Bring each {plan.noun} to {plan.replaces}: {commands.heal(environment)}"
    return f"Look: {commands.status(environment)}"


def _in_time(app: App, env: str, wait: float) -> tuple[str, Deployment]:
    """Look for the deployment whose runner died, until time is over."""
    until = app.clock.now() + timedelta(seconds=wait)
    try:
        return _found(app, env)
    except Held as reason:
        if not wait:
            raise
        app.screen.say(reason.what)
    with app.screen.live(f"waiting up to {span(wait)} for its lease to expire") as phase:
        while True:
            phase("looking at its lease")
            app.clock.sleep(min(max((until - app.clock.now()).total_seconds(), 0.0), LOOK))
            try:
                return _found(app, env)
            except Held:
                if app.clock.now() >= until:
                    raise


def _found(app: App, env: str) -> tuple[str, Deployment]:
    """Find the deployment whose runner died.

    Raises Held while its runner lives, Refused if there is none.
    """
    environments = [env] if env else list(app.settings.environments)
    pending: dict[str, Deployment] = {}
    for environment in environments:
        app.settings.environment(environment)
        last = unfinished(recent(app, environment))
        if last:
            pending[environment] = last
    dead = {environment: last for environment, last in pending.items() if not _lives(app, environment, last)}
    if len(dead) == 1:
        return next(iter(dead.items()))
    if dead:
        raise UsageError(
            f"Unfinished deployments on {' and '.join(dead)}.",
            remedy=f"Name one: {commands.resume(next(iter(dead)))}",
        )
    if pending:
        raise _alive(app, next(iter(pending)))
    where = env or " or ".join(environments)
    raise Refused(f"There is no unfinished deployment of {where}.", remedy=f"See what runs: {commands.status(env)}")


def _lives(app: App, environment: str, deployment: Deployment) -> bool:
    """Tell whether somebody ends that deployment at this moment.

    If so, its lease has a heartbeat.
    """
    seen = app.leases.look(environment)
    return bool(seen and seen.held and seen.record.deployment_id == deployment.id)


def _alive(app: App, environment: str) -> Held:
    held = read(environment, app.leases.look(environment))
    return Held(
        f"{since_when(held)}. Its last heartbeat was {held.heard}: its runner may be alive.",
        remedy=either(
            f"If it is dead, wait for its lease to expire: {commands.resume(environment, wait='10m')}",
            f"Or free it at once: {unlock_command(held)}",
        ),
    )
