"""history: who made which environment run what, when, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tagship.domain.deployment import Deployment
from tagship.domain.times import moment, span
from tagship.errors import UsageError
from tagship.ports import App

COLUMNS = ("WHEN (UTC)", "ENVIRONMENT", "ACTION", "VERSION", "IN PLACE OF", "WHO", "OUTCOME", "TOOK")


def history(app: App, *, env: str = "", limit: int = 20) -> list[Deployment]:
    """The latest deployments of one environment or of all, the newest first."""
    if limit < 0:
        raise UsageError(f"{limit} is no number of deployments.", remedy="Give one, or 0 for all: --limit 20")
    environments = [env] if env else list(app.settings.environments)
    found: list[Deployment] = []
    for one in environments:
        app.settings.environment(one)
        found += app.ledger.deployments(one, limit)
        for key in app.ledger.unreadable(one):
            app.screen.warn(f"the ledger's {key} cannot be read: it is passed over")
    newest = sorted(found, key=lambda one: one.id, reverse=True)
    shown = newest[:limit] if limit else newest
    _show(app, shown)
    return shown


def _show(app: App, deployments: Sequence[Deployment]) -> None:
    if not deployments:
        app.screen.say("Nothing was ever deployed. Ship a version: inv deploy-dev")
        return
    app.screen.table(COLUMNS, [_row(one) for one in deployments])


def _row(one: Deployment) -> list[str]:
    first, last = one.first, one.last
    took = span(one.seconds) if one.ended else ""
    return [
        moment(first.at),
        first.environment,
        first.action,
        one.artifact_id,
        last.replaced,
        first.who,
        outcome(one),
        took,
    ]


def outcome(one: Deployment) -> str:
    """The state in a word, and the reason where there is one."""
    word = one.state if one.ended else f"{one.state}, not ended"
    return f"{word}: {one.last.reason}" if one.last.reason else word


def as_data(deployments: Sequence[Deployment]) -> list[dict[str, object]]:
    """What `--json` prints: each deployment with its entries as the ledger has them."""
    return [
        {
            "deployment": one.id,
            "environment": one.first.environment,
            "action": one.first.action,
            "artifact": one.artifact_id,
            "replaced": one.last.replaced,
            "who": one.first.who,
            "where": one.first.where,
            "state": one.state,
            "ended": one.ended,
            "started": one.first.at,
            "seconds": round(one.seconds, 3),
            "reason": one.last.reason,
            "entries": [asdict(entry) for entry in one.entries],
        }
        for one in deployments
    ]
