"""How to get a version that is not stored: the one that was meant, its promotion, its tag's CI run, or its release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from tagship.domain import commands
from tagship.domain.text import either
from tagship.domain.version import ArtifactId, Version
from tagship.engine.artifacts import Stored, offer, stored_ids, verified
from tagship.errors import ArtifactMissing, TagshipError
from tagship.ports.app import App


def deployable(app: App, environment: str, artifact_id: ArtifactId) -> Stored:
    """Read a stored artifact, and verify it; see `verified`.

    If it was never published, the error says how it would be. Git is asked, which a rollback does without.
    """
    try:
        return verified(app, environment, artifact_id)
    except ArtifactMissing as reason:
        ids = stored_ids(app, environment)
        if artifact_id not in ids and (ways := list(ways_to(app, environment, artifact_id, ids))):
            reason.remedy = either(*ways, f"Or take another. {offer(app, environment, artifact_id)}")
        raise


def meant(app: App, environment: str, artifact_id: ArtifactId, ids: Sequence[str]) -> str:
    """Find a stored version that differs by its suffix alone."""
    version = ArtifactId(artifact_id).version
    if environment not in app.settings.environments:  # a preview has no channel
        return ""
    other = str(replace(version, suffix=app.settings.suffix(environment))) if version else ""
    return other if other in ids else ""


def ways_to(app: App, environment: str, artifact_id: ArtifactId, ids: Sequence[str]) -> Iterator[str]:
    """Say how a version gets there; `ids` are those that are stored."""
    version = artifact_id.version
    if version is None or environment not in app.settings.environments:
        return
    if other := meant(app, environment, artifact_id, ids):
        yield f"Deploy {other}, which is stored: {commands.deploy(other, environment)}"
    elif version.suffix == app.settings.suffix(environment):
        yield from _of_its_tag(app, environment, version, ids)
    else:
        yield from _of_another(app, environment, version)


def _of_its_tag(app: App, environment: str, version: Version, ids: Sequence[str]) -> Iterator[str]:
    """Say how a version of the environment's own channel is published."""
    name, release = str(version), partial(commands.deploy_dev, environment, version=str(version))
    with suppress(TagshipError):
        pushed, local = app.repository.remote_tag(name), app.repository.tag(name)
        if pushed:
            again = release(commit=pushed.commit[:12], rerun=True)
            yield f"{name} is tagged, and its CI run did not publish it. Run that again: {again}"
        elif local:
            yield f"{name} is tagged in this clone alone. Push it: {release(commit=local.commit[:12])}"
        elif any(known > version for known in map(Version.maybe, ids) if known):
            yield f"{name} has no tag, and later versions are out. See which: {commands.versions(environment)}"
        else:
            yield f"{name} has no tag. Release it: {release()}"


def _of_another(app: App, environment: str, version: Version) -> Iterator[str]:
    """Say how a version of another environment's channel gets here."""
    for source in app.settings.environments:
        if source != environment and app.settings.suffix(source) == version.suffix:
            yield f"It is a version of {source}. Promote it: {commands.promote(source, environment, str(version))}"
