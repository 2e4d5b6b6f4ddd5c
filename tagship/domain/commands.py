"""The commands that messages advise: the one place that spells `inv …`."""

from __future__ import annotations


def resume(environment: str) -> str:
    """What ends a deployment whose runner died."""
    return f"inv deploy --resume --env {environment}"
