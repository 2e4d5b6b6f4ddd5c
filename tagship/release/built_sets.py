"""What `build` left of an environment's static sets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tagship.domain import commands, layout
from tagship.domain.manifest import StaticRef, sha256
from tagship.domain.package import BuiltPart, BuiltParts
from tagship.domain.static_set import StaticSet
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import NotAuthentic, Refused
from tagship.ports.app import App

SETS = "static.json"  # the record of the build, beside those of images and packages


@dataclass(frozen=True)
class BuiltSet:
    """A built static set, its key, and its files."""

    key: str
    part: BuiltPart
    files: StaticSet

    @property
    def ref(self) -> StaticRef:
        part = self.part
        return StaticRef(self.key, part.sha256, part.size, part.files_sha256, part.inputs, part.kept)


def built_sets(app: App, artifact_id: ArtifactId, environment: str) -> dict[str, BuiltSet]:
    """Read the sets that the environment serves.

    Raises Refused if one isn't built, NotAuthentic if a file was altered.
    """
    names, record = app.settings.static_sets(environment), folder(app, artifact_id) / SETS
    if not names:
        return {}
    parts = {}
    if record.is_file():
        again = f"{commands.build(artifact_id)}"
        parts = dict(BuiltParts.from_json(record.read_bytes(), record.name, again).parts)
    return {name: _built(app, artifact_id, environment, name, parts.get(name)) for name in names}


def _built(app: App, artifact_id: ArtifactId, environment: str, name: str, part: BuiltPart | None) -> BuiltSet:
    file, listed = (folder(app, artifact_id) / path for path in layout.objects_of_set(name))
    again = f"Build it: {commands.build(artifact_id)}"
    if part is None or not listed.is_file() or not (part.kept or file.is_file()):
        raise Refused(f"The static set {name} of {artifact_id} is not built.", remedy=again)
    raw, digest = listed.read_bytes(), part.sha256
    if not part.kept:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if (digest, sha256(raw)) != (part.sha256, part.files_sha256):
        raise NotAuthentic(f"The static set {name} of {artifact_id} is not the one that was built.", remedy=again)
    key = layout.artifact(app.settings.app, environment, artifact_id, layout.static(name))
    return BuiltSet(key, part, StaticSet.from_json(raw, listed.name, again))
