"""What an environment stands on: Terraform (or another tool) with an artifact's names, and locks that a run left."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.VERSION, f.ENV, f.TARGET, f.APPROVED, f.DRY_RUN, f.JSON, of="infra", default=True, announce=True)
def apply() -> None:
    """Plan and apply an environment's infrastructure for a published version."""


@verb(f.PLANNED, f.PLANNED_ENV, f.DETAILED, f.STORE, f.TELL, f.JSON, of="infra", announce=True)
def plan() -> None:
    """Say what an apply would change, to people, CI and monitors."""


@verb(f.ANY_ENV, f.JSON, of="infra")
def lock() -> None:
    """Show who has the Terraform state of an environment, and since when."""


@verb(f.LOCK_ID, f.ONE_ENV, f.RUN_ENDED, f.DRY_RUN, f.JSON, of="infra")
def unlock() -> None:
    """Free a Terraform state that a dead run left locked."""
