"""rollback: take an environment back to a version that ran there. It needs no Git and no CI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.domain import commands, layout
from tagship.domain.deployment import SERVES, Deployment, serving
from tagship.domain.plan import Plan
from tagship.domain.standing import healthy_before, rollback_candidates
from tagship.domain.text import counted, listed, moment
from tagship.domain.units import Unit
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId, nearest
from tagship.engine.artifacts import Stored, stored_ids, verified
from tagship.engine.gates import require_good, warn_of_bad, why_bad
from tagship.engine.plan import FEW, MANY, Facts, facts, plan_of, reachable, show
from tagship.engine.run import Request, Result, planned, run_deployment
from tagship.engine.scope import named, one_environment, patience
from tagship.engine.session import observe
from tagship.errors import ArtifactMissing, Refused, UsageError
from tagship.ports.app import App

OFFERED = 10  # versions on the list


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
    dry_run: bool = False,
) -> Result:
    """Go back to a version, or to the last healthy one; on a terminal, choose it from the list (`yes`: the first).

    Somebody else's deployment is waited for (`wait`), or fenced off (`preempt`): its operations are cancelled, it
    starts no more of them, and units would refuse them. The last healthy version is then looked for again; one that
    somebody named stays. A freeze does not hold a rollback up.

    It goes to every unit that can be reached, and a unit that fails is no reason to put the others back: raises
    Incomplete, which names them, and `heal` brings them later. Not so if it is `all_or_nothing`.
    """
    longest = patience(wait)
    artifact_id, environment = named(app, to, env, "--to") if to else (None, one_environment(app, env))
    request = RollbackRequest(
        environment=environment,
        artifact_id=artifact_id,
        yes=yes,
        allow_bad=allow_bad,
        wait=longest,
        preempt=preempt,
        all_or_nothing=all_or_nothing,
    )
    plan = request.plan(app)
    show(app, plan)
    if dry_run:
        return planned(app, plan)
    if not (to or yes or app.prompt.possible):
        raise _unasked(
            commands.rollback(
                plan.artifact_id, plan.environment, wait=wait, preempt=preempt, all_or_nothing=all_or_nothing
            )
        )
    if _asks(app, yes):  # whatever was chosen stays chosen
        request = replace(request, artifact_id=plan.artifact_id)
    return run_deployment(app, request, plan)


@dataclass(frozen=True, kw_only=True)
class RollbackRequest(Request):
    """An environment is to go back: to `artifact_id`, or, if that is None, to the last healthy version.

    While a deployment is under way, what runs now may not be what runs in a moment: then going to what runs is no
    mistake. It is what somebody who takes a deployment back wants.
    """

    artifact_id: ArtifactId | None = None
    yes: bool = False
    allow_bad: bool = False
    all_or_nothing: bool = False

    def plan(self, app: App) -> Plan:
        known = facts(app, self.environment, FEW if self.artifact_id else MANY)
        under_way = self.preempt and not known.settled
        chosen = self.artifact_id or _choose(app, known, self.yes, under_way=under_way)
        stored = _kept(app, self.environment, chosen)
        if self.artifact_id:
            _check_ran(app, self.environment, chosen, known.history)
            _not_bad(app, self.environment, chosen, known.history, self.allow_bad)
        units = self._units(app, chosen)
        plan = plan_of(known, "rollback", stored, units, all_or_nothing=self.all_or_nothing)
        if plan.replaces == chosen and plan.settled and not self.preempt:
            _refuse_if_running(app, plan)
        return plan

    def _units(self, app: App, chosen: ArtifactId) -> tuple[Unit, ...]:
        """The units to go back; raises Refused if none can be reached, or not every one though it is all or nothing."""
        settings = app.target(self.environment).rules
        rules = settings.all_or_nothing() if self.all_or_nothing else settings.urgent()
        around = commands.rollback(chosen, self.environment, allow_bad=self.allow_bad, preempt=self.preempt)
        return reachable(app, self.environment, rules, around=lambda _: around)


def _unasked(named: str) -> UsageError:
    """Nobody named a version, and there is nobody to ask."""
    return UsageError("There is no terminal to ask on: rollback needs --to or --yes.", remedy=f"Name it: {named}")


def _asks(app: App, yes: bool) -> bool:
    """Whether somebody is there to choose the version, and wants to."""
    return app.prompt.possible and not yes


def _choose(app: App, known: Facts, yes: bool, *, under_way: bool) -> ArtifactId:
    """The last healthy version that is still stored and not marked bad; on a terminal, whichever of them is chosen.

    `under_way`: a deployment is being taken back, and what was healthy before it is what to go back to.
    """
    environment, history = known.environment, known.history
    running = "" if under_way else known.serving
    there = _offered(app, environment, history, running)
    if not there:
        history = app.ledger.deployments(environment)  # a row of failures may be longer than what was read
        there = _offered(app, environment, history, running)
    if not there:
        raise _nothing(app, environment, history, running)
    if not _asks(app, yes):
        return there[0]
    question = f"Roll {environment} back from {running or 'nothing'} to"
    return ArtifactId(app.prompt.choose(question, _choices(there, history)))


def _offered(app: App, environment: str, history: Sequence[Deployment], running: str) -> list[ArtifactId]:
    candidates = rollback_candidates(history, running, app.ledger.marks(environment))
    return [one for one in candidates if _stored(app, environment, one)][:OFFERED]


def _nothing(app: App, environment: str, history: Sequence[Deployment], running: str) -> Refused:
    """The error when no version is offered: those that are left out as bad, and the way to one of them all the same."""
    left_out = [one for one in healthy_before(history, running) if _stored(app, environment, one)][:OFFERED]
    if not left_out:
        return Refused(
            f"There is nothing to roll {environment} back to: no other version that was healthy there is still stored.",
            remedy=f"See what ran: {commands.history(environment)}",
        )
    bad = why_bad(app, environment, left_out[0], history)
    return Refused(
        f"There is nothing good to roll {environment} back to: every other version that was healthy there and is "
        f"stored is marked bad ({listed(left_out)}).",
        remedy=f"Go to {left_out[0]} anyway{f' ({bad.why})' if bad else ''}: "
        f"{commands.rollback(left_out[0], environment, allow_bad=True)}",
    )


def _check_ran(app: App, environment: str, chosen: ArtifactId, history: Sequence[Deployment]) -> None:
    """Raises Refused for a version that never ran there: that is a deploy, which a freeze stops and a rollback passes.

    Where the ledger cannot all be read, an incident is no time to insist.
    """
    if _ran(history, chosen) or _ran(app.ledger.deployments(environment), chosen):
        return
    if app.ledger.unreadable(environment):
        app.screen.warn(f"no readable entry says that {chosen} ever ran on {environment}")
        return
    raise Refused(
        f"{chosen} never ran on {environment}: there is nothing to go back to.",
        remedy=f"Deploy it: {commands.deploy(chosen, environment)}",
    )


def _ran(deployments: Sequence[Deployment], artifact_id: ArtifactId) -> bool:
    """Whether units were ever asked to run it, whatever came of that."""
    unasked = {"requested", "abandoned"}
    return any(
        one.artifact_id == artifact_id and any(entry.state not in unasked for entry in one.entries)
        for one in deployments
    )


def _not_bad(app: App, environment: str, chosen: ArtifactId, history: Sequence[Deployment], allowed: bool) -> None:
    """Raises Refused for a version that somebody went back from, or marked bad, or that failed and never served: it is
    named in a hurry. One that served, and failed to come back, may be tried again: the command is run a second time."""
    bad = why_bad(app, environment, chosen, history)
    if bad and not allowed and (bad.by_hand or not _served(app, environment, chosen)):
        require_good(environment, chosen, bad, commands.rollback(chosen, environment))
    warn_of_bad(app, environment, chosen, bad)


def _served(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    told = app.ledger.deployments(environment)
    return any(one.artifact_id == artifact_id and one.state in SERVES for one in told)


def _choices(versions: Sequence[ArtifactId], history: Sequence[Deployment]) -> dict[str, str]:
    """Each version with when it was last healthy, and by whose hand."""
    healthy = {one.artifact_id: one.last for one in history if one.state == "healthy"}
    return {one: f"{one}  healthy {moment(healthy[one].at)} UTC, {healthy[one].who}" for one in versions}


def _kept(app: App, environment: str, artifact_id: ArtifactId) -> Stored:
    """The artifact as it is stored; where it is not stored, says whether it ever was and what there is."""
    try:
        return verified(app, environment, artifact_id)
    except ArtifactMissing as reason:
        raise _missing(app, environment, artifact_id) from reason


def _missing(app: App, environment: str, artifact_id: ArtifactId) -> ArtifactMissing:
    """The error that tells a version that was removed from one that never was, and names what there is."""
    history = app.ledger.deployments(environment)
    deployed = [one.first for one in history if one.artifact_id == artifact_id]
    stored = [one for one in stored_ids(app, environment) if one != artifact_id]
    what = f"{artifact_id} was never published for {environment}."
    if deployed:
        when = moment(deployed[-1].at)
        what = f"{artifact_id} was deployed to {environment} on {when} UTC, and has been removed from the bucket since."
    if not stored:
        return ArtifactMissing(what, remedy=f"Publish a version: {commands.deploy_dev()}")
    runs, marks = serving(history), app.ledger.marks(environment)
    good = [one for one in rollback_candidates(history, runs, marks) if one in stored]
    near = [f"{one} (runs now)" if one == runs else one for one in nearest(artifact_id, stored, OFFERED)]
    return ArtifactMissing(
        what,
        state=f"Nothing was changed. Stored for {environment}{_of(near, stored)}: {', '.join(near)}.",
        remedy=f"Go to the last good one: {commands.rollback(good[0], environment)}"
        if good
        else f"No other version that was good here is stored. See what ran: {commands.history(environment)}",
    )


def _of(shown: Sequence[str], stored: Sequence[str]) -> str:
    return f", the nearest of {len(stored)}" if len(shown) < len(stored) else ""


def _stored(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    """Whether the artifact exists: it does once its manifest is there."""
    return app.store.head(layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST)) is not None


def _refuse_if_running(app: App, plan: Plan) -> None:
    """The ledger says that this version runs: ask the units, and refuse only if every one of them serves it."""
    with app.screen.live(f"asking {counted(len(plan.units), plan.noun)} what they run") as phase:
        reports = observe(app, plan.environment, [unit for unit in plan.units if unit.online], phase)
    if len(reports) == len(plan.units) and all(serves(report, plan.artifact_id) for report in reports):
        other = commands.rollback(environment=plan.environment)
        raise Refused(
            f"{plan.artifact_id} is already running on {plan.environment}: every {plan.noun} says so.",
            remedy=f"Name another version, or go back to the one before it: {other}",
        )
    app.screen.warn(f"the ledger says that {plan.environment} runs {plan.artifact_id}, but not every {plan.noun} does")
