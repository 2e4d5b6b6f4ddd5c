"""Which keys an environment's hosts have pinned, as they are handed to them: by user data, and by `pin`."""

from __future__ import annotations

from tagship.domain.keys import ORDERS, pinned
from tagship.ports.app import App
from tagship.ports.target import Pins


def to_pin(app: App, environment: str) -> Pins:
    """Take an environment's keys from the settings; none without [signing]."""
    signing = app.settings.signing
    if not signing:
        return Pins()
    release = app.keys(environment).verifier.public_keys()
    orders = app.keys(environment, ORDERS).verifier.public_keys()
    required = app.settings.environment(environment).require_attestation
    keys = pinned(release.values(), orders.values())
    return Pins(keys, tuple(release), tuple(orders), tuple(signing.revoked), required)
