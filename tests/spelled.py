"""Messages of a program that was started by its path: their commands begin with that, if nothing of it is on PATH."""

from __future__ import annotations

import re


def by_inv(text: str) -> str:
    """The text with each command spelled `inv …`, as where `inv` is on PATH."""
    return re.sub(r"\S*/(?:tagship|inv) ", "inv ", text)
