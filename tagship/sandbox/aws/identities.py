"""The access keys that IAM and STS gave out."""

from __future__ import annotations

from datetime import UTC, datetime

from tagship.sandbox.aws import stock

PARTITION = "aws"


def secret_of(key: str) -> tuple[str, str] | None:
    """Return the secret and the session token of an active key."""
    role = stock.backend("sts", PARTITION).get_assumed_role_from_access_key(key)
    if role is not None:
        return (role.secret_access_key, role.session_token) if role.expiration > _now() else None
    known = stock.backend("iam", PARTITION).access_keys.get(key)
    usable = known is not None and known.status == "Active" and known.user_name is not None  # else it was a role's
    return (known.secret_access_key, "") if usable else None


def _now() -> datetime:
    """Return the time as moto writes it: UTC, and not saying so."""
    return datetime.now(UTC).replace(tzinfo=None)
