"""What GitHub's API answers if it does not do what it is asked, in its words."""

from __future__ import annotations


class NotFound(Exception):
    """404."""


class Unauthorized(Exception):
    """401, of which the message says why."""


class Forbidden(Exception):
    """403, of which the message says why."""
