"""What `build` left of an environment's static sets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tagship.domain import commands, layout
from tagship.domain.manifest import StaticRef, sha256
from tagship.domain.static_set import StaticSet
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused
from tagship.ports.app import App


@dataclass(frozen=True)
class BuiltSet:
    """A static set as it was built: what the manifest will say, and its files."""

    ref: StaticRef
    files: StaticSet


def built_sets(app: App, artifact_id: ArtifactId, environment: str) -> dict[str, BuiltSet]:
    """Read the sets that the environment serves. Raises Refused if one isn't built."""
    return {name: _built(app, artifact_id, environment, name) for name in app.settings.static_sets(environment)}


def _built(app: App, artifact_id: ArtifactId, environment: str, name: str) -> BuiltSet:
    file, listed = (folder(app, artifact_id) / part for part in (layout.static(name), layout.static_files(name)))
    again = f"Build it: {commands.build(artifact_id)}"
    if not file.is_file() or not listed.is_file():
        raise Refused(f"The static set {name} of {artifact_id} is not built.", remedy=again)
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    key, raw = layout.artifact(app.settings.app, environment, artifact_id, layout.static(name)), listed.read_bytes()
    ref = StaticRef(key, digest, file.stat().st_size, sha256(raw))
    return BuiltSet(ref, StaticSet.from_json(raw, listed.name, again))
