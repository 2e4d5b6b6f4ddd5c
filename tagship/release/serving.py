"""The last word on a release: what ledger and units say now, if they can be asked; else what CI's run said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tagship.domain import commands
from tagship.domain.deployment import Deployment, latest_serving
from tagship.domain.mark import Mark
from tagship.domain.standing import marked_bad, ways_back
from tagship.domain.text import ago, either, lasted, listed, moment
from tagship.domain.units import Report, Unit
from tagship.domain.verdict import serves, unserved
from tagship.engine.lease_session import observe
from tagship.engine.plan import recent
from tagship.engine.rollback_candidates import way_back
from tagship.errors import Held, Refused, RollbackFailed, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.release.remedies import Remedies, needed_env, ship_again


@dataclass(frozen=True)
class Following:
    """One release that is followed.

    `began` is when its push began; `fresh` is false for a run of long ago.
    """

    remedies: Remedies
    began: datetime
    fresh: bool = True


def last_word(app: App, following: Following, *, sentence: str, when: str) -> str:
    """Say what serves, and return how the release ended.

    `healthy`, or `reported` if only an old run's word is known.
    `sentence` is the deployment's own sentence in CI's run, `when` the run's end (ISO 8601; empty: not known).
    Raises Held (overtaken while this was followed) or Refused (by now) if another version serves, Incomplete if
    some units lag.
    """
    plan = following.remedies.plan
    history, why_not = _history(app, plan.environment)
    if why_not:
        return _by_word_alone(app, following, sentence, when, why_not)
    serving = latest_serving(history)
    if serving is None or serving.artifact_id != str(plan.version):
        raise _another_serves(app, following, serving, history)
    _ask_units(app, plan.environment, str(plan.version))
    took = (
        f" ({lasted((app.clock.now() - following.began).total_seconds())})" if following.fresh else _since(app, serving)
    )
    app.screen.say(
        f"{plan.version} is healthy on {plan.environment}{took}."
        f"{_back(app, plan.environment, serving.last.replaced, history)}"
    )
    return "healthy"


def _history(app: App, environment: str) -> tuple[list[Deployment], str]:
    """Read the latest deployments, and why that failed; empty if not."""
    if not app.signed_in:
        return [], "no AWS credentials"
    try:
        return list(recent(app, environment)), ""
    except TagshipError as reason:
        return [], reason.what.rstrip(".")


def _by_word_alone(app: App, following: Following, sentence: str, when: str, why_not: str) -> str:
    """Say what CI's run said, named as its word.

    Without the ledger there is nothing else.
    """
    remedies = following.remedies
    if not following.fresh:
        at = f" of {moment(when)} UTC" if when else ""
        app.screen.say(
            f"CI's run{at} said: {sentence}. What {remedies.plan.environment} runs now was not asked ({why_not})."
        )
        app.screen.say(f"To ship the commit again, under a new number: {remedies.anew}")
        return "reported"
    took = lasted((app.clock.now() - following.began).total_seconds())
    app.screen.say(f"{sentence}, says CI's run ({took}). Not asked here: the ledger ({why_not}).")
    app.screen.say(f"To take it back, with AWS credentials: {commands.rollback(environment=remedies.plan.environment)}")
    return "healthy"


def _since(app: App, serving: Deployment) -> str:
    who = re.sub(r"^run (\d+) \((.+)\)$", r"CI run \1 of \2", serving.last.who)
    return f" (recorded {ago(app.store.now() - datetime.fromisoformat(serving.last.at))} by {who})"


def _back(app: App, environment: str, replaced: str, history: Sequence[Deployment]) -> str:
    """Say how to go back to what was replaced.

    If that is marked bad, to the best that is not. Empty if there is none.
    """
    back = replaced
    if replaced:
        marks = _marks(app, environment)
        if replaced in marked_bad(history, marks):
            back = next(iter(ways_back(history, marks)), "")
    return f" To take it back: {commands.rollback(back, needed_env(app, environment, back))}" if back else ""


def _marks(app: App, environment: str) -> Sequence[Mark]:
    """Read the marks; none if they can't be read now.

    A release that is healthy stays so.
    """
    try:
        return app.ledger.marks(environment)
    except TagshipError:
        return ()


def _another_serves(
    app: App, following: Following, serving: Deployment | None, history: list[Deployment]
) -> TagshipError:
    remedies = following.remedies
    plan = remedies.plan
    runs = serving.artifact_id if serving else ""
    if serving:
        how = f"{serving.first.action} by {serving.first.who}, {moment(serving.last.at)} UTC"
        problem = f"{plan.version} does not serve {plan.environment}: {runs} does ({how})."
    else:
        problem = f"{plan.version} does not serve {plan.environment}: by the ledger, nothing does."
    again = either(
        f"To bring it back: {ship_again(app, plan, runs, history)}",
        f"Or a new number: {remedies.anew}",
    )
    if following.fresh:
        return Held(
            problem, state=f"{plan.version} was healthy, and something else was deployed after it.", remedy=again
        )
    return Refused(problem, state=f"{runs or 'Nothing'} serves {plan.environment}.", remedy=again)


def _ask_units(app: App, environment: str, version: str) -> None:
    """Ask each unit what it serves; raise if one serves another.

    What is raised is what `unserved` says. No answer is warned of.
    """
    try:
        units = [unit for unit in app.target(environment).units() if unit.online]
        reports = observe(app, environment, units, lambda _: None)
    except (Refused, ServiceFailed) as reason:
        app.screen.warn(f"The hosts were not asked what they run: {reason.what}")
        return
    lagging = [report for report in reports if report.outcome != "silent" and not serves(report, version)]
    silent = [report for report in reports if report.outcome == "silent"]
    if silent:
        app.screen.warn(f"{listed(_names(units, silent))} did not say what they run: {silent[0].reason}")
    if lagging:
        kind = unserved(version, reports)
        back = way_back(app, environment, version) if kind is RollbackFailed else ""
        raise kind(
            f"By the ledger {version} serves {environment}; {listed(_names(units, lagging))} does not run it.",
            state=f"{lagging[0].serving or 'Nothing'} runs on {_names(units, lagging)[0]}.",
            remedy=either(f"Go back: {back}" if back else "", f"Bring it to {version}: {commands.heal(environment)}"),
        )


def _names(units: Sequence[Unit], reports: Sequence[Report]) -> list[str]:
    names = {unit.id: unit.name for unit in units}
    return [names.get(report.unit, report.unit) for report in reports]
