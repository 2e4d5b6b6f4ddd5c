"""What is done once: for an account (`setup`), keys (`pin`, `resign`), a repository (`init`, `eject`); and `doctor`."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(
    f.OWNER_ID, f.REPOSITORY_ID, f.DOCUMENT_ONLY, f.REMOVED, f.REMOVED_ENV, f.REMOVED_REGION, f.YES, f.DRY_RUN, f.JSON
)
def setup() -> None:
    """Make or update an AWS account's bucket, keys, roles and SSM document."""


@verb(f.FIX, f.YES, f.JSON)
def doctor() -> None:
    """Look at all that shipping needs, and say what mends it."""


@verb(f.ONE_ENV, f.UNDONE, f.YES, f.DRY_RUN, f.JSON)
def adopt() -> None:
    """Take over hosts that ran the app before tagship, and keep that."""


@verb(f.ONE_ENV, f.DRY_RUN, f.JSON)
def pin() -> None:
    """Pin an environment's public keys on its hosts, and no others."""


@verb(f.ONE_ENV, f.RESIGNED, f.DRY_RUN, f.JSON)
def resign() -> None:
    """Sign again, by today's key, the versions to go back to."""


@verb(f.HOSTS_ENV, f.PINNED, f.COMPRESS, f.OUTPUT, f.JSON, document=True)
def user_data() -> None:
    """Print what a launch template runs at a host's first boot."""


@verb(*f.INIT, f.WITH_PREVIEWS, f.HERE, f.SOURCE, f.HASH, f.UPDATE, f.SCHEMA, f.YES, f.DRY_RUN, f.JSON, settled=False)
def init() -> None:
    """Write what a repository needs to ship with tagship."""


@verb(f.YES, f.DRY_RUN, f.JSON)
def eject() -> None:
    """Write tagship's host files into the repository, to change them there."""
