"""What units that start from now on would run, beside what the ledger says."""

from __future__ import annotations

from tagship.domain import commands
from tagship.engine.plan import Facts
from tagship.errors import TagshipError
from tagship.ports.app import App


def uncommitted(app: App, known: Facts) -> str:
    """Say why units that start won't run what is recorded.

    Empty if they will, if nothing is recorded, or if it can't be told here: a look needs no key.
    """
    if not known.serving or not known.settled:
        return ""
    try:
        return app.target(known.environment).uncommitted(known.serving)
    except TagshipError as reason:
        app.screen.warn(f"can't tell what new units of {known.environment} would run: {reason.what}")
        return ""


def warn_of_uncommitted(app: App, environment: str, artifact: str, problem: str) -> None:
    """Warn of it, with the command that records it again."""
    if problem:
        again = commands.deploy(artifact, environment)
        app.screen.warn(f"{problem}. If that is wrong, write it again: {again}")
