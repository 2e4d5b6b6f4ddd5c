"""What people call an account: by its number, the profile that reaches it, or its bucket."""

from __future__ import annotations

import hashlib

from tagship.domain.foundation import stack_name
from tagship.ports.app import Account


def place_of(app: Account) -> str:
    """Name an account in a line about it."""
    chosen = app.settings.aws
    if app.settings.images_in:
        return f"region {chosen.region}"
    number = f"account {chosen.account}" if chosen.account else ""
    return number or (f"profile {chosen.profile}" if chosen.profile else f"s3://{chosen.bucket}")


def shared_stack(app: Account) -> str:
    """Name the stack of what a bucket's environments share.

    Of two buckets in one account and region, the one that is not the app's has its name in it.
    """
    whole, own = app.settings.whole, app.settings.aws
    place = (own.account, own.profile, own.region)
    beside = [other for other in whole.accounts if (other.account, other.profile, other.region) == place]
    buckets = [whole.aws.bucket, *(other.bucket for other in beside)]
    plain = next((bucket for bucket in buckets if any(other.bucket == bucket for other in beside)), own.bucket)
    return stack_name(app.settings.app, "" if own.bucket == plain else f"in-{_spelled(own.bucket)}")


def _spelled(bucket: str) -> str:
    """Spell a bucket without dots, and unlike any other."""
    mark = f"-{hashlib.sha256(bucket.encode()).hexdigest()[:6]}" if "." in bucket else ""
    return bucket.replace(".", "-") + mark
