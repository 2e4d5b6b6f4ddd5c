"""Whether a version exists at all: it was deployed, is published, or has a tag. A mark on any other is a slip."""

from __future__ import annotations

from collections.abc import Sequence

from tagship.domain import commands, layout
from tagship.domain.deployment import Deployment
from tagship.domain.mark import Mark
from tagship.domain.version import ArtifactId, Version, nearest
from tagship.engine.artifacts import stored_ids
from tagship.errors import Refused, TagshipError
from tagship.ports.app import App

NAMED = 3  # versions that are named instead


def require_known(
    app: App,
    environment: str,
    artifact_id: ArtifactId,
    history: tuple[Sequence[Deployment], Sequence[Mark]],
) -> None:
    """Raise Refused if nothing is known of a version.

    The nearest are named, and no command has one: a slip must not become a mark on another version.
    """
    deployed = [deployment.artifact_id for deployment in history[0]]
    if artifact_id in {*deployed, *(mark.artifact_id for mark in history[1])}:
        return
    if _is_published(app, environment, artifact_id):
        return
    tagged, problem = _is_tagged(app, artifact_id)
    if not tagged:
        near = _near(artifact_id, [*deployed, *stored_ids(app, environment)])
        unasked = f" that can be asked for ({problem})" if problem else ""
        raise Refused(
            f"{artifact_id} was never deployed to {environment} or published for it, and has no tag{unasked}.",
            remedy=f"Name one that is known, the nearest {', '.join(near)}. {_look(environment, deployed)}"
            if near
            else f"Nothing was deployed or published yet. See the tags: {commands.versions(environment)}",
        )


def _look(environment: str, deployed: Sequence[str]) -> str:
    """Say how to see which versions are known."""
    if deployed:
        return f"See what ran: {commands.history(environment)}"
    return f"See the versions: {commands.versions(environment)}"


def _is_published(app: App, environment: str, artifact_id: ArtifactId) -> bool:
    return app.store.head(layout.artifact(app.settings.app, environment, artifact_id, layout.MANIFEST)) is not None


def _is_tagged(app: App, artifact_id: ArtifactId) -> tuple[bool, str]:
    """Tell whether this clone or the remote has the tag.

    Also returns why that could not be asked; empty if it was.
    """
    try:
        tag = app.repository.tag(artifact_id) or app.repository.remote_tag(artifact_id)
    except TagshipError as reason:
        return False, reason.what.rstrip(".")
    return tag is not None, ""


def _near(artifact_id: ArtifactId, names: Sequence[str]) -> list[str]:
    versions = sorted({version for name in names if (version := Version.maybe(name))}, reverse=True)
    return nearest(artifact_id, [str(version) for version in versions], NAMED)
