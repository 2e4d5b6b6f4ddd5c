"""Runs a deployment's hooks under its lease, and records each before it begins and after it ended.

A hook that passed is not run again by whoever resumes the deployment. Of one that began, and whose end nobody recorded,
it is not known how far it came: it is run again if the settings say that it may be (`attempts` above 1; tests always
may), and fails otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.hook import (
    BEFORE,
    FAILED,
    PASSED,
    TESTS,
    HookOutcome,
    HookRun,
    payload,
    runs_of,
    variables,
)
from tagship.domain.text import HEADING, either, span
from tagship.engine.artifacts import verified_manifest
from tagship.engine.lease_session import LeaseSession
from tagship.engine.recorder import Recorder
from tagship.errors import DeployFailed, ServiceFailed
from tagship.ports.hooks import TaskRunner
from tagship.ports.target import Versioned
from tagship.settings import HookTable


class HookFailed(Exception):
    """A hook did not do its work."""

    def __init__(self, run: HookRun) -> None:
        super().__init__(run.failure)
        self.run = run


@dataclass
class HookSequence:
    """The hooks of one deployment. `dead` began it, if it is resumed.

    `kept` are those that failed though the version stays.
    """

    session: LeaseSession
    record: Recorder
    dead: Deployment | None = None
    kept: list[HookRun] = field(default_factory=list)

    @cached_property
    def runs(self) -> dict[str, HookRun]:
        """Map each hook that began to how it stands."""
        return runs_of(self.dead) if self.dead else {}

    def run(self, place: str) -> None:
        """Run the hook of a place, if there is one. Raises HookFailed."""
        plan, app = self.session.plan, self.session.app
        hook = app.settings.hook(plan.environment, place) if plan.runs_hooks else None
        if hook is None:
            return
        before = self.runs.get(place)
        if before and before.state == PASSED:
            app.screen.say(f"{before.label} had passed already: it is not run again")
            return
        if before and not (hook.attempts > 1 or place == TESTS):
            raise HookFailed(before if before.state == FAILED else _unseen(before))
        self._carry_out(hook, HookRun(place, hook.work, irreversible=self._irreversible(place)))

    def has_passed(self, place: str) -> bool:
        """Tell whether that hook ran, and passed."""
        run = self.runs.get(place)
        return run is not None and run.state == PASSED

    def keeps(self, place: str) -> bool:
        """Tell whether the version stays if that hook fails."""
        hook = self.session.app.settings.hook(self.session.plan.environment, place)
        return hook is not None and hook.on_failure == "keep"

    def _irreversible(self, place: str) -> tuple[str, ...]:
        return self.session.plan.irreversible if place == BEFORE else ()

    def _carry_out(self, hook: HookTable, run: HookRun) -> None:
        """Run it, recorded before and after."""
        session, clock = self.session, self.session.app.clock
        session.renew(run.label)
        self._note(run)
        began, attempt = clock.now(), 0
        outcome = HookOutcome("it was not run")
        try:
            while outcome.problem and attempt < hook.attempts:
                attempt += 1
                outcome = self._attempt(hook, run, attempt)
        except BaseException:
            self._note_cut(run.cut(attempt, (clock.now() - began).total_seconds()))
            raise
        ended = run.ended(outcome, attempt, (clock.now() - began).total_seconds())
        self._note(ended)
        if outcome.problem:
            raise HookFailed(ended)
        session.app.screen.say(f"{ended.label} passed after {span(ended.seconds)}")

    def _attempt(self, hook: HookTable, run: HookRun, attempt: int) -> HookOutcome:
        session, app = self.session, self.session.app
        runner = app.at(session.plan.environment).hook_runner
        session.beat(f"{run.label}" + (f", attempt {attempt} of {hook.attempts}" if hook.attempts > 1 else ""))
        if hook.function:
            event = payload(hook.payload, self._variables)
            outcome = runner.invoke(self._function(hook), event, hook.timeout, session.beat)
        elif hook.task:
            outcome = self._in_a_task(hook, f"{run.place}-{attempt}")
        else:
            outcome = runner.command(hook.command, self._variables, hook.timeout, session.beat)
        if outcome.problem and attempt < hook.attempts:
            app.screen.warn(f"{run.label}, attempt {attempt} of {hook.attempts}: {outcome.problem}")
        return outcome

    def _in_a_task(self, hook: HookTable, name: str) -> HookOutcome:
        session = self.session
        if not isinstance(session.target, TaskRunner):
            return HookOutcome(f"{session.plan.environment} has nothing that runs a task")
        return session.target.run_task(session.change(), hook, self._variables, name, session.beat)

    def _function(self, hook: HookTable) -> str:
        """Name the function, in the artifact's own version if possible."""
        target = self.session.target
        if ":" in hook.function or not isinstance(target, Versioned):
            return hook.function
        version = target.version_of(self.session.change(), hook.function, self.session.beat)
        return f"{hook.function}:{version}" if version else hook.function

    @cached_property
    def _variables(self) -> Mapping[str, str | None]:
        session, plan = self.session, self.session.plan
        manifest = verified_manifest(session.app, plan.environment, plan.artifact_id)
        bucket = session.app.settings.account(plan.environment).bucket
        return variables(manifest, bucket, session.deployment_id, plan.replaces)

    def _note(self, run: HookRun) -> None:
        self.runs[run.place] = run
        if run.place == BEFORE:
            self.session.left = _what_stays(run)
        self.record.note_hook(run)

    def _note_cut(self, run: HookRun) -> None:
        """Record that it was interrupted, if the ledger takes that."""
        try:
            self._note(run)
        except ServiceFailed as reason:
            self.session.app.screen.warn(f"the ledger could not record that {run.label} was cut short: {reason.what}")


def not_begun(hooks: HookSequence, failed: HookFailed) -> DeployFailed:
    """Record that the hook before the switch failed; build the error.

    No unit was asked: what served before serves.
    """
    run, plan, record = failed.run, hooks.session.plan, hooks.record
    evidence = f"{HEADING}{run.label}\n{run.output}"
    record.add("failed", reason=run.failure, evidence=evidence, unasked=True)
    record.add("rolled-back", reason=run.failure, unasked=True)
    serves = f"{plan.replaces} is still what it runs" if plan.replaces else "nothing ran there before"
    return DeployFailed(
        f"{plan.artifact_id} was not deployed to {plan.environment}: {run.failure}.",
        state=f"No {plan.noun} was changed: {serves}. {_what_stays(run)}",
        remedy=either(f"Mend what failed, and ship that: {commands.deploy_dev()}", f"Or try again: {plan.command}"),
        evidence=evidence,
    )


def _what_stays(run: HookRun) -> str:
    """Say that what the hook before the switch did is not undone."""
    undone = ", and can't be undone" if run.irreversible else ""
    if run.state == PASSED:
        return f"What the {run.label} did stays{undone}."
    return f"What the {run.label} did before it stopped stays{undone}."


def _unseen(run: HookRun) -> HookRun:
    problem = "it had begun when its runner died, nobody saw its end, and with attempts = 1 it is not run again"
    return replace(run, state=FAILED, problem=problem)
