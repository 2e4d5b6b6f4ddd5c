"""Whether a version ever ran in an environment: a rollback goes back, and a first time is a deploy."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import commands
from tagship.domain.deployment import SERVES, Deployment
from tagship.domain.version import ArtifactId
from tagship.errors import Refused
from tagship.ports.app import App


def require_ran(app: App, environment: str, artifact_id: ArtifactId, history: Sequence[Deployment]) -> None:
    """Refuse a version that never ran there.

    That is a deploy, which a freeze stops and a rollback passes.
    Where the ledger cannot all be read, an incident is no time to insist.
    """
    if _ran(history, artifact_id) or _ran(app.ledger.deployments(environment), artifact_id):
        return
    if app.ledger.unreadable(environment):
        app.screen.warn(f"no readable entry says that {artifact_id} ever ran on {environment}")
        return
    raise Refused(
        f"{artifact_id} never ran on {environment}: there is nothing to go back to.",
        remedy=f"Deploy it: {commands.deploy(artifact_id, environment)}",
    )


def _ran(deployments: Sequence[Deployment], artifact_id: ArtifactId) -> bool:
    """Tell whether units were ever asked to run it."""
    unasked = {"requested", "abandoned"}
    return any(
        deployment.artifact_id == artifact_id
        and any(entry.state not in unasked and not entry.details.get("unasked") for entry in deployment.entries)
        for deployment in deployments
    )


def ever_served(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    """Tell whether an environment ever ran it, healthy or partial."""
    deployments = app.ledger.deployments(environment)
    return any(deployment.artifact_id == artifact_id and deployment.state in SERVES for deployment in deployments)
