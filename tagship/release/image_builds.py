"""One image of an artifact: built into a file, with what it knows of itself as build arguments and labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property
from pathlib import Path

from tagship.domain.image import BuiltImage, Recipe, base_of
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.ports.app import App
from tagship.release.built import image_files
from tagship.release.image_inputs import inputs_of
from tagship.release.unchanged import Before, said, same_as
from tagship.settings import Image

REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True)
class ImageBuild:
    """The build of one image.

    `name` is "" for the environment's own. `beside` is true if others are built at the same time.
    """

    app: App
    artifact_id: ArtifactId
    commit: str
    environment: str
    name: str
    beside: bool = False

    @property
    def image(self) -> Image:
        return self.app.settings.images_of(self.environment)[self.name]

    @property
    def tag(self) -> str:
        return self.artifact_id.image_tag(self.environment)

    @property
    def planned(self) -> str:
        """Say what is to be built, and from what."""
        return f"build {self.image.repository}:{self.tag} of {self.commit[:8]} from {self.image.stacked}"

    def build(self, before: Before) -> BuiltImage:
        """Build it into its file, unless the same exists; write its record."""
        file, record = image_files(folder(self.app, self.artifact_id), self.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)  # an earlier build's, of which the record would say nothing
        inputs = inputs_of(self.app.root, self.image)  # before the build: what changes meanwhile is built the next time
        asked = BuiltImage(
            self.image.repository,
            self.tag,
            "",
            "",
            self.commit,
            self.facts["BUILD_TIME"],
            "",
            inputs.digest,
            inputs.why,
        )
        same = same_as(self.app, before, self.name, asked.repository, inputs)
        self.app.screen.say(said(self.name, asked, same))
        built = asked if same.image else self._made(file, asked)
        record.write_bytes(built.to_json())
        if not built.skipped:
            self.app.screen.say(f"built {built.name}: {built.id}")
        return built

    def _made(self, to: Path, asked: BuiltImage) -> BuiltImage:
        """Build the image into a file; return how it is known."""
        app, image, facts = self.app, self.image, self.facts
        dockerfile = app.root / image.dockerfile
        image_id = app.builder.build(
            app.root / image.context,
            dockerfile,
            image.repository,
            self.tag,
            labels=self.labels,
            arguments={**image.arguments, **facts},
            to=to,
            recipe=self._recipe,
        )
        with to.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return replace(asked, id=image_id, sha256=digest, base=_base(dockerfile))

    @property
    def _recipe(self) -> Recipe:
        image, says = self.image, f"{self.name}: " if self.beside and self.name else ""
        return Recipe(image.target, image.platform, image.cache_from, image.cache_to, image.smoke, says)

    @cached_property
    def facts(self) -> dict[str, str]:
        """Collect the build arguments: what the image knows of itself."""
        # Once: its record, its arguments and its labels name one time.
        app = self.app
        return {
            "VERSION": str(self.artifact_id),
            "COMMIT_SHA": self.commit,
            "BRANCH": app.settings.environment(self.environment).branch or app.ci.branch,
            "BUILD_TIME": f"{app.clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "WORKFLOW_RUN_ID": app.ci.run,
            "PR_NUMBER": app.ci.pull_request,
        }

    @property
    def labels(self) -> dict[str, str]:
        """Collect the labels: OCI's, and our own."""
        facts = self.facts
        return {
            REVISION: facts["COMMIT_SHA"],
            CREATED: facts["BUILD_TIME"],
            "org.opencontainers.image.version": facts["VERSION"],
            "tagship.app": self.app.settings.app,
            "tagship.branch": facts["BRANCH"],
            "tagship.run": facts["WORKFLOW_RUN_ID"],
            "tagship.pull-request": facts["PR_NUMBER"],
        }


def _base(dockerfile: Path) -> str:
    """Name the pinned base image; empty if it is not known."""
    try:
        return base_of(dockerfile.read_text("utf-8", "replace"))
    except OSError:  # the builder took it, so it may be anywhere that this program can't read
        return ""
