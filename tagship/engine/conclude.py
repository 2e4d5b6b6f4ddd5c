"""Conclude a rollout: undo a failed one, then append its final state to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from tagship.domain.plan import Plan
from tagship.domain.rollout_decision import INTERRUPTED, Rollout
from tagship.domain.text import counted, either, listed
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import Ending, ending, evidence, serves, unserved, what_serves
from tagship.engine import static_sets
from tagship.engine.before_tagship import ways_before
from tagship.engine.completing import complete, note_tests, raise_kept
from tagship.engine.failures import cause, cut_short, failure, first_to_mend, heal, unwritten
from tagship.engine.hooks import HookSequence
from tagship.engine.lease_session import LeaseSession
from tagship.engine.recorder import Recorder
from tagship.engine.rollback_candidates import way_back
from tagship.engine.rollout import put_back, without_the_gone
from tagship.errors import Interrupted, RollbackFailed, ServiceFailed, TagshipError
from tagship.ports.app import App


def conclude(hooks: HookSequence, rollout: Rollout, seconds: float) -> None:
    """Undo what failed, record the final state, and raise the failure."""
    session, record = hooks.session, hooks.record
    left = {unit.id for unit in rollout.gone}
    changed = tuple(unit for unit in rollout.units if unit.id in rollout.reports and unit.id not in left)
    session.plan = replace(session.plan, units=changed or session.plan.units)
    session.serves = what_serves(rollout.units, rollout.here, rollout.untouched)
    _name_the_moving(session, rollout)
    if _is_kept(session.plan, rollout) and not session.plan.heals:
        rollout = complete(hooks, rollout, seconds)
    if not _is_kept(session.plan, rollout):
        _undo(session, record, rollout, seconds)
    elif rollout.lagging:
        _leave_partial(session, record, rollout, seconds)
    else:
        session.require_lease()
        _record_healthy(record, session.plan, rollout, seconds)
        session.target.committed(session.change())
        note_tests(hooks)
        static_sets.sweep(session)
        raise_kept(hooks)


def _is_kept(plan: Plan, rollout: Rollout) -> bool:
    """Tell whether what runs it goes on running it.

    Nothing stopped the rollout, or what stopped it is no reason to undo.
    """
    if not rollout.stop:
        return True
    return (plan.keeps and bool(rollout.serving)) or (plan.heals and bool(rollout.lagging))


def _name_the_moving(session: LeaseSession, rollout: Rollout) -> None:
    """Name the units that left or joined meanwhile.

    Those that left are not waited for; those that joined cannot be reached yet.
    """
    environment, warn = session.plan.environment, session.app.screen.warn
    if rollout.gone:
        warn(f"left {environment} during the deployment: {listed(_named(rollout.gone))}")
    if rollout.joining:
        warn(f"joined {environment}, but can't be reached yet: {listed(_named(rollout.joining))}")
        warn(f"once they can be reached: {heal(session.plan)}")


def _leave_partial(session: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> NoReturn:
    """Leave it in place, though some units do not run it.

    What does not run it is no reason to undo it. It serves, and is not called healthy until all run it.
    """
    plan = session.plan
    if rollout.stop:
        session.app.screen.warn(f"Stopped: {rollout.stop}.")
    session.require_lease()
    try:
        _record_partial(record, plan, rollout, seconds)
    except ServiceFailed as reason:
        raise unwritten(plan, _missing(session.app, plan, rollout), reason) from reason
    session.target.committed(session.change())
    raise _missing(session.app, plan, rollout)


def _record_partial(record: Recorder, plan: Plan, rollout: Rollout, seconds: float) -> None:
    record.add(
        _outcome(plan, rollout),
        reason=_where_missing(rollout),
        replaced=_replaced(plan, rollout.here),
        units=_known_to_run(rollout),
        seconds=seconds,
        stragglers=sorted(report.unit for report in rollout.lagging),
        gone=sorted(unit.id for unit in rollout.gone),
    )


def _where_missing(rollout: Rollout) -> str:
    skipped = {unit.id for unit in rollout.skipped}
    known = rollout.names
    names = [known[report.unit] + (" (skipped)" if report.unit in skipped else "") for report in rollout.lagging]
    return f"it is missing on {len(names)} of {counted(rollout.size, rollout.noun)}: {listed(sorted(names), 4)}"


def _missing(app: App, plan: Plan, rollout: Rollout) -> TagshipError:
    """Build the error that names the units that lack it.

    It says why for each, and the way back if it serves on none.
    """
    state, names, bad = what_serves(rollout.units, rollout.known), rollout.names, rollout.lagging
    if rollout.stop == INTERRUPTED:
        return Interrupted(f"Interrupted: {_where_missing(rollout)}.", state=state, remedy=f"Go on: {heal(plan)}")
    total = counted(rollout.size, rollout.noun)
    why = listed([f"{names[report.unit]} ({report.unit}): {report.reason or report.outcome}" for report in bad], 20)
    kind = unserved(plan.artifact_id, rollout.known)
    back = way_back(app, plan.environment, plan.artifact_id) if kind is RollbackFailed else ""
    mend = f"what is wrong with them, then: {heal(plan)}"
    return kind(
        f"{plan.artifact_id} serves on {rollout.size - len(bad)} of {total} of {plan.environment}; not on {why}.",
        state=state,
        remedy=either(f"Go back: {back}", f"Or fix {mend}") if back else f"Fix {mend}",
        evidence=evidence(plan, bad),
    )


def _outcome(plan: Plan, rollout: Rollout) -> str:
    """Choose the outcome to record.

    A heal that only passed units over that can't be reached says nothing new of the version: what was healthy stays
    healthy.
    """
    was_healthy = plan.heals and plan.serves is not None and plan.serves.state == "healthy"
    passed_over = not rollout.stop and all(report.unit not in rollout.reports for report in rollout.lagging)
    return "healthy" if was_healthy and passed_over else "partial"


def _undo(session: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> NoReturn:
    """Put back what was changed, record it, and raise why."""
    session.app.screen.warn(f"Stopped: {rollout.stop}.")
    problem = static_sets.put_back(session)
    final = _put_back(session, record, rollout, seconds)
    session.require_lease()
    end = ending(session.plan, rollout.here, final, rollout.stop)
    if problem:
        end = replace(end, kind="lost", reason=f"{end.reason}; {problem}")
    end = replace(end, evidence=end.evidence or session.evidence)
    failed = _failure(session, rollout, end)
    failed.state = f"{failed.state} {session.left}".rstrip()
    failed.remedy = either(failed.remedy, *ways_before(session.plan, final))
    try:
        _record_undone(record, rollout, final, end, seconds)
    except ServiceFailed as reason:
        raise unwritten(session.plan, failed, reason) from reason
    raise failed


def _put_back(session: LeaseSession, record: Recorder, rollout: Rollout, seconds: float) -> list[Report]:
    """Put back what was changed; return each unit's last report.

    What serves is noted after every batch: whatever cuts it short says that.
    """
    final = {report.unit: report for report in rollout.here}
    try:
        for reports in put_back(session, rollout):
            final.update({report.unit: report for report in reports})
            session.serves = what_serves(rollout.units, list(final.values()), rollout.untouched)
        remaining = without_the_gone(session, rollout, list(final.values()))
    except (KeyboardInterrupt, TagshipError) as reason:
        why = f"putting back was cut short: {cause(reason)}"
        failed = cut_short(session, reason)
        try:
            record.add("failed", reason=why, units=list(final.values()), seconds=seconds)
        except ServiceFailed as silence:
            failed = unwritten(session.plan, failed, silence)
        raise failed from reason
    session.serves = what_serves(rollout.units, remaining, rollout.untouched)
    return remaining


def _record_undone(record: Recorder, rollout: Rollout, final: Sequence[Report], end: Ending, seconds: float) -> None:
    """Record what failed, and then what came of putting it back."""
    if end.kind == "held":
        record.add("abandoned", reason=end.reason, units=final, seconds=seconds)
        return
    record.add("failed", reason=end.reason, units=rollout.here, seconds=seconds, evidence=end.evidence)
    last = "rollback-failed" if end.kind == "lost" else "rolled-back"
    record.add(last, reason=end.reason, units=final, seconds=seconds)


def _failure(session: LeaseSession, rollout: Rollout, end: Ending) -> TagshipError:
    plan = session.plan
    if rollout.stop == INTERRUPTED and end.kind != "lost":
        total = counted(rollout.total, rollout.noun)
        back = len(rollout.changed) or sum(report.outcome == "rolled-back" for report in rollout.here)
        problem = f"Interrupted: {plan.artifact_id} was taken back from {back} of {total}."
        return Interrupted(problem, state=session.serves, remedy=f"Run it again: {plan.command}")
    return failure(plan, end, session.serves)


def _record_healthy(record: Recorder, plan: Plan, rollout: Rollout, seconds: float) -> None:
    reports, known = rollout.here, _known_to_run(rollout)
    try:
        record.add("healthy", replaced=_replaced(plan, reports), units=known, seconds=seconds)
    except ServiceFailed as reason:
        raise ServiceFailed(
            f"{plan.artifact_id} is healthy on {plan.environment}, but the ledger could not record it: {reason.what}",
            state=what_serves(plan.units, reports),
            remedy=either(
                *first_to_mend(reason),
                f"Record it by running it again, which changes nothing on the units: {plan.command}",
            ),
            evidence=reason.evidence,
        ) from reason


def _known_to_run(rollout: Rollout) -> list[Report]:
    """List the verdicts to record.

    Those of changed units, and of units that a heal saw run it already: nothing was sent to them.
    """
    changed = {report.unit for report in rollout.here}
    return [report for report in rollout.known if report.unit in changed or serves(report, rollout.artifact_id)]


def _replaced(plan: Plan, reports: Sequence[Report]) -> str:
    """Tell what was replaced.

    What the ledger says, if a unit ran that; or else what units reported.
    """
    previous = [report.previous for report in reports if report.outcome == "healthy"]
    if plan.replaces in previous:
        return plan.replaces
    return next((artifact for artifact in previous if artifact not in {"", plan.artifact_id}), plan.replaces)


def _named(units: Sequence[Unit]) -> list[str]:
    return [f"{unit.name} ({unit.id})" for unit in units]
