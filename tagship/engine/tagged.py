"""The commit that a version's tag names, here or on the remote."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.text import either
from tagship.domain.version import ArtifactId
from tagship.errors import Refused, TagshipError
from tagship.ports.app import App


def commit_of(app: App, artifact_id: ArtifactId) -> str:
    """Find the commit of a tag, or of an untagged id.

    An untagged id begins with eight digits of it. Raises Refused without the tag.
    """
    if artifact_id.version is None:
        return app.repository.resolve(str(artifact_id)[:8])
    tag = app.repository.tag(str(artifact_id))
    if tag is None:
        raise _untagged(app, artifact_id)
    return tag.commit


def _untagged(app: App, artifact_id: ArtifactId) -> Refused:
    """Build the error of a tag that this clone lacks."""
    # Only what the remote has can be fetched.
    remote = app.settings.git.remote
    name = app.settings.tag(artifact_id)
    fetch = f"git fetch {remote} refs/tags/{name}:refs/tags/{name}"
    try:
        remote_tag = app.repository.remote_tag(str(artifact_id))
    except TagshipError as reason:
        problem = f"This clone has no tag {name}, and {remote} can't be asked for it ({reason.what.rstrip('.')})."
        return Refused(problem, remedy=f"If {remote} has it, fetch it: {fetch}")
    if remote_tag:
        return Refused(f"This clone has no tag {name}.", remedy=f"Fetch it: {fetch}")
    return Refused(
        f"Neither this clone nor {remote} has a tag {name}.",
        remedy=either(f"See which there are: {commands.versions()}", f"Or ship a version: {commands.deploy_dev()}"),
    )
