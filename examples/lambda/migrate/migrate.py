"""The migrations, as a function: {"migrate": true} applies them, any other event says which version this is.

A real one keeps in the database what was applied; this one has no database, and prints it.
"""

from __future__ import annotations

import os
from typing import Any

MIGRATIONS = ["0001_carts", "0002_notes"]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Apply the migrations, each of which may be repeated."""
    applied = MIGRATIONS if event.get("migrate") else []
    for name in applied:
        print(f"migrated {name}")
    return {"version": os.environ["VERSION"], "applied": applied}
