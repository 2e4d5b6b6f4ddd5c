"""Which keys an environment's hosts have pinned, as they are handed to them: by user data, and by `pin`."""

from __future__ import annotations

from tagship.ports.app import App
from tagship.ports.target import Pins


def to_pin(app: App, environment: str) -> Pins:
    """Take an environment's keys from the settings; none without [signing]."""
    return Pins.of(app, environment)
