"""What stands beside an environment that runs: its artifact as it is stored, and its tag on the remote."""

from __future__ import annotations

from tagship.domain.manifest import Manifest
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified
from tagship.errors import ArtifactError, TagshipError
from tagship.ports.app import App


def beside(app: App, environment: str, artifact_id: ArtifactId) -> tuple[str, str]:
    """Say how the stored artifact and the tag differ from what runs.

    Either is empty if nothing differs, or if it can't be looked at here, which is warned of.
    """
    try:
        manifest = verified(app, environment, artifact_id).manifest
    except ArtifactError as reason:
        return reason.what.rstrip("."), ""
    except TagshipError as reason:
        app.screen.warn(f"the stored objects of {artifact_id} could not be checked: {reason.what.rstrip('.')}")
        return "", ""
    return "", _tag(app, manifest) if manifest.tag else ""


def _tag(app: App, manifest: Manifest) -> str:
    try:
        tag = app.repository.remote_tag(manifest.version)
    except TagshipError as reason:
        app.screen.warn(f"the tag {manifest.tag} could not be checked: {reason.what.rstrip('.')}")
        return ""
    if tag is None:
        return "it is gone"
    if tag.commit != manifest.commit:
        return f"it names {tag.commit[:7]}, and what runs was built of {manifest.commit[:7]}"
    return ""
