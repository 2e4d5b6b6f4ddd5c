"""What `build` and `bundle` left for an artifact: read, and held against the digests that they wrote down."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.bundle import Built
from tagship.domain.manifest import ImageRef
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App


@dataclass(frozen=True)
class Work:
    """What `bundle` and `build` left for an artifact, and where it goes."""

    artifact_id: ArtifactId
    environment: str
    file: Path
    built: Built
    image: ImageRef | None
    image_built_at: str = ""

    def key(self, app: App, name: str) -> str:
        return layout.artifact(app.settings.app, self.environment, str(self.artifact_id), name)


def work_of(app: App, artifact_id: ArtifactId, environment: str) -> Work:
    """Read what `inv bundle` and `inv build` left.

    Raises Refused if one of them did not run, NotAuthentic if its file was altered.
    """
    place = folder(app, artifact_id)
    built = Built.from_json(_left_by("bundle", place / "bundle.json", artifact_id).read_bytes())
    file = place / layout.BUNDLE
    _left_by("bundle", file, artifact_id)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != built.sha256:
        raise NotAuthentic(
            f"{file.relative_to(app.root)} has sha256 {digest}; {built.sha256} was built.",
            remedy=f"Build it again: {commands.bundle(artifact_id)}",
        )
    if not app.settings.environment(environment).target.has_image:
        return Work(artifact_id, environment, file, built, None)
    left = json.loads(_left_by("build", place / "image.json", artifact_id).read_bytes())
    image = ImageRef(left["repository"], left["tag"], left["digest"])
    return Work(artifact_id, environment, file, built, image, left["build_time"])


def _left_by(step: str, path: Path, artifact_id: ArtifactId) -> Path:
    if path.is_file():
        return path
    spell = commands.bundle if step == "bundle" else commands.build
    raise Refused(f"{path.name} of {artifact_id} is not built.", remedy=f"Build it: {spell(artifact_id)}")
