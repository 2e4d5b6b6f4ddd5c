"""rollback: take an environment back to a version that ran there. It needs no Git and no CI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tagship.domain import commands
from tagship.domain.lease import LeaseUnreadable
from tagship.domain.plan import Plan
from tagship.engine.crossing import require_asked
from tagship.engine.foreseen import Changed
from tagship.engine.freezing import describe, freeze_before, hold_of, said_to_stay
from tagship.engine.gates import frozen_by
from tagship.engine.marks import say_what_is_bad
from tagship.engine.pausing import paused
from tagship.engine.plan import show
from tagship.engine.queued import Question, say_runs
from tagship.engine.run import Result, planned, run_deployment
from tagship.engine.scope import one_environment, patience
from tagship.engine.unread import all_read
from tagship.errors import Incomplete, UsageError
from tagship.ports.app import App
from tagship.release import legacy
from tagship.release.rollback_named import named_to
from tagship.release.rollback_request import RollbackRequest, can_ask


def rollback(
    app: App,
    *,
    to: str = "",
    env: str = "",
    yes: bool = False,
    allow_bad: bool = False,
    allow_legacy: bool = False,
    wait: str = "",
    preempt: bool = False,
    all_or_nothing: bool = False,
    allow_irreversible: bool = False,
    freeze: str = "",
    reason: str = "",
    drill: bool = False,
    dry_run: bool = False,
) -> Result:
    """Go back to a version, or to the last healthy one.

    On a terminal, it is chosen from the list (`yes`: the first).
    Somebody else's deployment is waited for (`wait`), or fenced off (`preempt`): its operations are cancelled, it
    starts no more of them, and units would refuse them. A freeze does not hold a rollback up.

    What was shown is what is done: the version is pinned when the plan is shown. If the environment runs something else
    by the time of the lease, a person is shown that and asks again; without a terminal, or with `yes`, it is refused. A
    version that somebody named, and a rollback that fences somebody off, go on: they say what changed.

    A version from before tagship is taken from its archive if it is named: somebody confirms that (`allow_legacy`).
    What goes back across a migration that can't be undone has to be agreed to: at the terminal, or by
    `allow_irreversible`.

    A `drill` is an exercise: what it leaves does not count as bad, and metrics leave it out.

    `freeze` is an end, `reason` why: the environment is frozen before its units act, and stays so if the rollback
    fails. A freeze that is there stays if it ends later or is somebody else's.

    It goes to every unit that can be reached, and a unit that fails is no reason to put the others back: raises
    Incomplete, which names them, and `heal` brings them later. Not so if it is `all_or_nothing`.
    """
    longest = patience(wait)
    artifact_id, environment = named_to(app, to, env) if to else (None, one_environment(app, env))
    flags = {"yes": yes, "allow_bad": allow_bad, "preempt": preempt, "all_or_nothing": all_or_nothing}
    flags |= {"allow_irreversible": allow_irreversible, "drill": drill, "dry_run": dry_run}

    def again(until: str, why: str, *, taken: bool = allow_legacy) -> str:
        return commands.rollback(to, environment, wait=wait, freeze=until, reason=why, allow_legacy=taken, **flags)

    request = RollbackRequest(
        environment=environment,
        artifact_id=artifact_id,
        named=bool(to),
        yes=yes,
        allow_bad=allow_bad,
        wait=longest,
        preempt=preempt or _takes_back(app, environment),
        all_or_nothing=all_or_nothing,
        allow_irreversible=allow_irreversible,
        drill=drill,
        hold=hold_of(app, freeze, reason, again),
        legacy=legacy.taken(app, environment, artifact_id) if artifact_id else None,
    )
    question = Question(app, environment)
    while True:
        plan = request.plan(app)
        _show(app, plan)
        keep = _say_what_may_follow(app, request, plan, question)
        if dry_run:
            return planned(app, plan)
        if not (to or yes or app.prompt.possible):
            raise _unasked(request.spelled(plan.artifact_id, wait=wait))
        require_asked(app, plan, request.across(plan.artifact_id, wait), yes=yes)
        request = _taken(app, request, again(freeze, reason, taken=True), allowed=allow_legacy)
        try:
            with _said_after(app, environment, keep):
                return _run(app, request.pinned_to(plan), plan)
        except Changed as changed:
            if not can_ask(app, yes):
                raise
            app.screen.warn(changed.what)


def _takes_back(app: App, environment: str) -> bool:
    """Tell whether it takes back a deployment that waits for a decision.

    That is what it waits for: nobody has to fence it off.
    """
    try:
        waiting = paused(app, environment)
    except LeaseUnreadable:  # whoever takes the lease says so, with the ways out
        return False
    for pause in waiting.pauses if waiting else ():
        app.screen.say(f"deployment {waiting.deployment if waiting else ''}: {pause.words}; this takes it back")
    return waiting is not None


def _say_what_may_follow(app: App, request: RollbackRequest, plan: Plan, question: Question) -> str:
    """Say what the freeze will be, and which CI runs follow.

    Returns the command that would have those runs refused; empty if they are, or if there are none.
    """
    environment, answer = plan.environment, question.answer()
    if request.hold:
        describe(app, request.hold.on(app, plan))
    held = "it is frozen first" if request.hold else frozen_by(app, environment) if answer else ""
    hold = commands.freeze(environment, "8h", f"rollback to {plan.artifact_id}")
    say_runs(app, environment, answer, held=held, hold=hold)
    return hold if answer and not held and not isinstance(answer, str) else ""


def _taken(app: App, request: RollbackRequest, again: str, *, allowed: bool) -> RollbackRequest:
    """Store what is taken from an archive, once somebody confirmed it."""
    if request.legacy is None:
        return request
    legacy.confirm(app, request.legacy, again, allowed=allowed)
    legacy.store(app, request.legacy)
    return replace(request, legacy=None)


def _run(app: App, request: RollbackRequest, plan: Plan) -> Result:
    """Carry the plan out, after the freeze, which stays."""
    if request.hold is None:
        return run_deployment(app, request, plan)
    sentence = freeze_before(app, request.hold.on(app, plan), plan.command)
    with said_to_stay(plan.environment, sentence):
        return run_deployment(app, request, plan)


@contextmanager
def _said_after(app: App, environment: str, keep: str) -> Iterator[None]:
    """Say what is bad now, and how to keep the rest.

    Whether it is complete or not.
    """
    try:
        yield
    except Incomplete:
        _say_after(app, environment, keep)
        raise
    _say_after(app, environment, keep)


def _say_after(app: App, environment: str, keep: str) -> None:
    say_what_is_bad(app, environment)
    if keep:
        app.screen.say(f"To keep {environment} as it is: {keep}")


def _unasked(named: str) -> UsageError:
    """Build the error: no version is named, and nobody to ask."""
    return UsageError("There is no terminal to ask at: rollback needs --to or --yes.", remedy=f"Name it: {named}")


def _show(app: App, plan: Plan) -> None:
    show(app, plan)
    if plan.unfinished:
        began, read = plan.unfinished.first, all_read(app, plan.environment, plan.unfinished)
        end = "not ended" if read else "no end can be read"
        fate = "this goes to that version too" if began.artifact_id == plan.artifact_id else "it is taken back"
        app.screen.say(f"{end}: {began.action} of {began.artifact_id} by {began.who}; {fate}")
