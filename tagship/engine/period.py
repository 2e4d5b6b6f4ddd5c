"""Since when: a day, a time, or an age, as a person types it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tagship.domain.text import seconds
from tagship.errors import UsageError


def since_when(text: str, now: Callable[[], datetime]) -> datetime | None:
    """Parse a day, a time, or an age; None for nothing.

    2026-11-20, 2026-11-20T15:53 (UTC unless it says otherwise), 12h, 7d. Raises UsageError for anything else.
    """
    if not text:
        return None
    age = None if text.isdigit() else seconds(text)
    try:
        at = datetime.fromisoformat(text) if age is None else now() - timedelta(seconds=age)
    except (ValueError, OverflowError):
        raise UsageError(
            f"Invalid --since {text!r}.", remedy="Use a day, a time, or an age: --since 2026-11-20, --since 7d"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
