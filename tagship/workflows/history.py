"""history: who made which environment run what, when, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from tagship.domain.deployment import Deployment
from tagship.domain.times import moment, span
from tagship.errors import UsageError
from tagship.ports import App

COLUMNS = ("WHEN (UTC)", "WHAT", "BY", "TOOK", "OUTCOME")
WIDEST = 36  # characters of the second column: the table fits 80
CI = re.compile(r"run \d+ \((.*)\)\Z")


def history(app: App, *, env: str = "", limit: int = 20) -> list[Deployment]:
    """The latest deployments of one environment or of all, the newest first; all where none is named."""
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
    app.screen.table(COLUMNS, [row for one in deployments for row in _rows(one)])


def _rows(one: Deployment) -> list[list[str]]:
    """A line for the deployment, and one for the reason where it did not end well. `--json` has all of it."""
    first, last = one.first, one.last
    took = span(one.seconds) if one.ended else ""
    what = f"{first.action} {one.artifact_id} on {first.environment}"
    rows = [[moment(first.at), _short(what), _by(first.who), took, state(one)]]
    return [*rows, ["", _short(f"  {last.reason}"), "", "", ""]] if last.reason else rows


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _by(who: str) -> str:
    """A person and a place; of a CI run, whose push it was."""
    run = CI.match(who)
    return f"{run[1]}, CI" if run else who


def state(one: Deployment) -> str:
    """What came of it so far, in a word."""
    return one.state if one.ended else f"{one.state}, not ended"


def outcome(one: Deployment) -> str:
    """The state in a word, and the reason where there is one."""
    return f"{state(one)}: {one.last.reason}" if one.last.reason else state(one)


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
