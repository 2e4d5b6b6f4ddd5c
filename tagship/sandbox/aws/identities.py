"""The access keys that IAM and STS gave out."""

from __future__ import annotations

from datetime import UTC, datetime

from moto.iam.models import get_account_id_from

from tagship.sandbox.aws import stock

PARTITION = "aws"


OWNER = "sandbox"  # the user of another account that the sandbox signs as


def issue(account: str) -> tuple[str, str]:
    """Make a key of another account; return it and its secret."""
    iam = stock.backend("iam", PARTITION, account)
    iam.create_user(region_name="us-east-1", user_name=OWNER)
    made = iam.create_access_key(OWNER)
    return made.access_key_id, made.secret_access_key


def account_of(key: str) -> str:
    """Name the account of a key."""
    # The default one for the sandbox's own.
    account: str = get_account_id_from(key)
    return account


def caller_of(key: str) -> str:
    """Return the ARN that conditions know a key's owner by."""
    account = account_of(key)
    role = stock.backend("sts", PARTITION, account).get_assumed_role_from_access_key(key)
    if role is not None:
        return str(role.role_arn)
    known = stock.backend("iam", PARTITION, account).access_keys.get(key)
    return f"arn:aws:iam::{account}:user/{known.user_name}" if known else f"arn:aws:iam::{account}:root"


def secret_of(key: str) -> tuple[str, str] | None:
    """Return the secret and the session token of an active key."""
    account = account_of(key)
    role = stock.backend("sts", PARTITION, account).get_assumed_role_from_access_key(key)
    if role is not None:
        return (role.secret_access_key, role.session_token) if role.expiration > _now() else None
    known = stock.backend("iam", PARTITION, account).access_keys.get(key)
    usable = known is not None and known.status == "Active" and known.user_name is not None  # else it was a role's
    return (known.secret_access_key, "") if usable else None


def _now() -> datetime:
    """Return the time as moto writes it: UTC, and not saying so."""
    return datetime.now(UTC).replace(tzinfo=None)
