"""Environments of pull requests: closed with theirs, and swept on a schedule."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import verb


@verb(f.PR_NUMBER, f.WAIT, f.DRY_RUN, f.JSON, of="preview")
def close() -> None:
    """Take away a pull request's environment; waits for a running deploy."""


@verb(f.DRY_RUN, f.JSON, of="preview")
def sweep() -> None:
    """Close previews whose pull request is closed, or that expired."""
