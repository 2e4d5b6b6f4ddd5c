"""Take an artifact through an environment's units, and back: a batch, the units that there are by then, the next batch.

tagship.domain.rollout_decision decides; here is what it takes to ask. Nothing is started but through the lease.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tagship.domain import rollout_decision as domain
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.rollout_decision import Rollout, RolloutStep, conclusion, next_step
from tagship.domain.rules import Rules
from tagship.domain.text import counted, listed, plural
from tagship.domain.units import Operation, Report, Unit
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.domain.waves import ended_wave
from tagship.engine.acquire import SKEW, operation_names
from tagship.engine.lease_session import LeaseSession, observe
from tagship.engine.plan import manifest_sha256
from tagship.engine.recorder import Recorder
from tagship.errors import ArtifactError, LeaseLost, Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.target import Observant


def rules_for(settings: Rules, plan: Plan) -> Rules:
    """Return the target's rules for this plan.

    A rollback is urgent and goes to a version that ran here: it has batches, no canary and no error limit. A heal has
    none either: a unit that cannot be brought to it is no reason to leave the others as they are.
    """
    if plan.keeps:
        return settings.urgent()
    return settings if plan.action == "deploy" else settings.all_or_nothing()


def roll_out(session: LeaseSession, so_far: Rollout | None = None) -> Rollout:
    """Bring the plan's artifact to every unit, then ask them all.

    Units that join meanwhile are included.
    `so_far` is a rollout that somebody else began: its units that were changed are not changed again.

    Raises what goes wrong before any unit was changed, or while units act, or when the lease is lost. Between two
    batches it is a reason to stop instead (`stop`): what was changed can then be put back.
    """
    plan, rules = session.plan, rules_for(session.target.rules, session.plan)
    rollout = so_far or Rollout.begin(plan.artifact_id, plan.units, plan.others, plan.skipped)
    fresh = True  # whether its units were listed since the last change
    while True:
        step = next_step(rules, rollout)
        try:
            if not step.units and not fresh:
                rollout, fresh = rollout.seen(_present(session, rollout)), True
                continue
            if step.stop:
                return rollout.stopped(step.stop)
            if not step.units:
                return _observed(session, rules, rollout)
            _announce(session.app, rules, rollout, step)
            rollout = rollout.heard(session.carry_out(session.change(), step.units))
            if session.stopped:
                return rollout.stopped(domain.INTERRUPTED)
            meanwhile = _seen_meanwhile(session)
            if step.canary and rules.bake:
                rollout = rollout.observed(_baked(session, rules.bake, step.units, f"the canary {step.units[0].name}"))
                meanwhile = None
            if wave := ended_wave(rules, rollout, step.units):
                rollout = rollout.observed(_baked(session, rules.between, wave, wave[0].wave))
                meanwhile = None
            fresh = meanwhile is None
            rollout = rollout.seen(_present(session, rollout) if meanwhile is None else meanwhile)
        except KeyboardInterrupt:
            if session.in_flight or not rollout.reports:
                raise
            rollout = rollout.stopped(domain.INTERRUPTED)
        except TagshipError as reason:
            if session.in_flight or isinstance(reason, LeaseLost) or not rollout.reports:
                raise
            rollout = rollout.stopped(reason.what.rstrip("."))


def resumed(session: LeaseSession, record: Recorder, dead: Deployment) -> Rollout:
    """Find how far a deployment came whose runner died.

    What its operations came to, and what each of those units runs now.
    Units that were not reached yet are left to be changed. If putting back had begun, nothing more is rolled out.
    """
    plan = session.plan
    started = session.target.operations(dead.id, datetime.fromisoformat(dead.first.at) - SKEW)
    ours = [
        operation
        for operation in started
        if operation.artifact_id == plan.artifact_id and (operation.action == plan.action or plan.backward)
    ]
    rollout = Rollout.begin(plan.artifact_id, plan.units, plan.others, plan.skipped)
    reached = {unit for operation in ours for unit in operation.units}
    units = [unit for unit in plan.units if unit.id in reached]
    _say_how_far(session.app, plan, ours, units)
    if units:
        record.started([operation.name for operation in ours])
        rollout = rollout.heard(session.take_up(ours, units))
        rollout = rollout.observed(_observe_twice(session, [unit for unit in units if unit.online]))
    if dead.state == "failed" or len(started) > len(ours):
        return rollout.stopped(dead.last.reason or "it was being rolled back when its runner died")
    return rollout


def _say_how_far(app: App, plan: Plan, ours: Sequence[Operation], units: Sequence[Unit]) -> None:
    if not units:
        app.screen.say(f"nothing was sent to any {plan.noun} yet: starting now")
        return
    total = counted(len(plan.units), plan.noun)
    app.screen.say(f"already sent to {len(units)} of {total} ({operation_names(ours)}); it is not sent to them again")


def _announce(app: App, rules: Rules, rollout: Rollout, step: RolloutStep) -> None:
    if len(step.units) == rollout.total:
        return
    if step.canary:
        bake = f", for {rules.bake} s" if rules.bake else ""
        app.screen.say(f"the canary {step.units[0].name} goes first{bake}")
        return
    done = f"{len(rollout.reports)} of {rollout.total} done"
    app.screen.say(f"changing {listed([unit.name for unit in step.units], 4)} ({done})")


def _baked(session: LeaseSession, seconds: int, units: Sequence[Unit], name: str) -> list[Report]:
    """Leave units alone a while; ask if they still serve."""
    clock = session.app.clock
    until = clock.now() + timedelta(seconds=seconds)
    while (left := (until - clock.now()).total_seconds()) > 0:
        session.beat(f"watching {name} until {until:%H:%M:%S} UTC")
        clock.sleep(min(1.0, left))
    return _observe_twice(session, units)


def _seen_meanwhile(session: LeaseSession) -> Sequence[Unit] | None:
    """List the units that were seen while the last batch changed.

    None if no look was made. It is enough to go on with the next batch. Whatever ends a rollout is decided by a list
    that is asked for then.
    """
    return session.target.seen_meanwhile() if isinstance(session.target, Observant) else None


def _present(session: LeaseSession, rollout: Rollout) -> Sequence[Unit]:
    """List the units that there are now.

    If the target cannot say, the ones there were: the next change will show.
    """
    try:
        return session.target.units()
    except Refused:
        return ()
    except ServiceFailed as reason:
        session.app.screen.warn(f"can't tell whether {plural(rollout.noun)} joined or left: {reason.what}")
        return rollout.present


def _observed(session: LeaseSession, rules: Rules, rollout: Rollout) -> Rollout:
    """Ask every unit what it runs, and compare.

    A unit that is the only one has just said it, in its verdict. If nobody can be asked, the verdicts count.
    """
    skipped = {unit.id for unit in rollout.skipped}
    online = [unit for unit in rollout.present if unit.online and unit.id not in skipped]
    if rollout.total > 1:
        session.beat(f"asking {counted(len(online), rollout.noun)} what they run")
        try:
            rollout = rollout.observed(_observe_twice(session, online))
        except LeaseLost:
            raise
        except ServiceFailed as reason:
            session.app.screen.warn(f"could not ask the {plural(rollout.noun)} again what they run: {reason.what}")
    return rollout.stopped(conclusion(rules, rollout))


def _observe_twice(session: LeaseSession, units: Sequence[Unit]) -> list[Report]:
    """Ask units what they run; ask silent ones once more."""
    environment = session.plan.environment
    reports = {report.unit: report for report in observe(session.app, environment, units, session.beat)}
    silent = [unit for unit in units if reports[unit.id].outcome == "silent"]
    reports.update({report.unit: report for report in observe(session.app, environment, silent, session.beat)})
    return list(reports.values())


# -- and back ----------------------------------------------------------------------------------------------------------


def put_back(session: LeaseSession, rollout: Rollout) -> Iterator[list[Report]]:
    """Put each changed unit back to what it ran before.

    The last one first; yields what each batch reports.
    """
    app, rules = session.app, rules_for(session.target.rules, session.plan)
    by_id = {unit.id: unit for unit in rollout.units}
    for back in domain.put_back(rules, rollout):
        units = [by_id[unit] for unit in back.units]
        app.screen.say(f"putting {back.artifact_id} back on {listed([unit.name for unit in units], 4)}")
        yield _back_to(session, back.artifact_id, units, rollout.reports)


def without_the_gone(session: LeaseSession, rollout: Rollout, final: Sequence[Report]) -> list[Report]:
    """Leave out the units that left while they were put back."""
    if all(report.outcome != "rollback-failed" for report in final):
        return list(final)
    present = {unit.id for unit in _present(session, rollout)}
    return [report for report in final if report.unit in present]


def _back_to(
    session: LeaseSession, previous: ArtifactId, units: Sequence[Unit], before: Mapping[str, Report]
) -> list[Report]:
    """Roll units back that ran `previous`.

    Whatever does not serve it afterwards is `rollback-failed`. `before` has each unit's last report: one to which
    nothing can be sent serves what it served.
    """
    try:
        digest = manifest_sha256(session.app, session.plan.environment, previous)
    except ArtifactError as reason:
        why = reason.what.rstrip(".")
        return [replace(before[unit.id], outcome="rollback-failed", reason=why) for unit in units]
    reports = session.carry_out(session.change("rollback", previous, digest), units)
    return [report if serves(report, previous) else replace(report, outcome="rollback-failed") for report in reports]
