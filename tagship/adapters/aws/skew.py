"""A clock that is off: AWS refuses what is signed by it, in words that blame the credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from tagship.domain.text import span

SIGNATURES = timedelta(minutes=5)  # that a signature may be old (AWS General Reference, Signature Version 4)
S3 = timedelta(minutes=15)  # S3's RequestTimeTooSkewed; a HEAD has no body, and says 403 alone


def off(error: Any, kind: str, now: datetime | None = None) -> str:
    """Say how far this machine's clock is off, if that matters.

    From AWS's clock; empty if that does not explain the refusal.
    `kind` is the refusal's, of codes.KINDS.
    """
    most = {"unknown": SIGNATURES, "expired": SIGNATURES, "skewed": SIGNATURES, "denied": S3}.get(kind)
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if most is None or not date:
        return ""
    ahead = (now or datetime.now(UTC)) - parsedate_to_datetime(date)
    if abs(ahead) <= most:
        return ""
    side = "ahead of" if ahead > timedelta() else "behind"
    return f"This machine's clock is {span(abs(ahead).total_seconds())} {side} AWS's"
