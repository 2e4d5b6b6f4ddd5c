"""`sbom`: what a published version is made of, as it was signed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.domain import commands
from tagship.domain.text import counted
from tagship.engine.artifacts import verified
from tagship.engine.attested import sbom_of
from tagship.engine.scope import named
from tagship.errors import ArtifactMissing
from tagship.ports.app import App


@dataclass(frozen=True)
class Bill:
    """A bill of materials, CycloneDX's JSON; `text` is what is printed."""

    content: Mapping[str, Any]
    text: str = ""

    def as_data(self) -> Mapping[str, Any]:
        return self.content


def sbom(app: App, *, artifact: str = "", env: str = "", output: str = "") -> Bill:
    """Read a version's SBOM; write it to `output` if that is named.

    Raises ArtifactMissing if it has none, NotAuthentic if it is not the one that its manifest names.
    """
    artifact_id, environment = named(app, artifact, env)
    manifest = verified(app, environment, artifact_id).manifest
    if not manifest.sbom_sha256:
        raise ArtifactMissing(
            f"{artifact_id} has no SBOM: an older tagship published it, or nobody signed it.",
            remedy=f"Ship a new version, which will have one: {commands.deploy_dev(environment)}",
        )
    content = sbom_of(app, manifest)
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
    if output:
        Path(output).write_text(text + "\n", "utf-8")
        app.screen.say(
            f"{output}: {counted(len(content.get('components', ())), 'component')} beside the bundle's files"
        )
    return Bill(content, "" if output else text)
