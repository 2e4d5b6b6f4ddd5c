"""What an engineer reaches for when something is wrong: go back, look, and free what is stuck."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(
    f.TO, f.ENV, f.YES, f.ALLOW_BAD, f.ALLOW_LEGACY, f.ALLOW_IRREVERSIBLE, f.WAIT, f.PREEMPT, f.ALL_OR_NOTHING,
    f.FREEZE, f.WHY_FROZEN, f.DRILLED, f.DRY_RUN, f.JSON,
    announce=True,
)  # fmt: skip
def rollback() -> None:
    """Take an environment back to an earlier version, without Git or CI."""


@verb(f.TO, f.ENV, f.FOR_REAL, f.YES, f.JSON, announce=True)
def drill() -> None:
    """Prove that a rollback would work; with --for-real, do it and return."""


@verb(f.ONE_ENV, f.DRY_RUN, f.JSON)
def continue_() -> None:
    """Have a deployment go on that is paused for a person's decision."""


@verb(f.ANY_ENV, f.WHERE, f.CHECK, f.WATCHED, f.JSON)
def status() -> None:
    """Show what runs where, by the ledger and by each unit."""


@verb(f.ANY_ENV, f.EVERY, f.ROUNDS, f.HEALS, f.MOST_HEALS, f.JSON)
def watch() -> None:
    """Look at environments again and again; with --heal, mend drift."""


@verb(f.ANY_ENV, f.LIMIT, f.ONLY_VERSION, f.STATE, f.WHO, f.SINCE, f.EVIDENCE, f.VERIFY, f.REBUILD_INDEX, f.JSON)
def history() -> None:
    """Show who deployed what where, when, and how it ended."""


@verb(f.ONE_ENV, f.UNIT, f.WRITTEN_SINCE, f.OF_DEPLOYMENT, f.GO_ON, f.JSON)
def logs() -> None:
    """Show what the app wrote, on every unit or some."""


@verb(f.ONE_ENV, f.ENTERED, f.JSON)
def shell() -> None:
    """Open a shell on a unit, by AWS's session-manager-plugin."""


@verb(f.ANY_ENV, f.JSON)
def lock() -> None:
    """Show who holds an environment, for what, and since when."""


@verb(f.LEASE_ID, f.ONE_ENV, f.RESET_FENCE, f.WHY_RESET, f.DRY_RUN, f.JSON)
def unlock() -> None:
    """Break the lease of a deployment that died; another deployment's is refused."""
