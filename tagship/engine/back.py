"""The last good version beside the one that does not serve: the way back that a remedy names."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.standing import rollback_candidates
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import altered
from tagship.engine.plan import MANY
from tagship.errors import TagshipError
from tagship.ports.app import App

LOOKED_AT = 10  # candidates whose artifact is looked for


def last_good(app: App, environment: str, but: str) -> ArtifactId | None:
    """Find the version that was healthy last, other than `but`.

    It is not marked bad, and stored as it was published.
    """
    history, marks = app.ledger.deployments(environment, MANY), app.ledger.marks(environment)
    offered = rollback_candidates(history, but, marks)[:LOOKED_AT]
    return next((version for version in offered if not altered(app, environment, version)), None)


def way_back(app: App, environment: str, but: str) -> str:
    """Spell the rollback to the last good other version.

    Empty if there is none, or AWS does not say.
    """
    try:
        version = last_good(app, environment, but)
    except TagshipError:
        return ""
    return commands.rollback(version, environment) if version else ""
