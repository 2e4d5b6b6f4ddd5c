"""Migrations that can't be undone, and what goes back across them."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.hook import crossed
from tagship.domain.plan import Plan
from tagship.domain.text import listed, plural
from tagship.errors import Interrupted, Refused
from tagship.ports.app import App


def left_applied(app: App, environment: str, target: str, history: Sequence[Deployment]) -> tuple[str, ...]:
    """List versions whose migrations stay applied after a way back to `target`.

    All deployments are read if those of `history` lack the one by which it served.
    """
    known = any(deployment.artifact_id == target and deployment.state in SERVES for deployment in history)
    return crossed(history if known else app.ledger.deployments(environment), target)


def carried(app: App, source: str, target: str, runs: str) -> tuple[str, ...]:
    """List the migrations that a promotion brings, of versions in between.

    `runs` is what runs in the environment that `target` goes to.
    """
    history = app.ledger.deployments(source)
    last = max((place for place, past in enumerate(history) if past.artifact_id == target), default=-1)
    return crossed(history[: last + 1], runs)


def require_asked(app: App, plan: Plan, again: str, *, yes: bool) -> None:
    """Have somebody agree to go back across what can't be undone.

    `again` is the command that says so. Raises Refused if nobody can be asked, and Interrupted if the answer is no.
    """
    if not plan.irreversible or plan.allow_irreversible:
        return
    remedy = f"If {plan.artifact_id} works with that data: {again}"
    if yes or not app.prompt.possible:
        raise Refused(f"{_crossing(plan)}.", remedy=remedy)
    if not app.prompt.confirm(f"{_crossing(plan)}. Go back anyway?"):
        raise Interrupted("Not rolled back.", remedy=remedy)


def require_no_more(plan: Plan, shown: Plan | None, again: str) -> None:
    """Refuse to cross a migration that came after the plan was shown."""
    if shown is None or plan.allow_irreversible or not set(plan.irreversible) - set(shown.irreversible):
        return
    raise Refused(
        f"{plan.environment} changed since this was planned. {_crossing(plan)}.",
        remedy=f"If {plan.artifact_id} works with that data: {again}",
    )


def _crossing(plan: Plan) -> str:
    """Say what it goes back across."""
    migrations = plural("migration", len(plan.irreversible))
    return f"The {migrations} of {listed(plan.irreversible)} can't be undone, and {plan.artifact_id} came before"
