"""rollback: take an environment back to a version that ran there. It needs no Git and no CI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import counted, either, moment
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine.foreseen import Changed, require_foreseen
from tagship.engine.freezing import Hold, describe, freeze_before, hold_of, said_to_stay
from tagship.engine.gates import frozen_by, require_good, warn_of_bad, why_bad
from tagship.engine.lease_session import observe
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import FEW, MANY, facts, plan_of, reachable, show
from tagship.engine.queued import Question, say_runs
from tagship.engine.rollback_candidates import chosen, ever_served, instead, kept, require_ran
from tagship.engine.run import Request, Result, planned, run_deployment
from tagship.engine.scope import named, one_environment, patience
from tagship.engine.unread import all_read
from tagship.errors import Incomplete, Refused, UsageError
from tagship.ports.app import App


def rollback(
    app: App,
    *,
    to: str = "",
    env: str = "",
    yes: bool = False,
    allow_bad: bool = False,
    wait: str = "",
    preempt: bool = False,
    all_or_nothing: bool = False,
    freeze: str = "",
    reason: str = "",
    dry_run: bool = False,
) -> Result:
    """Go back to a version, or to the last healthy one.

    On a terminal, it is chosen from the list (`yes`: the first).
    Somebody else's deployment is waited for (`wait`), or fenced off (`preempt`): its operations are cancelled, it
    starts no more of them, and units would refuse them. A freeze does not hold a rollback up.

    What was shown is what is done: the version is pinned when the plan is shown. If the environment runs something else
    by the time of the lease, a person is shown that and asks again; without a terminal, or with `yes`, it is refused. A
    version that somebody named, and a rollback that fences somebody off, go on: they say what changed.

    `freeze` is an end, `reason` why: the environment is frozen before its units act, and stays so if the rollback
    fails. A freeze that is there stays if it ends later or is somebody else's.

    It goes to every unit that can be reached, and a unit that fails is no reason to put the others back: raises
    Incomplete, which names them, and `heal` brings them later. Not so if it is `all_or_nothing`.
    """
    longest = patience(wait)
    artifact_id, environment = named(app, to, env, "--to") if to else (None, one_environment(app, env))
    flags = {"yes": yes, "allow_bad": allow_bad, "preempt": preempt, "all_or_nothing": all_or_nothing}

    def again(until: str, why: str) -> str:
        return commands.rollback(to, environment, wait=wait, freeze=until, reason=why, dry_run=dry_run, **flags)

    request = RollbackRequest(
        environment=environment,
        artifact_id=artifact_id,
        named=bool(to),
        yes=yes,
        allow_bad=allow_bad,
        wait=longest,
        preempt=preempt,
        all_or_nothing=all_or_nothing,
        hold=hold_of(app, freeze, reason, again),
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
        try:
            with _how_to_keep(app, environment, keep):
                return _run(app, request.pinned_to(plan), plan)
        except Changed as changed:
            if not _asks(app, yes):
                raise
            app.screen.warn(changed.what)


@dataclass(frozen=True, kw_only=True)
class RollbackRequest(Request):
    """A request to go back: to `artifact_id`, or the last healthy version.

    `named`: somebody gave that version. `shown` is the plan by which it was confirmed, once it was.

    While a deployment is under way, what runs now may not be what runs in a moment: then going to what runs is no
    mistake. It is what somebody who takes a deployment back wants.
    """

    artifact_id: ArtifactId | None = None
    named: bool = False
    yes: bool = False
    allow_bad: bool = False
    all_or_nothing: bool = False
    hold: Hold | None = None
    shown: Plan | None = None

    def pinned_to(self, plan: Plan) -> RollbackRequest:
        """Pin the version that was shown.

        Whatever happens meanwhile, it goes to that version or nowhere.
        """
        return replace(self, artifact_id=plan.artifact_id, shown=plan)

    def plan(self, app: App) -> Plan:
        """Plan the way back; raise Changed if what runs is unforeseen.

        What was shown is foreseen, and what was under way then.
        """
        known = facts(app, self.environment, FEW if self.artifact_id else MANY)
        if self.shown and not (self.named or self.preempt):
            require_foreseen(app, known, self.shown)
        if self.artifact_id is None:
            stored = chosen(app, known, ask=_asks(app, self.yes))
        else:
            stored = kept(app, self.environment, self.artifact_id)
            require_ran(app, self.environment, self.artifact_id, known.history)
            self._require_good(app, self.artifact_id, known.history)
        units = self._units(app, ArtifactId(stored.manifest.artifact_id))
        require_clear(app, self.environment, "rollback", stored, units)
        plan = plan_of(app, known, "rollback", stored, units, all_or_nothing=self.all_or_nothing)
        plan = replace(plan, allow_bad=self.allow_bad)
        if self.shown is None and _is_recorded(plan) and not self.preempt:
            _refuse_if_running(app, plan, self.hold)
        return plan

    def already_done(self, app: App, plan: Plan) -> Result | None:
        """Return the result if somebody else went back there meanwhile.

        Every unit says itself that it runs that very version.
        """
        last = plan.serves
        if last is None or not _is_recorded(plan) or self.preempt:
            return None
        if app.target(plan.environment).uncommitted(plan.artifact_id):
            return None
        reports = _reports_of_all(app, plan)
        if not reports:
            return None
        how = f"{last.first.action} by {last.first.who}, {moment(last.last.at)} UTC"
        app.screen.say(f"{plan.label} runs on {plan.environment} by now ({how}): every {plan.noun} says so")
        return Result(plan, "unchanged", last.id, reports)

    def _units(self, app: App, chosen: ArtifactId) -> tuple[Unit, ...]:
        """Choose the units to go back.

        Raises Refused if none can be reached, or not every one though it is all or nothing.
        """
        settings = app.target(self.environment).rules
        rules = settings.all_or_nothing() if self.all_or_nothing else settings.urgent()
        return reachable(app, self.environment, rules, around=lambda _: self.spelled(chosen, all_or_nothing=False))

    def _require_good(self, app: App, wanted: ArtifactId, history: Sequence[Deployment]) -> None:
        """Refuse a bad version that somebody named in a hurry.

        That is one that somebody went back from, or marked bad, or that failed and never served. One that served, and
        failed to come back, may be tried again: the command is run again.
        """
        bad = why_bad(app, self.environment, wanted, history)
        if bad and not self.allow_bad and (bad.by_hand or not ever_served(app, self.environment, wanted)):
            require_good(self.environment, wanted, bad, self.spelled(wanted))
        warn_of_bad(app, self.environment, wanted, bad)

    def spelled(self, to: ArtifactId, *, all_or_nothing: bool | None = None, wait: str = "") -> str:
        """Spell the same rollback as a command, with its version named."""
        return commands.rollback(
            to,
            self.environment,
            allow_bad=self.allow_bad,
            wait=wait,
            preempt=self.preempt,
            all_or_nothing=self.all_or_nothing if all_or_nothing is None else all_or_nothing,
            freeze=self.hold.until if self.hold else "",
            reason=self.hold.reason if self.hold else "",
        )


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


def _run(app: App, request: RollbackRequest, plan: Plan) -> Result:
    """Carry the plan out, after the freeze, which stays."""
    if request.hold is None:
        return run_deployment(app, request, plan)
    sentence = freeze_before(app, request.hold.on(app, plan), plan.command)
    with said_to_stay(plan.environment, sentence):
        return run_deployment(app, request, plan)


@contextmanager
def _how_to_keep(app: App, environment: str, keep: str) -> Iterator[None]:
    """Say how to keep what it came to, complete or not."""
    line = f"To keep {environment} as it is: {keep}"
    try:
        yield
    except Incomplete:
        if keep:
            app.screen.say(line)
        raise
    if keep:
        app.screen.say(line)


def _asks(app: App, yes: bool) -> bool:
    """Tell whether somebody can choose the version, and wants to."""
    return app.prompt.possible and not yes


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


def _is_recorded(plan: Plan) -> bool:
    """Tell whether, by the ledger, the version runs and nothing is unsettled."""
    return plan.replaces == plan.artifact_id and plan.settled


def _reports_of_all(app: App, plan: Plan) -> list[Report]:
    """Return every unit's report if all serve the version; else none."""
    with app.screen.live(f"asking {counted(len(plan.units), plan.noun)} what they run") as phase:
        reports = observe(app, plan.environment, [unit for unit in plan.units if unit.online], phase)
    if len(reports) == len(plan.units) and all(serves(report, plan.artifact_id) for report in reports):
        return reports
    app.screen.warn(f"the ledger says that {plan.environment} runs {plan.artifact_id}, but not every {plan.noun} does")
    return []


def _refuse_if_running(app: App, plan: Plan, hold: Hold | None) -> None:
    """Refuse a version that the ledger and every unit say runs."""
    if _reports_of_all(app, plan):
        other = instead(app, plan.environment, app.ledger.deployments(plan.environment))
        remedy = either(f"See that it serves: {commands.verify(plan.artifact_id, plan.environment)}", other)
        if hold:
            remedy = f"Freeze it: {commands.freeze(plan.environment, hold.until, hold.why(plan))}"
        raise Refused(
            f"{plan.artifact_id} is already running on {plan.environment}: every {plan.noun} says so.", remedy=remedy
        )
