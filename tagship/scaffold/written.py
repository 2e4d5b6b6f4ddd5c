"""What init wrote last of each file, kept in the repository: the base by which an update is merged (ADR 0033)."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RECORD = ".github/actions/tagship/written.json"
ABOUT = (
    "What `tagship init` wrote last, deflated, in base64. `tagship init --update` merges by it; nothing else reads it."
)


@dataclass
class WrittenRecord:
    """The texts by their paths, as the file has them."""

    entries: dict[str, str] = field(default_factory=dict)

    def text(self, path: str) -> bytes | None:
        """Return what init wrote last; None if the record does not say."""
        try:
            return zlib.decompress(base64.b64decode(self.entries[path], validate=True))
        except (KeyError, ValueError, zlib.error):
            return None

    def note(self, path: str, text: bytes) -> None:
        """Keep what init writes.

        What says the same already stays as it is: another zlib may deflate otherwise.
        """
        if self.text(path) != text:
            self.entries[path] = base64.b64encode(zlib.compress(text, 9)).decode()

    @property
    def content(self) -> bytes:
        """Write the file: a line for each path.

        A difference is then of the paths that differ.
        """
        return (json.dumps({"about": ABOUT, "written": self.entries}, indent=1, sort_keys=True) + "\n").encode()


def record_of(root: Path) -> WrittenRecord:
    """Read the record; one that cannot be read says nothing."""
    try:
        value = json.loads((root / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return WrittenRecord()
    written = value.get("written") if isinstance(value, Mapping) else None
    entries = written if isinstance(written, Mapping) else {}
    return WrittenRecord({str(path): text for path, text in entries.items() if isinstance(text, str)})
