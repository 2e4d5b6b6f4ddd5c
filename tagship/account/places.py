"""What people call an account: by its number, the profile that reaches it, or its bucket."""

from __future__ import annotations

from tagship.ports.app import Account


def place_of(app: Account) -> str:
    """Name an account in a line about it."""
    chosen = app.settings.aws
    if app.settings.images_in:
        return f"region {chosen.region}"
    number = f"account {chosen.account}" if chosen.account else ""
    return number or (f"profile {chosen.profile}" if chosen.profile else f"s3://{chosen.bucket}")
