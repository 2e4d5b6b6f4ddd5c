"""Whether the ledger is what was written: each entry is held against those that name it."""

from __future__ import annotations

from tagship.domain import aws_commands, layout
from tagship.domain.chain import Flaw, flaws
from tagship.domain.text import counted
from tagship.errors import NotAuthentic
from tagship.ports.app import App

SHOWN = 20  # flaws


def require_as_written(app: App, environment: str) -> None:
    """Hold an environment's ledger against its chain. Raises NotAuthentic."""
    records = app.ledger.stored(environment)
    problems = flaws(records)
    if problems:
        raise _altered(app, environment, problems)
    chained = sum(1 for record in records if record.before)
    app.screen.say(
        f"{environment}: {counted(len(records), 'record')} of the ledger, none altered, deleted or put between "
        f"({chained} in the chain)"
    )


def _altered(app: App, environment: str, problems: list[Flaw]) -> NotAuthentic:
    lines = [f"{flaw.name} {flaw.problem}" for flaw in problems[:SHOWN]]
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    prefix = f"{layout.ledger(app.settings.app, environment)}{problems[0].name}"
    place = app.settings.account(environment)
    look = aws_commands.object_versions(place.bucket, prefix, place.where)
    return NotAuthentic(
        f"The ledger of {environment} is not what was written: {counted(len(problems), 'problem')}.",
        remedy=f"See who wrote what: {look}",
        evidence="\n".join([*lines, *more]),
    )
