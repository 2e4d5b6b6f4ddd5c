"""What stands between a version and an environment: freezes, marks, and every gate at a glance."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.ONE_ENV, f.UNTIL, f.REASON, f.DRY_RUN, f.JSON)
def freeze() -> None:
    """Hold an environment: no deploys until a time; rollbacks go on."""


@verb(f.ONE_ENV, f.YES, f.DRY_RUN, f.JSON, wrap="thawed")
def thaw() -> None:
    """End a freeze before its time."""


@verb(f.MARKED, f.ENV, f.REASON, f.DRY_RUN, f.JSON)
def mark_good() -> None:
    """Say that a version marked bad is good after all."""


@verb(f.MARKED, f.ENV, f.REASON, f.DRY_RUN, f.JSON)
def mark_bad() -> None:
    """Mark a version bad: nothing suggests it, deploying needs a flag."""


@verb(f.JUDGED_ENV, f.JUDGED, f.JSON)
def why_not() -> None:
    """Show every gate between a version and an environment."""
