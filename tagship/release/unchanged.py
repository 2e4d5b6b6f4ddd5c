"""Which images need not be built: those whose inputs are those of the version that runs, and that can be pulled yet.

`build` asks it before it builds, if it has credentials; `publish` asks it again and decides. What runs is believed by
its signature, and a digest once the registry has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tagship.domain.image import BuiltImage
from tagship.domain.inputs import Inputs
from tagship.domain.manifest import ImageRef, Manifest, PackageRef, StaticRef
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_manifest
from tagship.errors import TagshipError
from tagship.ports.app import App


@dataclass(frozen=True)
class Before:
    """The version that runs; None, and why it is not known."""

    manifest: Manifest | None = None
    why: str = ""

    @property
    def packages(self) -> Mapping[str, PackageRef]:
        return self.manifest.packages if self.manifest else {}

    @property
    def static(self) -> Mapping[str, StaticRef]:
        return self.manifest.static if self.manifest else {}

    @property
    def version(self) -> str:
        return self.manifest.artifact_id if self.manifest else ""

    @property
    def images(self) -> Mapping[str, ImageRef]:
        return self.manifest.every_image if self.manifest else {}


@dataclass(frozen=True)
class Same:
    """An image that exists already, or why there is none.

    `of` is the version that it is taken from.
    """

    image: ImageRef | None = None
    of: str = ""
    why: str = ""


def running(app: App, environment: str) -> Before:
    """Read the manifest of what runs; say why it is not known."""
    if not app.signed_in:
        return Before(why=f"what runs on {environment} is not asked without AWS credentials")
    try:
        serving = latest(app, environment)
        manifest = stored_manifest(app, environment, ArtifactId(serving)) if serving else None
    except TagshipError as reason:
        return Before(why=f"what runs on {environment} is not known ({reason.what.rstrip('.')})")
    if manifest is None:
        return Before(why=f"{environment} runs nothing that tagship deployed")
    return Before(manifest)


def latest(app: App, environment: str) -> str:
    """Name the artifact that an environment runs; empty for none."""
    from tagship.domain.deployment import latest_serving

    serving = latest_serving(app.ledger.deployments(environment))
    return serving.artifact_id if serving else ""


def same_as(app: App, before: Before, name: str, repository: str, inputs: Inputs) -> Same:
    """Find the image that the same inputs made."""
    # If it can be pulled yet.
    if before.manifest is None:
        return Same(why=before.why)
    version, image = before.manifest.artifact_id, before.images.get(name)
    if inputs.why:
        return Same(why=inputs.why)
    if image is None or image.repository != repository:
        return Same(why=f"{version}, which runs, has no such image")
    if not image.inputs:
        return Same(why=f"{version}, which runs, does not say what its image is made of")
    if image.inputs != inputs.digest:
        return Same(why=f"it is made of other files or arguments than that of {version}, which runs")
    return _asked(app, image, version)


def _asked(app: App, image: ImageRef, version: str) -> Same:
    """Ask the registry whether it has the image yet."""
    try:
        app.registry.login(image.repository)
        problem = app.registry.status(image).why_not_pullable
    except TagshipError as reason:
        problem = f"the registry does not say whether that image exists ({reason.what.rstrip('.')})"
    if problem:
        return Same(why=f"it is made of the same as that of {version}, which runs, but {problem}")
    return Same(image, version)


def said(name: str, built: BuiltImage, same: Same) -> str:
    """Say what becomes of an image, and why."""
    about = name or "the image"
    if same.image:
        return f"{about}: unchanged since {same.of}, which runs: {same.image.by_digest} is kept"
    return f"{about}: {built.name} is new: {same.why}"
