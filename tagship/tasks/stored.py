"""What is stored, and what the ledger tells of it."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.ANY_ENV, f.CLEANED_PR, f.DAYS, f.KEEP, f.EXPLAIN, f.DRY_RUN, f.JSON)
def cleanup() -> None:
    """Delete old artifacts that nothing uses: never one that can be needed."""


@verb(f.ANY_ENV, f.PERIOD, f.PAGE, f.JSON, document=True)
def report() -> None:
    """Write one page of HTML: environments, deployments, DORA, failures."""


@verb(f.ANY_ENV, f.PERIOD, f.OPENMETRICS, f.EMF, f.JSON, document=True)
def metrics() -> None:
    """Show how deployments go: success, time, rollbacks, DORA's four keys."""
