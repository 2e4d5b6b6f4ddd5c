"""`build`: the image of an artifact, pushed, and known by the registry's own word for its digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC

from tagship.domain import commands
from tagship.domain.manifest import ImageRef
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import commit_of, folder
from tagship.engine.scope import named
from tagship.errors import UNCHANGED, NotAuthentic, Refused, ServiceFailed
from tagship.ports.app import App
from tagship.settings import Image

REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"


def build(app: App, *, artifact: str = "", env: str = "", dry_run: bool = False) -> ImageRef | None:
    """Build and push the image, or find that it is there.

    Writes image.json. Without an image to build, it says so.
    Raises Refused when the checkout is not at the artifact's commit, or the tag in the registry is of another commit.
    """
    artifact_id, chosen = named(app, artifact, env)
    settings = app.settings.environment(chosen)
    if not settings.target.has_image:
        app.screen.say(f"{chosen} runs {artifact_id} as a process: there is no image to build")
        return None
    commit, tag = commit_of(app, artifact_id), artifact_id.image_tag(chosen)
    _check_checkout(app, artifact_id, commit)
    facts = _facts(app, artifact_id, commit, settings.branch)
    app.screen.say(f"build {settings.image.repository}:{tag} of {commit[:8]} from {settings.image.dockerfile}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return None
    app.registry.login(settings.image.repository)
    image, built_at = _found(app, settings.image, tag, commit) or _made(app, settings.image, tag, facts)
    _write(app, artifact_id, image, built_at)
    app.screen.say(f"image {image.by_digest}")
    return image


def _check_checkout(app: App, artifact_id: ArtifactId, commit: str) -> None:
    """Require a checkout at the commit: the image is built from it.

    Raises Refused.
    """
    head = app.repository.resolve("HEAD")
    if head != commit:
        raise Refused(
            f"{artifact_id} is commit {commit[:8]}, but the checkout is at {head[:8]}.",
            remedy=f"Check it out: git checkout --detach {commit}",
        )


def _facts(app: App, artifact_id: ArtifactId, commit: str, branch: str) -> dict[str, str]:
    """Collect the build arguments: what the image knows of itself."""
    return {
        "VERSION": str(artifact_id),
        "COMMIT_SHA": commit,
        "BRANCH": branch or app.ci.branch,
        "BUILD_TIME": f"{app.clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "WORKFLOW_RUN_ID": app.ci.run,
        "PR_NUMBER": app.ci.pull_request,
    }


def _found(app: App, image: Image, tag: str, commit: str) -> tuple[ImageRef, str] | None:
    """Find an image that an earlier attempt pushed to the registry.

    Raises Refused if its label names another commit.
    """
    existing = app.registry.find(image.repository, tag)
    if existing is None:
        return None
    labels = app.builder.labels(existing)
    if labels.get(REVISION) != commit:
        raise Refused(
            f"{image.repository}:{tag} is taken by commit {labels.get(REVISION) or 'unknown'}, not {commit}.",
            state="The image in the registry is unchanged.",
            remedy=f"Ship under the next number: {commands.deploy_dev()}",
        )
    app.screen.say(f"{image.repository}:{tag} exists already, built from the same commit: nothing to build")
    return existing, labels.get(CREATED, "")


def _made(app: App, image: Image, tag: str, facts: Mapping[str, str]) -> tuple[ImageRef, str]:
    """Build and push the image.

    The digest that was pushed and the one that the registry answers have to be the same.
    """
    labels = {
        REVISION: facts["COMMIT_SHA"],
        CREATED: facts["BUILD_TIME"],
        "org.opencontainers.image.version": facts["VERSION"],
        "tagship.app": app.settings.app,
        "tagship.branch": facts["BRANCH"],
        "tagship.run": facts["WORKFLOW_RUN_ID"],
        "tagship.pull-request": facts["PR_NUMBER"],
    }
    pushed = app.builder.build(
        app.root / image.context, app.root / image.dockerfile, image.repository, tag, labels=labels, arguments=facts
    )
    stored = app.registry.find(image.repository, tag)
    if stored is None:
        raise ServiceFailed(
            f"{image.repository}:{tag} was pushed, but the registry does not have it.",
            remedy=f"Run it again: {commands.build(facts['VERSION'])}",
        )
    if stored.digest != pushed.digest:
        raise NotAuthentic(
            f"{image.repository}:{tag} was pushed as {pushed.digest}, but the registry has {stored.digest}.",
            state="The image in the registry is unchanged; nothing names it yet.",
            remedy=f"Make the repository's tags immutable, then ship under the next number: {commands.deploy_dev()}",
        )
    return stored, facts["BUILD_TIME"]


def _write(app: App, artifact_id: ArtifactId, image: ImageRef, built_at: str) -> None:
    place = folder(app, artifact_id)
    place.mkdir(parents=True, exist_ok=True)
    value = {**asdict(image), "build_time": built_at}
    (place / "image.json").write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
