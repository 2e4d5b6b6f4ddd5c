"""SSM documents of an account, as text: whether two are the same, and how a version is named. Pure."""

from __future__ import annotations

import hashlib
import json


def same_document(content: str, other: str) -> bool:
    """Compare two SSM documents: blanks and key order do not count."""
    return _canonical(content) == _canonical(other)


def version_name(content: str) -> str:
    """Name a document's version by its content's hash."""
    # So it is found again.
    return f"sha256-{hashlib.sha256(_canonical(content).encode()).hexdigest()}"


def _canonical(content: str) -> str:
    return json.dumps(json.loads(content), sort_keys=True)
