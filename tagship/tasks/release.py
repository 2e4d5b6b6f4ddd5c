"""What a developer types: deploy-dev, tag, tag-undo, versions."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.CHANNEL, f.NEW_VERSION, f.COMMIT, f.YES, f.FIRST, f.DRY_RUN, f.VERBOSE, f.FOLLOW, f.RERUN, f.JSON)
def deploy_dev() -> None:
    """Tag the next version, push it, and follow it until healthy."""


@verb(f.SUFFIX, f.TAG_ENV, f.NEW_VERSION, f.COMMIT, f.YES, f.FIRST, f.UNDO, f.DRY_RUN, f.VERBOSE, f.JSON)
def tag() -> None:
    """Tag the next version, and push nothing."""


@verb(f.OWN_TAG, f.YES, f.DRY_RUN, f.JSON)
def tag_undo() -> None:
    """Delete a tag of your own, here and on the remote."""


@verb(f.CHANNEL, f.COUNT, f.OFFLINE, f.JSON)
def versions() -> None:
    """List a channel's latest versions, and what could come next."""
