"""What is done once: `setup` for an account, `user-data` for a launch template, `init` and `eject` for a repository."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.OWNER_ID, f.REPOSITORY_ID, f.DOCUMENT_ONLY, f.DRY_RUN, f.JSON)
def setup() -> None:
    """Make or update an AWS account's bucket, keys, roles and SSM document."""


@verb(f.HOSTS_ENV, f.PINNED, f.COMPRESS, f.OUTPUT, f.JSON, document=True)
def user_data() -> None:
    """Print what a launch template runs at a host's first boot."""


@verb(*f.INIT, f.SOURCE, f.HASH, f.UPDATE, f.YES, f.DRY_RUN, f.JSON, settled=False)
def init() -> None:
    """Write what a repository needs to ship with tagship."""


@verb(f.YES, f.DRY_RUN, f.JSON)
def eject() -> None:
    """Write tagship's host files into the repository, to change them there."""
