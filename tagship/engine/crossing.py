"""Migrations that can't be undone, and what goes back across them."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.hook import crossed
from tagship.domain.plan import Plan
from tagship.domain.text import listed
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
    crossing = f"{plan.artifact_id} runs without the {across(plan)}"
    if yes or not app.prompt.possible:
        raise Refused(f"{crossing}, which can't be undone.", remedy=f"If it works with that data: {again}")
    if not app.prompt.confirm(f"{crossing}, which can't be undone. Go back anyway?"):
        raise Interrupted("Not rolled back.", remedy=f"If it works with that data: {again}")


def require_no_more(plan: Plan, shown: Plan | None, again: str) -> None:
    """Refuse to cross a migration that came after the plan was shown."""
    if shown is None or plan.allow_irreversible or not set(plan.irreversible) - set(shown.irreversible):
        return
    raise Refused(
        f"{plan.environment} changed since this was planned: {plan.artifact_id} would run without the {across(plan)}, "
        "which can't be undone.",
        remedy=f"If it works with that data: {again}",
    )


def across(plan: Plan) -> str:
    """Name the migrations: `migration of 0.1.30-dev`."""
    versions = plan.irreversible
    return f"migration{'s' if len(versions) > 1 else ''} of {listed(versions)}"
