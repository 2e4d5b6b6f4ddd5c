"""What follows the units before a deployment is healthy: static sets, the hook after the switch, the tests."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.hook import AFTER, TESTS
from tagship.domain.rollout_decision import INTERRUPTED, Rollout
from tagship.domain.text import HEADING, listed
from tagship.engine import static_sets
from tagship.engine.failures import cause
from tagship.engine.hooks import HookFailed, HookSequence
from tagship.engine.promotion import passed
from tagship.engine.recorder import Recorder, tests_entry
from tagship.errors import Incomplete, Interrupted, LeaseLost, ServiceFailed, TagshipError


def complete(hooks: HookSequence, rollout: Rollout, seconds: float) -> Rollout:
    """Switch the static sets, run the hooks; or stop the rollout.

    A rollback's units keep what they were brought to, and what is missing is raised.
    """
    session = hooks.session
    try:
        static_sets.switch(session)
        for place in (AFTER, TESTS):
            _run(hooks, place)
        return rollout
    except LeaseLost:
        raise
    except (KeyboardInterrupt, TagshipError, HookFailed) as reason:
        why = _why(reason)
        if session.plan.keeps:
            raise _unswitched(hooks.record, hooks, rollout, why, seconds) from reason
        return rollout.stopped(why)


def _run(hooks: HookSequence, place: str) -> None:
    """Run a hook; note a failure that is kept."""
    try:
        hooks.run(place)
    except HookFailed as failed:
        hooks.session.evidence = f"{HEADING}{failed.run.label}\n{failed.run.output}"
        if not hooks.keeps(place):
            raise
        hooks.kept.append(failed.run)
        hooks.session.app.screen.warn(f"{failed.run.failure}; on_failure is keep, so the version stays")


def _why(reason: BaseException) -> str:
    if isinstance(reason, HookFailed):
        return reason.run.failure
    return INTERRUPTED if isinstance(reason, KeyboardInterrupt) else cause(reason)


def _unswitched(record: Recorder, hooks: HookSequence, rollout: Rollout, why: str, seconds: float) -> TagshipError:
    """Record that static sets are not switched; build the error."""
    session = hooks.session
    changed = {report.unit for report in rollout.here}
    units = [report for report in rollout.known if report.unit in changed]
    record.add("partial", reason=why, units=units, seconds=seconds)
    problem, again = f"{session.plan.artifact_id} serves, but not its static sets", session.plan.command
    if why == INTERRUPTED:
        return Interrupted(f"Interrupted: {problem}.", state=session.serves, remedy=f"Run it again: {again}")
    return ServiceFailed(f"{problem}: {why}.", state=session.serves, remedy=f"Run it again: {again}")


def note_tests(hooks: HookSequence) -> None:
    """Record that a healthy version passed its tests, as `inv tested` does."""
    if not hooks.has_passed(TESTS):
        return
    app, plan = hooks.session.app, hooks.session.plan
    try:
        if passed(app, plan.environment, plan.artifact_id, plan.manifest_sha256) is None:
            app.ledger.append(tests_entry(app, plan.environment, plan.artifact_id, plan.manifest_sha256))
        app.screen.say(f"{plan.artifact_id} passed its tests on {plan.environment}: recorded")
    except ServiceFailed as reason:
        again = commands.tested(plan.artifact_id, plan.environment)
        app.screen.warn(f"the ledger could not record that the tests passed ({reason.what}). Record it: {again}")


def raise_kept(hooks: HookSequence) -> None:
    """Raise Incomplete if a hook failed and the version stays anyway."""
    if not hooks.kept:
        return
    session = hooks.session
    raise Incomplete(
        f"{session.plan.artifact_id} is healthy on {session.plan.environment}, but "
        f"{listed([run.failure for run in hooks.kept])}.",
        state=session.serves,
        remedy=f"Do what the hook does by hand, or go back: {commands.rollback(environment=session.plan.environment)}",
        evidence=session.evidence,
    )
