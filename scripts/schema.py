"""Write docs/tagship.schema.json anew, from the settings' model: `python -m scripts.schema`."""

from __future__ import annotations

from pathlib import Path

from tagship.resources import SCHEMA
from tagship.settings.schema import text

if __name__ == "__main__":
    Path(SCHEMA).write_text(text(), "utf-8")
