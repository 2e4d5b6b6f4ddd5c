"""A request to go back: to which version, to which units, and when it is done already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tagship.domain import commands
from tagship.domain.deployment import Deployment
from tagship.domain.plan import Plan
from tagship.domain.text import counted, either, moment
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import serves
from tagship.domain.version import ArtifactId
from tagship.engine import static_sets
from tagship.engine.crossing import left_applied, require_no_more
from tagship.engine.foreseen import require_foreseen
from tagship.engine.freezing import Hold
from tagship.engine.gates import require_good, why_bad
from tagship.engine.lease_session import observe
from tagship.engine.obstacles import require_clear
from tagship.engine.plan import FEW, MANY, facts, plan_of, reachable
from tagship.engine.ran_before import ever_served, require_ran
from tagship.engine.rollback_candidates import chosen, instead, kept
from tagship.engine.run import Request, Result
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.release import legacy


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
    allow_irreversible: bool = False
    drill: bool = False
    hold: Hold | None = None
    shown: Plan | None = None
    legacy: legacy.Taken | None = None  # from before tagship, and not stored yet

    def pinned_to(self, plan: Plan) -> RollbackRequest:
        """Pin the version that was shown.

        Whatever happens meanwhile, it goes to that version or nowhere.
        """
        return replace(self, artifact_id=plan.artifact_id, shown=plan)

    def plan(self, app: App) -> Plan:
        """Plan the way back; raise Changed if what runs is unforeseen.

        What was shown is foreseen, and what was under way then.
        """
        known, bad = facts(app, self.environment, FEW if self.artifact_id else MANY), None
        if self.shown and not (self.named or self.preempt):
            require_foreseen(app, known, self.shown)
        if self.artifact_id is None:
            stored = chosen(app, known, ask=can_ask(app, self.yes))
        else:
            stored = self.legacy.stored if self.legacy else kept(app, self.environment, self.artifact_id)
            if not stored.manifest.legacy:
                require_ran(app, self.environment, self.artifact_id, known.history)
            if not self.allow_bad:
                require_not_bad(app, self.environment, self.artifact_id, known.history, self.spelled(self.artifact_id))
            bad = why_bad(app, self.environment, self.artifact_id, known.history)
        units = self._units(app, ArtifactId(stored.manifest.artifact_id))
        require_clear(app, self.environment, "rollback", stored, units)
        plan = plan_of(app, known, "rollback", stored, units, all_or_nothing=self.all_or_nothing)
        migrations = left_applied(app, self.environment, plan.artifact_id, known.history)
        plan = replace(plan, allow_bad=self.allow_bad, bad=bad, allow_irreversible=self.allow_irreversible)
        plan = replace(plan, irreversible=migrations, drill=self.drill)
        require_no_more(plan, self.shown, self.across(plan.artifact_id))
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
        app.screen.say(f"{plan.label} runs on {plan.environment} now ({how}): every {plan.noun} confirms it")
        return Result(plan, "unchanged", last.id, reports)

    def _units(self, app: App, chosen: ArtifactId) -> tuple[Unit, ...]:
        """Choose the units to go back.

        Raises Refused if none can be reached, or not every one though it is all or nothing.
        """
        settings = app.target(self.environment).rules
        rules = settings.all_or_nothing() if self.all_or_nothing else settings.urgent()
        return reachable(app, self.environment, rules, around=lambda _: self.spelled(chosen, all_or_nothing=False))

    def spelled(self, to: ArtifactId, *, all_or_nothing: bool | None = None, wait: str = "") -> str:
        """Spell the same rollback as a command, with its version named."""
        return commands.rollback(
            to,
            self.environment,
            allow_bad=self.allow_bad,
            wait=wait,
            preempt=self.preempt,
            all_or_nothing=self.all_or_nothing if all_or_nothing is None else all_or_nothing,
            allow_irreversible=self.allow_irreversible,
            drill=self.drill,
            freeze=self.hold.until if self.hold else "",
            reason=self.hold.reason if self.hold else "",
        )

    def across(self, to: ArtifactId, wait: str = "") -> str:
        """Spell it as somebody who agrees to cross a migration."""
        return replace(self, allow_irreversible=True).spelled(to, wait=wait)


def require_not_bad(app: App, environment: str, wanted: ArtifactId, history: Sequence[Deployment], again: str) -> None:
    """Refuse a bad version that somebody named in a hurry.

    That is one that somebody went back from, or marked bad, or that failed and never served. One that served, and
    failed to come back, may be tried again: the command (`again`) is run again.
    """
    bad = why_bad(app, environment, wanted, history)
    if bad and (bad.by_hand or not ever_served(app, environment, wanted)):
        require_good(environment, wanted, bad, again)


def can_ask(app: App, yes: bool) -> bool:
    """Tell whether somebody can choose the version, and wants to."""
    return app.prompt.possible and not yes


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


def _lagging_sets(app: App, plan: Plan) -> Sequence[str]:
    """Name static sets that are not the version's."""
    # A rollback before this one did not bring them.
    drifts = static_sets.drifts(app, plan.environment, plan.artifact_id)
    for name, drift in drifts.items():
        app.screen.warn(f"static set {name}: {drift}")
    return list(drifts)


def _refuse_if_running(app: App, plan: Plan, hold: Hold | None) -> None:
    """Refuse a version that runs, by ledger, units and static sets."""
    if _reports_of_all(app, plan) and not _lagging_sets(app, plan):
        other = instead(app, plan.environment, app.ledger.deployments(plan.environment))
        remedy = either(f"See that it serves: {commands.verify(plan.artifact_id, plan.environment)}", other)
        if hold:
            remedy = f"Freeze it: {commands.freeze(plan.environment, hold.until, hold.why(plan))}"
        raise Refused(
            f"{plan.artifact_id} is already running on {plan.environment}: every {plan.noun} confirms it.",
            remedy=remedy,
        )
