"""`build`: an artifact's image or packages as files. It needs no credentials: `publish` stores them, in another job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path

from tagship.domain.image import BuiltImage, base_of
from tagship.domain.text import counted
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.engine.scope import named
from tagship.engine.tagged import commit_of
from tagship.errors import UNCHANGED, Refused
from tagship.ports.app import App
from tagship.release import static_sets
from tagship.release.built import IMAGE, RECORD
from tagship.release.packages import make
from tagship.settings import Image

REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"


def build(app: App, *, artifact: str = "", env: str = "", dry_run: bool = False) -> BuiltImage | None:
    """Build what the environment runs into .tagship/build/<artifact id>.

    That is image.tar or packages/<name>.zip, with image.json or packages.json beside it. Without either, it says so.
    Raises Refused when the checkout is not at the artifact's commit.
    """
    artifact_id, chosen = named(app, artifact, env)
    settings = app.settings.environment(chosen)
    sets = app.settings.static_sets(chosen)
    if not settings.target.has_image and not settings.target.packages and not sets:
        app.screen.say(f"{chosen} runs {artifact_id} as a process: there is no image to build")
        return None
    commit = commit_of(app, artifact_id)
    _check_checkout(app, artifact_id, commit)
    if settings.target.packages:
        _build_packages(app, artifact_id, commit, settings.target.packages, dry_run=dry_run)
    if sets:
        _build_sets(app, artifact_id, commit, sets, dry_run=dry_run)
    return _build_image(app, artifact_id, commit, chosen, dry_run=dry_run) if settings.target.has_image else None


def _build_packages(app: App, artifact_id: ArtifactId, commit: str, names: Sequence[str], *, dry_run: bool) -> None:
    app.screen.say(f"build {counted(len(names), 'package')} of {commit[:8]}: {', '.join(names)}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return
    make(app, artifact_id, commit, names)


def _build_sets(app: App, artifact_id: ArtifactId, commit: str, names: Sequence[str], *, dry_run: bool) -> None:
    app.screen.say(f"build {counted(len(names), 'static set')} of {commit[:8]}: {', '.join(names)}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return
    static_sets.make(app, artifact_id, commit, names)


def _build_image(
    app: App, artifact_id: ArtifactId, commit: str, environment: str, *, dry_run: bool
) -> BuiltImage | None:
    settings, tag = app.settings.environment(environment), artifact_id.image_tag(environment)
    facts = _facts(app, artifact_id, commit, settings.branch)
    app.screen.say(f"build {settings.image.repository}:{tag} of {commit[:8]} from {settings.image.dockerfile}")
    if dry_run:
        app.screen.say(UNCHANGED)
        return None
    place = folder(app, artifact_id)
    built = _made(app, settings.image, tag, facts, place / IMAGE)
    (place / RECORD).write_bytes(built.to_json())
    app.screen.say(f"built {built.name}: {built.id}")
    return built


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


def _labels(app: App, facts: Mapping[str, str]) -> dict[str, str]:
    return {
        REVISION: facts["COMMIT_SHA"],
        CREATED: facts["BUILD_TIME"],
        "org.opencontainers.image.version": facts["VERSION"],
        "tagship.app": app.settings.app,
        "tagship.branch": facts["BRANCH"],
        "tagship.run": facts["WORKFLOW_RUN_ID"],
        "tagship.pull-request": facts["PR_NUMBER"],
    }


def _made(app: App, image: Image, tag: str, facts: Mapping[str, str], to: Path) -> BuiltImage:
    """Build the image into a file; return how it is known."""
    to.parent.mkdir(parents=True, exist_ok=True)
    image_id = app.builder.build(
        app.root / image.context,
        app.root / image.dockerfile,
        image.repository,
        tag,
        labels=_labels(app, facts),
        arguments=facts,
        to=to,
    )
    with to.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    base = _base(app.root / image.dockerfile)
    return BuiltImage(image.repository, tag, image_id, digest, facts["COMMIT_SHA"], facts["BUILD_TIME"], base)


def _base(dockerfile: Path) -> str:
    """Name the pinned base image; empty if it is not known."""
    try:
        return base_of(dockerfile.read_text("utf-8", "replace"))
    except OSError:  # the builder took it, so it may be anywhere that this program can't read
        return ""
