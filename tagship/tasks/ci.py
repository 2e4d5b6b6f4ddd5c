"""What CI calls, a step each; people call deploy, heal, resume and verify too."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.VERSION, f.ENV, f.JSON, announce=True)
def validate() -> None:
    """Check the pushed tag, and output what is deployed where."""


@verb(f.VERSION, f.ENV, f.DRY_RUN, f.JSON, wrap="image", announce=True)
def build() -> None:
    """Build the container image or the packages that the environment runs."""


@verb(f.VERSION, f.ENV, f.DRY_RUN, f.JSON, wrap="bundle", announce=True)
def bundle() -> None:
    """Build the bundle that hosts unpack: the same bytes on any machine."""


@verb(f.VERSION, f.ENV, f.BUILT, f.DRY_RUN, f.JSON, wrap="manifest", announce=True)
def publish() -> None:
    """Sign the artifact, store it for good, and read it back."""


@verb(
    f.VERSION, f.ENV, f.SKIP, f.ALLOW_OLDER, f.ALLOW_BAD, f.WAIT, f.HEAL, f.RESUME, f.DRY_RUN, f.JSON, announce=True
)  # fmt: skip
def deploy() -> None:
    """Make an environment run a published version; undo it on failure."""


@verb(f.TESTED, f.ONE_ENV, f.DRY_RUN, f.JSON, announce=True)
def tested() -> None:
    """Record that what an environment runs passed its tests there."""


@verb(
    f.FROM, f.PROMOTED_TO, f.PROMOTED, f.ALL_THE_WAY, f.ALLOW_OLDER, f.ALLOW_BAD, f.AFTER, f.WAIT, f.YES,
    f.DRY_RUN, f.JSON,
    announce=True,
)  # fmt: skip
def promote() -> None:
    """Deploy the very bytes that passed in the environment before."""


@verb(f.ONE_ENV, f.WAIT, f.AUTOMATIC, f.DRY_RUN, f.JSON, announce=True)
def heal() -> None:
    """Bring the units that lag to what the environment runs."""


@verb(f.UNENDED_ENV, f.WAIT, f.DRY_RUN, f.JSON, announce=True)
def resume() -> None:
    """End a deployment whose runner died, without sending anything twice."""


@verb(f.VERSION, f.ENV, f.JSON, announce=True)
def verify() -> None:
    """Ask every host and the health URL whether the version serves."""


@verb(f.VERSION, f.ENV, f.OUTPUT, f.JSON, document=True)
def sbom() -> None:
    """Print what a published version is made of, as CycloneDX."""


@verb(f.VERSION, f.ENV, f.TEST, f.JSON)
def notify() -> None:
    """Say how a deployment ended: in the run, on GitHub, by webhooks."""
