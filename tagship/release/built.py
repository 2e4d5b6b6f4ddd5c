"""What `build` and `bundle` left for an artifact: read, and held against the digests that they wrote down."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagship.domain import commands, layout
from tagship.domain.attestation import PartObject, part_objects, subjects_of, taken
from tagship.domain.bundle import Built
from tagship.domain.image import BuiltImage
from tagship.domain.manifest import ImageRef, PackageRef, StaticRef
from tagship.domain.package import BuiltPart, BuiltParts
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App
from tagship.release.built_sets import BuiltSet, built_sets

IMAGE, RECORD, PACKAGES = "image.tar", "image.json", "packages.json"


@dataclass(frozen=True)
class Work:
    """What `bundle` and `build` left for an artifact, and where it goes."""

    artifact_id: ArtifactId
    environment: str
    file: Path
    built: Built
    images: Mapping[str, BuiltImage]  # by name; "" is the environment's own
    packages: Mapping[str, BuiltPart] = field(default_factory=dict)  # by name
    refs: Mapping[str, ImageRef] = field(default_factory=dict)  # by name, once they are pushed, or believed
    static: Mapping[str, BuiltSet] = field(default_factory=dict)  # by name
    host_image: str = ""  # the name of the one that hosts run
    copies: Mapping[str, str] = field(default_factory=dict)  # objects of what runs that S3 can copy, by name

    @property
    def image(self) -> ImageRef | None:
        """Return the environment's own image, or its hosts'."""
        return self.refs.get(self.host_image)

    @property
    def named_images(self) -> Mapping[str, ImageRef]:
        """Return the images that have a name."""
        return {name: ref for name, ref in self.refs.items() if name}

    @property
    def every_image(self) -> Mapping[str, ImageRef]:
        """Return all images, as a manifest names them."""
        return {**({"": self.image} if self.image else {}), **self.named_images}

    def place(self, app: App) -> str:
        """Name the artifact for its attestations."""
        return f"{app.settings.app}/{self.environment}/{self.artifact_id}"

    def subjects(self, app: App) -> Mapping[str, str]:
        """List the parts that attestations are about."""
        return subjects_of(self.place(app), self.built.sha256, self.refs.values(), self._parts(app))

    def taken(self, app: App) -> Mapping[str, str]:
        """List what was built for another artifact."""
        return taken(self.place(app), self.every_image.values(), self._parts(app))

    def _parts(self, app: App) -> Sequence[PartObject]:
        return part_objects(self.package_refs(app), self.static_refs)

    def package_refs(self, app: App) -> dict[str, PackageRef]:
        """Return the packages, as a manifest names them."""
        return {
            name: PackageRef(self.key(app, layout.package(name)), built.sha256, built.size, built.inputs, built.kept)
            for name, built in self.packages.items()
        }

    @property
    def static_refs(self) -> dict[str, StaticRef]:
        """Return the static sets, as a manifest names them."""
        return {name: made.ref for name, made in self.static.items()}

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
    _compare(app, file, built.sha256, commands.bundle(artifact_id))
    target = app.settings.environment(environment).target
    images = {name: _image(app, artifact_id, name) for name in target.images}
    packages = _packages(app, artifact_id, target.packages) if target.packages else {}
    static = built_sets(app, artifact_id, environment)
    return Work(artifact_id, environment, file, built, images, packages, static=static, host_image=target.host_image)


def _packages(app: App, artifact_id: ArtifactId, names: Sequence[str]) -> dict[str, BuiltPart]:
    """Read what `inv build` left of packages, and compare their files."""
    place, again = folder(app, artifact_id), commands.build(artifact_id)
    record = _left_by("build", place / PACKAGES, artifact_id)
    made = BuiltParts.from_json(record.read_bytes(), record.name, again).parts
    for name in names:
        if name in made and made[name].kept:
            continue
        file = _left_by("build", place / layout.package(name), artifact_id)
        _compare(app, file, made[name].sha256 if name in made else "no package of that name", again)
    return {name: made[name] for name in names}


def image_files(place: Path, name: str) -> tuple[Path, Path]:
    """Locate the file and the record of a built image."""
    return (place / f"image-{name}.tar", place / f"image-{name}.json") if name else (place / IMAGE, place / RECORD)


def _image(app: App, artifact_id: ArtifactId, name: str) -> BuiltImage:
    """Read what `inv build` left of an image, and compare its file."""
    file, record = image_files(folder(app, artifact_id), name)
    left = _left_by("build", record, artifact_id)
    image = BuiltImage.from_json(left.read_bytes(), record.name, commands.build(artifact_id))
    if image.skipped:
        return image
    _compare(app, _left_by("build", file, artifact_id), image.sha256, commands.build(artifact_id))
    return image


def _compare(app: App, file: Path, built: str, again: str) -> None:
    """Require the SHA-256 that was written down. Raises NotAuthentic."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != built:
        raise NotAuthentic(
            f"{file.relative_to(app.root)} has sha256 {digest}; {built} was built.", remedy=f"Build it again: {again}"
        )


def _left_by(step: str, path: Path, artifact_id: ArtifactId) -> Path:
    if path.is_file():
        return path
    spell = commands.bundle if step == "bundle" else commands.build
    raise Refused(f"{path.name} of {artifact_id} is not built.", remedy=f"Build it: {spell(artifact_id)}")
